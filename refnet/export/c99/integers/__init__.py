"""The C99 program of an integer network: for machines without floating point, an operating system or much memory."""

from refnet.export.c99.integers.render import render, render_network

__all__ = ["render", "render_network"]

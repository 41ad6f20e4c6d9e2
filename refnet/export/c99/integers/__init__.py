"""The C99 program of an integer network: for machines without floating point, an operating system or much memory."""

from refnet.export.c99.integers.render import render

__all__ = ["render"]

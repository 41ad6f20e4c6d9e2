"""The C99 program: a second implementation of the bit contract, written out for one model and one picture."""

from refnet.export.c99.render import render

__all__ = ["render"]

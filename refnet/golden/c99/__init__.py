"""The C99 program: a second implementation of the bit contract, written out for one model and one picture."""

from refnet.golden.c99.render import render

__all__ = ["render"]

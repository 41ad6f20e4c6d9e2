"""Every error that refnet raises on purpose: what was wrong, where, and what would be right.

All are a `RefnetError`. Most are also what Python itself would raise, so that code which catches ``ValueError``,
``OSError`` or ``FileNotFoundError`` already needs no change.

>>> import refnet
>>> try:
...     refnet.predict("nowhere.jpg")
... except FileNotFoundError as error:
...     print(error)
nowhere.jpg: cannot read the picture: No such file or directory

Within refnet, ``except RefnetError: raise`` comes before a handler of those around anything that raises ours.
"""

from __future__ import annotations

from errno import ENOENT


class RefnetError(Exception):
    """Base of all errors of refnet: ``str`` of one is its whole text, which the command line prints in one line."""


class UnknownModelError(RefnetError, ValueError):
    """A name under which there is no model."""


class WeightsNotFoundError(RefnetError, FileNotFoundError):
    """A model whose weight file is not on this machine, and was not or could not be fetched."""

    errno = ENOENT


class WeightsError(RefnetError):
    """A weight file that cannot be read or written, or does not say what its schema promises."""


class CheckpointError(RefnetError):
    """A published checkpoint that cannot be read or does not match its publisher's names."""


class ImageError(RefnetError, OSError):
    """A picture that cannot be read or has no meaning as a picture; Pillow's own errors are an ``OSError`` too."""


class ImageNotFoundError(ImageError, FileNotFoundError):
    """A picture of which there is no file."""

    errno = ENOENT


class InputError(RefnetError, ValueError):
    """An argument of the wrong kind: rank, dtype, channels, range, a step name, a size."""

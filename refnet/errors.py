"""Every error that refnet raises on purpose: what was wrong, where, and what would be right.

All are a `RefnetError`. Most are also what Python itself would raise, so that code which catches ``ValueError``,
``OSError`` or ``FileNotFoundError`` already needs no change. Where a file or folder is missing, the error is always a
``FileNotFoundError``, with its ``errno``, ``strerror`` and, where it is one file, ``filename``.

>>> import refnet
>>> try:
...     refnet.predict("nowhere.jpg")
... except FileNotFoundError as error:
...     print(error)
nowhere.jpg: cannot read the picture: No such file or directory

Within refnet, ``except RefnetError: raise`` comes before a handler of those around anything that raises ours.
"""

from __future__ import annotations

import os
from errno import ENOENT

_MISSING = os.strerror(ENOENT)


class RefnetError(Exception):
    """Base of all errors of refnet: ``str`` of one is its whole text, which the command line prints in one line."""

    # Beside an `OSError`'s own, which would change its text.
    filename: str | None = None

    def __init__(self, *text: object, filename: str | os.PathLike[str] | None = None) -> None:
        super().__init__(*text)
        if filename is not None:
            self.filename = os.fsdecode(filename)


class UnknownModelError(RefnetError, ValueError):
    """A name under which there is no model."""


class WeightsNotFoundError(RefnetError, FileNotFoundError):
    """A model whose weight file is not on this machine, and was not or could not be fetched."""

    errno = ENOENT
    strerror = _MISSING


class WeightsError(RefnetError):
    """A weight file that cannot be read or written, or does not say what its schema promises."""


class CheckpointError(RefnetError):
    """A published checkpoint that cannot be read or does not match its publisher's names."""


class CheckpointNotFoundError(CheckpointError, FileNotFoundError):
    """A published checkpoint of which there is no file."""

    errno = ENOENT
    strerror = _MISSING


class ImageError(RefnetError, OSError):
    """A picture that cannot be read or has no meaning as a picture; Pillow's own errors are an ``OSError`` too."""

    errno: int | None = None
    strerror: str | None = None


class ImageNotFoundError(ImageError, FileNotFoundError):
    """A picture of which there is no file."""

    errno = ENOENT
    strerror = _MISSING


class InputError(RefnetError, ValueError):
    """An argument of the wrong kind: rank, dtype, channels, range, a step name, a size."""


class InputNotFoundError(InputError, FileNotFoundError):
    """An argument that names a file or folder that is not there, or a place in a folder that is not there."""

    errno = ENOENT
    strerror = _MISSING


def input_error(text: str, path: str | os.PathLike[str], error: Exception) -> InputError:
    """Make the error of a file that cannot be used: one of Python's own too where it is missing.

    Examples
    --------
    >>> input_error("a: cannot be read", "a", FileNotFoundError(2, "No such file or directory"))
    InputNotFoundError('a: cannot be read')
    """
    kind = InputNotFoundError if isinstance(error, FileNotFoundError) else InputError
    return kind(text, filename=path)

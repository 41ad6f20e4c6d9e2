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
import shlex
from collections.abc import Iterable, Sequence
from errno import ENOENT
from typing import Any, Self

_MISSING = os.strerror(ENOENT)
FEW = 4  # things of a list that a text names
LONGEST = 80  # letters of one of them
VERBOSE = "--verbose"


class RefnetError(Exception):
    """Base of all errors of refnet: ``str`` of one is its text, which the command line prints in one line.

    ``details`` are all the things of which the text names the first few; the command line lists them with --verbose.
    """

    # Beside an `OSError`'s own, which would change its text.
    filename: str | None = None
    details: tuple[str, ...] = ()

    def __init__(
        self, *text: object, filename: str | os.PathLike[str] | None = None, details: Iterable[str] = ()
    ) -> None:
        super().__init__(*text)
        if filename is not None:
            self.filename = os.fsdecode(filename)
        if found := tuple(details):
            self.details = found

    def saying(self, text: str) -> Self:
        """Make the same error with another text.

        Examples
        --------
        >>> WeightsError("cut short", details=["a", "b"]).saying("b1.h5: cut short").details
        ('a', 'b')
        """
        error = type(self)(text, filename=self.filename)
        vars(error).update(vars(self))
        return error


class UnknownModelError(RefnetError, ValueError):
    """A name under which there is no model."""


class WeightsNotFoundError(RefnetError, FileNotFoundError):
    """A model whose weight file is not on this machine, and was not or could not be fetched."""

    errno = ENOENT
    strerror = _MISSING


class WeightsError(RefnetError):
    """A weight file that cannot be read or written, or does not say what its schema promises."""


class CheckpointError(RefnetError):
    """A published checkpoint that cannot be read or does not match its publisher's names.

    ``options`` are those of `refnet convert` of which any one answers what the file leaves open.
    """

    options: tuple[str, ...] = ()

    def __init__(
        self,
        *text: object,
        filename: str | os.PathLike[str] | None = None,
        details: Iterable[str] = (),
        options: Iterable[str] = (),
    ) -> None:
        super().__init__(*text, filename=filename, details=details)
        if found := tuple(options):
            self.options = found

    def about(self, path: str | os.PathLike[str]) -> Self:
        """Make the same error, naming its file, and a command that works if there is one.

        Examples
        --------
        >>> print(CheckpointError("whose is it", options=["--publisher timm"]).about("my b1.pth"))
        my b1.pth: whose is it; for one, `refnet convert 'my b1.pth' --publisher timm`
        """
        shown = os.fspath(path)
        command = f"; for one, `refnet convert {shlex.quote(str(shown))} {self.options[0]}`" if self.options else ""
        return self.saying(f"{shown!s}: {self}{command}")


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

    def __new__(cls, *text: object, **known: Any) -> Self:
        """Make it as an ``OSError``: ``ValueError``, whose turn it is, cannot, which Dask would stumble over."""
        return FileNotFoundError.__new__(cls, *text)


def input_error(text: str, path: str | os.PathLike[str], error: Exception) -> InputError:
    """Make the error of a file that cannot be used: one of Python's own too where it is missing.

    Examples
    --------
    >>> input_error("a: cannot be read", "a", FileNotFoundError(2, "No such file or directory"))
    InputNotFoundError('a: cannot be read')
    """
    kind = InputNotFoundError if isinstance(error, FileNotFoundError) else InputError
    return kind(text, filename=path)


def first_few(things: Sequence[str], few: int = FEW, *, by: str = "; ", longest: int = LONGEST) -> str:
    """Name the first few of a list, each cut to ``longest`` letters, and say how many there are more.

    Examples
    --------
    >>> first_few(["a is missing", "b is missing", "c is missing"], 2)
    'a is missing; b is missing; and 1 more, which --verbose lists'
    """
    named = [shortened(thing, longest) for thing in things[:few]]
    if len(things) > few:
        named.append(f"and {len(things) - few} more, which {VERBOSE} lists")
    return by.join(named)


def shortened(text: str, longest: int = LONGEST) -> str:
    """Cut a text that is too long to be read."""
    return text if len(text) <= longest else f"{text[: longest - 1]}…"

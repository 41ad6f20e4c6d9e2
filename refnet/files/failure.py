"""Errors of the system about a file that somebody named."""

from __future__ import annotations

import os

from refnet.errors import InputError, InputNotFoundError


def input_error(text: str, path: str | os.PathLike[str], error: Exception) -> InputError:
    """Make the error of a file that cannot be used: one of Python's own too where it is missing.

    Examples
    --------
    >>> input_error("a: cannot be read", "a", FileNotFoundError(2, "No such file or directory"))
    InputNotFoundError('a: cannot be read')
    """
    kind = InputNotFoundError if isinstance(error, FileNotFoundError) else InputError
    return kind(text, filename=path)

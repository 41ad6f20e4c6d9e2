"""A checkpoint file's bytes, whatever its format, and errors that name the file."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

from refnet.errors import CheckpointError

MAX_BYTES = 1 << 32

Content = TypeVar("Content")


def read(path: str | Path, parse: Callable[[bytes], Content]) -> Content:
    """Read a file whole and parse it.

    Parameters
    ----------
    path
        The file.
    parse
        Function of its bytes.

    Raises
    ------
    CheckpointError
        If the file cannot be read, is larger than any published checkpoint, or ``parse`` refuses it.
    """
    path = Path(path)
    if not path.is_file():
        raise CheckpointError(f"{path} is not a file")
    if path.stat().st_size > MAX_BYTES:
        raise CheckpointError(f"{path} has {path.stat().st_size} bytes, more than any published checkpoint")
    try:
        return parse(path.read_bytes())
    except (OSError, CheckpointError) as error:
        raise CheckpointError(f"{path}: {error}") from None

"""A checkpoint file's bytes, whatever its format, and errors that name the file."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

from refnet.errors import CheckpointError, CheckpointNotFoundError
from refnet.files import opening
from refnet.memory import lack

MAX_BYTES = 1 << 32

Content = TypeVar("Content")


def parse_file(path: str | Path, parse: Callable[[bytes], Content]) -> Content:
    """Read a file whole and parse its bytes; a file larger than any published checkpoint is refused."""
    path = Path(path)
    try:
        if not path.is_file():
            kind = CheckpointError if path.exists() else CheckpointNotFoundError
            raise kind(f"{path} is not a file", filename=path)
        check_size(path, path.stat().st_size)
        return parse(opening.read_bytes(path, MAX_BYTES))
    except (OSError, CheckpointError) as error:
        raise with_path(path, error) from None


def check_size(path: Path, size: int) -> None:
    """Refuse a file that is larger than any published checkpoint."""
    if size > MAX_BYTES:
        raise CheckpointError(f"{path}: {size} bytes, more than any published checkpoint: want at most {MAX_BYTES}")
    if missing := lack(size):
        raise CheckpointError(f"{path}: reading it needs {missing}")


def with_path(path: str | Path, error: OSError | CheckpointError) -> CheckpointError:
    """Make an error that names the file, once.

    Examples
    --------
    >>> with_path("a.pth", CheckpointError("a.pth: cut short")), with_path("b.pth", PermissionError(13, "denied"))
    (CheckpointError('a.pth: cut short'), CheckpointError('b.pth: denied'))
    """
    if isinstance(error, CheckpointError):
        named = error if str(error).startswith(str(path)) else error.about(path)
        named.filename = error.filename or str(path)
        return named
    kind = CheckpointNotFoundError if isinstance(error, FileNotFoundError) else CheckpointError
    text = error.strerror or str(error)
    return kind(text if text.startswith(str(path)) else f"{path}: {text}", filename=error.filename or path)

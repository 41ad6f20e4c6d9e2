"""Files that are there whole or not at all."""

from __future__ import annotations

import os
import secrets
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path


@contextmanager
def whole_file(path: Path) -> Iterator[Path]:
    """Give the name of a file to be written, which becomes ``path`` once it is complete; else nothing is left.

    An existing file is replaced in one step. Errors of the system come out as they are.

    Examples
    --------
    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as place:
    ...     target = Path(place) / "a.txt"
    ...     with whole_file(target) as unfinished:
    ...         _ = unfinished.write_text("a")
    ...         before = target.exists()
    ...     before, target.read_text()
    (False, 'a')
    """
    with whole_files(path) as (unfinished,):
        yield unfinished


@contextmanager
def whole_files(*paths: Path) -> Iterator[tuple[Path, ...]]:
    """Do as :func:`whole_file` with several files: once all are complete and on the disk, they appear in this order."""
    unfinished = tuple(path.with_name(f".{secrets.token_hex(8)}.part") for path in paths)
    try:
        yield unfinished
        for written in unfinished:
            with written.open("rb+") as file:
                os.fsync(file.fileno())
        for written, path in zip(unfinished, paths, strict=True):
            written.replace(path)
    finally:
        for written in unfinished:
            with suppress(OSError, ValueError):
                written.unlink()

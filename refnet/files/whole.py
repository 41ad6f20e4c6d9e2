"""Files and directories that are there whole or not at all."""

from __future__ import annotations

import errno
import os
import secrets
import shutil
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
    """Do as ``whole_file`` with several files: once all are complete and on the disk, they appear in this order."""
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


@contextmanager
def whole_directory(path: Path) -> Iterator[Path]:
    """Give a directory to be filled with files, which becomes ``path`` once it is complete; else nothing is left.

    An empty directory that is there already stays the same directory, for it may be where somebody stands or what a
    container mounts: its files come in at the end, one by one. Anything else that is there already is a
    FileExistsError; errors of the system come out as they are.

    Examples
    --------
    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as place:
    ...     target = Path(place) / "new"
    ...     with whole_directory(target) as unfinished:
    ...         _ = (unfinished / "a.txt").write_text("a")
    ...         before = target.exists()
    ...     before, [file.name for file in target.iterdir()]
    (False, ['a.txt'])
    """
    there = os.path.lexists(path)
    if there:
        _check_empty(path)
    unfinished = (path if there else path.parent) / f".{secrets.token_hex(8)}.part"
    unfinished.mkdir()
    try:
        yield unfinished
        if not there:
            unfinished.rename(path)
            return
        _check_empty(path, but=unfinished)
        for file in unfinished.iterdir():
            file.rename(path / file.name)
    finally:
        shutil.rmtree(unfinished, ignore_errors=True)


def _check_empty(path: Path, but: Path | None = None) -> None:
    if not path.is_dir() or any(file != but for file in path.iterdir()):
        raise FileExistsError(errno.EEXIST, "it exists and is no empty directory; want a new name", str(path))

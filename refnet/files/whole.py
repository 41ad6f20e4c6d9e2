"""Files and directories that are there whole or not at all."""

from __future__ import annotations

import errno
import os
import secrets
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from refnet.errors import InputError, InputNotFoundError, RefnetError
from refnet.files.failure import input_error


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
def whole_directory(path: Path, check: Callable[[Path, Path | None], None] | None = None) -> Iterator[Path]:
    """Give a directory to be filled with files, which becomes ``path`` once it is complete; else nothing is left.

    A directory that is there already stays the same directory, for it may be where somebody stands or what a container
    mounts: the new files replace the old ones at the end. ``check`` refuses one that may not be replaced, its second
    argument aside; by default one that is not empty. Errors of the system come out as they are.

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
    check = check or _check_empty
    there = os.path.lexists(path)
    if there:
        check(path, None)
    unfinished = (path if there else path.parent) / f".{secrets.token_hex(8)}.part"
    unfinished.mkdir()
    try:
        yield unfinished
        if there:
            check(path, unfinished)
            _replace_files(path, unfinished)
        else:
            unfinished.rename(path)
    finally:
        shutil.rmtree(unfinished, ignore_errors=True)


def _check_empty(path: Path, but: Path | None) -> None:
    if not path.is_dir() or any(file != but for file in path.iterdir()):
        raise FileExistsError(errno.EEXIST, "it exists and is no empty directory; want a new name", str(path))


def _replace_files(path: Path, unfinished: Path) -> None:
    """Move the files of ``path`` aside and the new ones in, or, where that fails, everything back."""
    aside = path / f".{secrets.token_hex(8)}.old"
    moves = [(file, aside / file.name) for file in path.iterdir() if file != unfinished]
    moves += [(file, path / file.name) for file in unfinished.iterdir()]
    done: list[tuple[Path, Path]] = []
    aside.mkdir()
    try:
        for source, target in moves:
            source.rename(target)
            done.append((source, target))
    except BaseException:
        for source, target in reversed(done):
            target.rename(source)
        aside.rmdir()
        raise
    shutil.rmtree(aside, ignore_errors=True)


def check_file_target(path: str | os.PathLike[str], *suffixes: str) -> Path:
    """Refuse, before any work is done, a path that no file can be written to, or one with another ending.

    Examples
    --------
    >>> check_file_target("network.onnx", ".onnx").name
    'network.onnx'
    """
    if not isinstance(path, str | os.PathLike):
        raise InputError(f"cannot write to {path!r}; want a path")
    path = Path(path)
    if path.exists() and not path.is_file():
        what = "a directory" if path.is_dir() else "no regular file"
        raise InputError(f"{path} not written: it is {what}; want the name of a file")
    if suffixes and path.suffix.lower() not in suffixes:
        ending = f"ends in {path.suffix}" if path.suffix else "has no ending"
        raise InputError(f"{path} not written: its name {ending}; want {' or '.join(suffixes)}")
    if not path.parent.is_dir():
        kind = InputError if path.parent.exists() else InputNotFoundError
        raise kind(f"{path} not written: there is no directory {path.parent}", filename=path)
    return path


@contextmanager
def not_written(target: str | os.PathLike[str]) -> Iterator[None]:
    """Say of an error of the system in the block what was not written."""
    try:
        yield
    except RefnetError:  # some are errors of Python as well
        raise
    except OSError as error:
        raise input_error(f"{target} not written: {error.strerror or error}", target, error) from error
    except ValueError as error:
        if "null" not in str(error):
            raise
        raise InputError(f"{str(target)!r} not written: {error}") from error

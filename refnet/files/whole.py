"""Files and directories that are there whole or not at all."""

from __future__ import annotations

import errno
import os
import re
import secrets
import shutil
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path

from refnet.errors import InputError, InputNotFoundError, RefnetError, input_error
from refnet.files.workplace import NAME, clear, workplace

_ASIDE = re.compile(r"\.[0-9a-f]{16}\.old")  # what files are called that were there before, while new ones move in


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
    with ExitStack() as stack:
        places = {parent: stack.enter_context(workplace(parent)) for parent in {path.parent: None for path in paths}}
        unfinished = tuple(places[path.parent] / path.name for path in paths)
        yield unfinished
        for written in unfinished:
            with written.open("rb+") as file:
                os.fsync(file.fileno())
        for written, path in zip(unfinished, paths, strict=True):
            written.replace(path)
        for parent in places:
            _sync_names(parent)


def _sync_names(directory: Path) -> None:
    """Bring a directory's names to the disk, where the system can."""
    with suppress(OSError):
        opened = os.open(directory, os.O_RDONLY)
        try:
            os.fsync(opened)
        finally:
            os.close(opened)


@contextmanager
def whole_directory(path: Path, check: Callable[[Path, Path | None], None] | None = None) -> Iterator[Path]:
    """Give a directory to be filled with files, which becomes ``path`` once it is complete; else nothing is left.

    A directory that is there already stays the same directory, for it may be where somebody stands or what a container
    mounts: the new files replace the old ones at the end. ``check`` refuses one that may not be replaced, its second
    argument aside; by default one that is not empty. One in which another run writes is refused as well, or in which a
    run that was killed left old files: they may be the only copy. Errors of the system come out as they are.

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
        clear(path)
        _check_left(path, None)
        check(path, None)
    with workplace(path if there else path.parent) as place:
        unfinished = place / (path.name or "new")
        unfinished.mkdir()
        yield unfinished
        if there:
            _check_left(path, place)
            check(path, place)
            _replace_files(path, place, unfinished)
        else:
            unfinished.rename(path)


def _check_empty(path: Path, but: Path | None) -> None:
    if not path.is_dir() or any(file != but for file in path.iterdir()):
        raise FileExistsError(errno.EEXIST, "it exists and is no empty directory; want a new name", str(path))


def _check_left(path: Path, but: Path | None) -> None:
    """Refuse a directory in which another run writes, or one that was killed left the files of before."""
    if not path.is_dir():
        return
    files = sorted(path.iterdir())
    for file in files:  # these come first, for they may be the only copy
        if _ASIDE.fullmatch(file.name):
            message = f"{file} holds the files of before an interrupted run; move them back, or remove it"
            raise FileExistsError(errno.EEXIST, message, str(path))
    for file in files:
        if file != but and NAME.fullmatch(file.name):
            message = f"another run is writing there, in {file}; wait for its end, or remove that if there is none"
            raise FileExistsError(errno.EEXIST, message, str(path))


def _replace_files(path: Path, place: Path, unfinished: Path) -> None:
    """Move the files of ``path`` aside and the new ones in, or, where that fails, everything back."""
    aside = path / f".{secrets.token_hex(8)}.old"
    moves = [(file, aside / file.name) for file in path.iterdir() if file != place]
    moves += [(file, path / file.name) for file in unfinished.iterdir()]
    begun: list[tuple[Path, Path]] = []
    try:
        aside.mkdir()
        for source, target in moves:
            begun.append((source, target))  # first, for an interruption may come between the two
            source.rename(target)
    except BaseException as error:
        stuck = _move_back(begun, aside)
        if os.path.lexists(aside):
            error.add_note(f"{aside} still holds files of before; move them back")
        for file in sorted(stuck):
            error.add_note(f"{file} is new, and could not be removed")
        raise
    shutil.rmtree(aside, ignore_errors=True)


def _move_back(begun: list[tuple[Path, Path]], aside: Path) -> set[Path]:
    """Undo the moves that took place, whatever becomes of each, and return the new files that are still there."""
    stuck: set[Path] = set()
    for source, target in reversed(begun):
        old = target.parent == aside
        moved = os.path.lexists(target) if old else not os.path.lexists(source)
        if not moved:
            continue
        with suppress(BaseException):  # another failure or interruption
            target.rename(source)  # an old file takes the place of a new one that would not go
        if not os.path.lexists(target):
            stuck.discard(source)
        elif not old:
            stuck.add(target)
    with suppress(OSError):
        aside.rmdir()
    return stuck


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
    with not_written(path):  # a name may be too long, or lead through a folder that is closed
        other = path.exists() and not path.is_file()
    if other:
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
        what = "; ".join([error.strerror or str(error), *getattr(error, "__notes__", ())])
        raise input_error(f"{target} not written: {what}", target, error) from error
    except ValueError as error:
        if "null" not in str(error):
            raise
        raise InputError(f"{str(target)!r} not written: {error}") from error

"""Workplaces: folders in which files are written before they get their names, gone when a run ends, however it ends.

A run that is killed leaves its own behind. It held a lock while it lived, so the next run that writes in the same place
sees that nobody holds it any more, and clears it away.
"""

from __future__ import annotations

import os
import platform
import re
import secrets
import shutil
import stat
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO

NAME = re.compile(r"\.[0-9a-f]{16}\.part")
LOCK = ".lock"
# Where locks tell nothing, age does: who works writes all the time, or gives up after a timeout.
DEAD = 3600.0  # seconds without a change
_MAX_NAME = 256  # letters of a machine's

_cleared: set[Path] = set()  # once in a process is enough: it may write thousands of files into one place


@contextmanager
def workplace(parent: Path) -> Iterator[Path]:
    """Give a new folder inside ``parent`` for the time of a block. Errors of the system come out as they are.

    Examples
    --------
    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as parent:
    ...     with workplace(Path(parent)) as place:
    ...         (place / "new").touch()
    ...         _ = (place / "new").rename(place.parent / "whole")
    ...     [file.name for file in Path(parent).iterdir()]
    ['whole']
    """
    parent = Path(parent)
    if parent.absolute() not in _cleared:
        clear(parent)
    place = parent / f".{secrets.token_hex(8)}.part"
    try:
        place.mkdir()
        with (place / LOCK).open("xb") as file:
            _hold(file)
            yield place
    finally:
        shutil.rmtree(place, ignore_errors=True)


def clear(parent: Path) -> None:
    """Remove the workplaces that dead runs of this user left in a folder."""
    _cleared.add(parent.absolute())
    with suppress(OSError), os.scandir(parent) as entries:
        left = [Path(entry.path) for entry in entries if NAME.fullmatch(entry.name)]
        for place in left:
            with suppress(OSError):
                _clear(place)


def _clear(place: Path) -> None:
    found = place.lstat()
    if not stat.S_ISDIR(found.st_mode) or (hasattr(os, "geteuid") and found.st_uid != os.geteuid()):
        return
    try:
        file = _open(place / LOCK)
    except OSError:
        if _is_old(place):
            shutil.rmtree(place, ignore_errors=True)
        return
    with file:
        here = file.read(_MAX_NAME) == _machine()
        if _lock(file, wait=False) is not False and (here or _is_old(place)):
            shutil.rmtree(place, ignore_errors=True)


def _open(path: Path) -> IO[bytes]:
    """Open a lock; whatever else has its name is neither followed nor waited for."""
    flags = sum(getattr(os, name, 0) for name in ("O_NONBLOCK", "O_NOFOLLOW", "O_BINARY"))
    file = os.fdopen(os.open(path, os.O_RDONLY | flags), "rb")
    if not stat.S_ISREG(os.fstat(file.fileno()).st_mode):
        file.close()
        raise OSError(f"{path} is no regular file")
    return file


def _hold(file: IO[bytes]) -> None:
    """Lock a new file, and say on which machine: a disk may be shared with others, where the lock is not seen."""
    if _lock(file, wait=True):
        file.write(_machine())
        file.flush()


def _lock(file: IO[bytes], *, wait: bool) -> bool | None:
    """Lock a file until it is closed; False if another process has it, None if there are no locks here."""
    try:
        import fcntl

        fcntl.flock(file, fcntl.LOCK_EX | (0 if wait else fcntl.LOCK_NB))
    except BlockingIOError:
        return False
    except (ImportError, OSError):  # on this system, or on this disk
        return None
    return True


def _machine() -> bytes:
    return platform.node().encode(errors="replace")[:_MAX_NAME] or b"?"


def _is_old(place: Path) -> bool:
    times = [0.0]
    for path in (place, *place.rglob("*")):
        with suppress(OSError):  # it is just being removed
            times.append(path.lstat().st_mtime)
    return time.time() - max(times) > DEAD

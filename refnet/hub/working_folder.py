"""The folder in which one fetch works, and what is left of those that were killed."""

from __future__ import annotations

import shutil
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO

PREFIX = "fetch-"
LOCK = ".lock"
# A fetch at work writes all the time, or gives up after a timeout; then it converts, which takes minutes at most.
DEAD = 3600.0  # seconds without a change


@contextmanager
def working_folder(cache: Path) -> Iterator[Path]:
    """Give a new folder inside the cache, which is gone afterwards, however it ends.

    If the process is killed, it stays: the next fetch removes what has not changed for an hour and is not locked, where
    the system has locks.
    """
    for leftover in cache.glob(f"{PREFIX}*"):
        if time.time() - _last_change(leftover) > DEAD and not _is_locked(leftover):
            shutil.rmtree(leftover, ignore_errors=True)
    with tempfile.TemporaryDirectory(prefix=PREFIX, dir=cache, ignore_cleanup_errors=True) as folder:
        path = Path(folder)
        with (path / LOCK).open("wb") as file:
            _lock(file)
            yield path


def _is_locked(folder: Path) -> bool:
    """Whether the process that made a folder still lives."""
    with suppress(OSError), (folder / LOCK).open("rb") as file:
        return not _lock(file)
    return False


def _lock(file: IO[bytes]) -> bool:
    """Lock a file until it is closed; False if another has it."""
    try:
        import fcntl

        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    except (ImportError, OSError):  # no locks on this system, or not on this disk: age alone decides
        return True
    return True


def _last_change(folder: Path) -> float:
    times = [0.0]
    for path in (folder, *folder.glob("*")):
        with suppress(OSError):  # it is just being removed
            times.append(path.lstat().st_mtime)
    return max(times)

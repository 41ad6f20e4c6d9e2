"""The folder in which one fetch works, and what is left of those that were killed."""

from __future__ import annotations

import shutil
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

PREFIX = "fetch-"
# A fetch at work writes all the time, or gives up after a timeout; then it converts, which takes minutes at most.
DEAD = 3600.0  # seconds without a change


@contextmanager
def working_folder(cache: Path) -> Iterator[Path]:
    """Give a new folder inside the cache, which is gone afterwards, however it ends.

    If the process is killed, it stays: the next fetch removes what has not changed for an hour.

    Raises
    ------
    OSError
        If it cannot be made.
    """
    for leftover in cache.glob(f"{PREFIX}*"):
        if time.time() - _last_change(leftover) > DEAD:
            shutil.rmtree(leftover, ignore_errors=True)
    with tempfile.TemporaryDirectory(prefix=PREFIX, dir=cache, ignore_cleanup_errors=True) as folder:
        yield Path(folder)


def _last_change(folder: Path) -> float:
    times = [0.0]
    for path in (folder, *folder.glob("*")):
        with suppress(OSError):  # it is just being removed
            times.append(path.lstat().st_mtime)
    return max(times)

"""Where the bytes of a download go: counted, hashed, written, and refused when there are too many."""

from __future__ import annotations

import hashlib
import sys
import time
from types import TracebackType
from typing import Any, BinaryIO, Self

from refnet.hub.failure import DownloadError
from refnet.weights.releases import Release

MAX_BYTES = 1 << 32  # of a file whose size is not published; the largest has 2 GB
# Slower than any line that people still fetch such files over: the smallest would take five hours.
MIN_RATE = 1000  # bytes in a second
PERIOD = 60.0  # seconds over which that is an average


class Sink:
    """A file that is being received. There is a bar on standard error if that is a terminal.

    Attributes
    ----------
    count
        Bytes received so far.
    sha256, md5
        Hashes of them.
    total
        Bytes that will have come in the end, as the publisher or else the server says; None if neither does.
    """

    def __init__(self, file: BinaryIO, release: Release) -> None:
        self.count = 0
        self.sha256, self.md5 = hashlib.sha256(), hashlib.md5(usedforsecurity=False)
        self._file, self._release = file, release
        self.total = release.bytes
        self._bar: Any = None  # of tqdm
        self._mark = time.monotonic(), 0  # when the rate was last looked at, and how much had come

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        if self._bar is not None:
            self._bar.close()

    def begin(self, stated: int | None) -> None:
        """Look at the size that the server states, before its content.

        Raises
        ------
        DownloadError
            If it is not the published one.
        """
        wanted = self._release.bytes
        if stated is not None:
            if stated > MAX_BYTES or (wanted is not None and stated != wanted):
                raise DownloadError(
                    f"the server has a file of {stated:,} bytes, not of {wanted or MAX_BYTES:,}", lasting=True
                )
            self.total = stated
        self._bar = _bar(self._release.file, self.total)

    def write(self, data: bytes) -> None:
        """Take the next bytes.

        Raises
        ------
        DownloadError
            If they are too many, or come too slowly.
        OSError
            If they cannot be written.
        """
        self.count += len(data)
        most = self._release.bytes or MAX_BYTES
        if self.count > most:
            raise DownloadError(f"the server sends more than {most:,} bytes", lasting=True)
        self.sha256.update(data)
        self.md5.update(data)
        self._file.write(data)
        if self._bar is not None:
            self._bar.update(len(data))
        self._check_rate()

    def finish(self) -> None:
        """Check that all has come.

        Raises
        ------
        DownloadError
            If the file is not complete.
        """
        if self.total is not None and self.count != self.total:
            raise DownloadError(f"the connection broke after {self.progress}", lasting=False)
        if self.count == 0:
            raise DownloadError("the server sends an empty file", lasting=True)

    @property
    def progress(self) -> str:
        """How much has come, in words."""
        return f"{self.count:,} bytes" if self.total is None else f"{self.count:,} of {self.total:,} bytes"

    def _check_rate(self) -> None:
        now, (then, before) = time.monotonic(), self._mark
        if now - then < PERIOD:
            return
        rate = (self.count - before) / (now - then)
        if rate < MIN_RATE:
            raise DownloadError(f"the server sends {rate:.0f} bytes a second, which is too slow", lasting=False)
        self._mark = now, self.count


def _bar(name: str, total: int | None) -> Any:
    if sys.stderr is None or not sys.stderr.isatty():
        return None
    from tqdm import tqdm

    kind = type("Bar", (tqdm,), {"monitor_interval": 0})  # no thread that watches over it
    return kind(desc=name, total=total, unit="B", unit_scale=True, leave=False, file=sys.stderr, dynamic_ncols=True)

"""Downloads: one published file over HTTP, with its size and hash checked.

Our own loop, because pooch compares the hash at the end: a server that never stopped filled the disk with 276 MB in
12 s, although the published size was known; and it stays for ever with one that sends a byte a second.
"""

from __future__ import annotations

import hashlib
import time
from collections.abc import Iterator
from http.client import HTTPException
from pathlib import Path
from typing import TYPE_CHECKING

from refnet import progress
from refnet.hub import http
from refnet.hub.failure import DownloadError, is_silence, warn
from refnet.hub.watchdog import Watchdog
from refnet.weights.releases import Release

if TYPE_CHECKING:
    from requests import Response

PAUSES = (1.0, 4.0)  # seconds before the second and the third try
CHUNK = 1 << 16  # bytes at most that are taken at once
MAX_BYTES = 1 << 32  # of a file whose size is not published; the largest has 2 GB
# Slower than any line that people still fetch such files over: the smallest would take five hours.
MIN_RATE = 1000  # bytes in a second
PERIOD = 60.0  # seconds over which that is an average


def download(release: Release, folder: Path) -> Path:
    """Download the file of a release under its published name; where the server fails, try again.

    It has the published size and hash; where no hash is published, a warning says which it has.
    """
    path = folder / release.file
    for pause in PAUSES:
        try:
            _try(release, path)
            return path
        except DownloadError as error:
            if error.lasting:
                raise
            warn(f"{release.file}: {error}; trying again in {pause:g} s")
        time.sleep(pause)
    _try(release, path)
    return path


def _try(release: Release, path: Path) -> None:
    with (
        Watchdog(2 * http.TIMEOUT) as watchdog,
        http.answer(release.url, watchdog) as response,
        path.open("wb") as file,
    ):
        arrival = Arrival(release, http.length(response))
        with progress.task(release.file, arrival.total, "bytes") as update:
            for piece in _pieces(response, watchdog, arrival):
                arrival.add(piece)
                file.write(piece)
                update(advance=len(piece))
    arrival.check()


def _pieces(response: Response, watchdog: Watchdog, arrival: Arrival) -> Iterator[bytes]:
    """Take the pieces as they come, not when there are enough of them: a slow server is to be seen."""
    from urllib3.exceptions import HTTPError

    while True:
        try:
            with watchdog.limit():
                piece = response.raw.read1(CHUNK, decode_content=False)
        except (HTTPError, HTTPException, OSError, ValueError) as error:
            raise (http.silence() if is_silence(error) else arrival.broken()) from None
        if not piece:
            return
        yield piece


class Arrival:
    """What has come of a file so far: counted, hashed, and refused when it is too much or comes too slowly."""

    def __init__(self, release: Release, stated: int | None) -> None:
        """Compare the size that the server states with the published one, before anything has come."""
        if stated is not None and (stated > MAX_BYTES or release.bytes not in {None, stated}):
            raise DownloadError(
                f"the server has a file of {stated:,} bytes, not of {release.bytes or MAX_BYTES:,}", lasting=True
            )
        self.total = release.bytes if stated is None else stated  # None if neither says it
        self._release = release
        self._count = 0
        self._sha256, self._md5 = hashlib.sha256(), hashlib.md5(usedforsecurity=False)
        self._mark = time.monotonic(), 0  # when the rate was last looked at, and how much had come

    def add(self, piece: bytes) -> None:
        """Take note of the next bytes."""
        self._count += len(piece)
        most = self._release.bytes or MAX_BYTES
        if self._count > most:
            raise DownloadError(f"the server sends more than {most:,} bytes", lasting=True)
        self._sha256.update(piece)
        self._md5.update(piece)
        self._check_rate()

    def check(self) -> None:
        """Refuse what is not the whole published file."""
        if self.total not in {None, self._count}:
            raise self.broken()
        if self._count == 0:
            raise DownloadError("the server sends an empty file", lasting=True)
        release, sha256 = self._release, self._sha256.hexdigest()
        for label, found, published in (
            ("SHA-256", sha256, release.sha256),
            ("MD5", self._md5.hexdigest(), release.md5),
        ):
            if published is not None and not found.startswith(published):
                raise DownloadError(
                    f"what came is not {release.file}: its {label} is {found}, the published one {published}",
                    lasting=self.total is not None,  # all came, and another try would bring the same
                )
        if release.sha256 is None and release.md5 is None:
            warn(f"no hash of {release.file} is published, so it is taken as it came; its SHA-256 is {sha256}")

    def broken(self) -> DownloadError:
        """What to say of a connection that ended too early."""
        whole = "" if self.total is None else f"of {self.total:,} "
        return DownloadError(f"the connection broke after {self._count:,} {whole}bytes", lasting=False)

    def _check_rate(self) -> None:
        now, (then, before) = time.monotonic(), self._mark
        if now - then < PERIOD:
            return
        rate = (self._count - before) / (now - then)
        if rate < MIN_RATE:
            raise DownloadError(f"the server sends {rate:.0f} bytes a second, which is too slow", lasting=False)
        self._mark = now, self._count

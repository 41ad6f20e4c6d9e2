"""Downloads: one published file over HTTP, with its size and hash checked.

The network is not trusted: no more bytes are taken than the file has, and a server that goes silent or hardly sends
anything is given up.
"""

from __future__ import annotations

import time
from http.client import HTTPException
from pathlib import Path
from typing import TYPE_CHECKING

from refnet.hub import http
from refnet.hub.failure import DownloadError, is_silence
from refnet.hub.notice import warn
from refnet.hub.sink import Sink
from refnet.hub.watchdog import Watchdog
from refnet.weights.releases import Release

if TYPE_CHECKING:
    from requests import Response

__all__ = ["DownloadError", "download"]

PAUSES = (1.0, 4.0)  # seconds before the second and the third try
CHUNK = 1 << 16  # bytes at most that are taken at once


def download(release: Release, folder: Path) -> Path:
    """Download the file of a release; where the connection breaks or the server fails, try again.

    Returns
    -------
    Path
        The file, under its published name. It has the published size and hash; where no hash is published, a warning
        says which it has.

    Raises
    ------
    DownloadError
        If it cannot be had, or is not the published file.
    OSError
        If it cannot be written.
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
        Sink(file, release) as sink,
    ):
        sink.begin(http.length(response))
        _receive(response, sink, watchdog)
        sink.finish()
    _check(release, sink)


def _receive(response: Response, sink: Sink, watchdog: Watchdog) -> None:
    """Take the pieces as they come, not when there are enough of them: a slow server is to be seen."""
    from urllib3.exceptions import HTTPError

    while True:
        try:
            with watchdog.limit():
                piece = response.raw.read1(CHUNK, decode_content=False)
        except (HTTPError, HTTPException, OSError, ValueError) as error:
            broken = DownloadError(f"the connection broke after {sink.progress}", lasting=False)
            raise (http.silence() if is_silence(error) else broken) from None
        if not piece:
            return
        sink.write(piece)


def _check(release: Release, sink: Sink) -> None:
    """Compare with what is published."""
    for label, found, published in (
        ("SHA-256", sink.sha256.hexdigest(), release.sha256),
        ("MD5", sink.md5.hexdigest(), release.md5),
    ):
        if published is not None and not found.startswith(published):
            raise DownloadError(
                f"what came is not {release.file}: its {label} is {found}, the published one {published}",
                lasting=sink.total is not None,  # all came, and another try would bring the same
            )
    if release.sha256 is None and release.md5 is None:
        warn(
            f"no hash of {release.file} is published, so it is taken as it came; "
            f"its SHA-256 is {sink.sha256.hexdigest()}"
        )

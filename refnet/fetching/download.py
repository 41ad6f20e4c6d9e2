"""Downloads: one published file over HTTP, with its size and hash checked.

The network is not trusted: no more bytes are taken than the file has, a server that goes silent is given up, and a
redirection may not leave https for http.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Iterator
from contextlib import contextmanager
from http import HTTPStatus
from pathlib import Path

from refnet import __version__
from refnet.fetching.sink import DownloadError, Sink
from refnet.releases import Release

__all__ = ["DownloadError", "download"]

TIMEOUT = 30.0  # seconds without a word from the server
PAUSES = (1.0, 4.0)  # seconds before the second and the third try
CHUNK = 1 << 16  # bytes
# Identity: what is counted and hashed is what the publisher put there.
HEADERS = {"User-Agent": f"refnet/{__version__}", "Accept-Encoding": "identity"}
PASSING = {HTTPStatus.REQUEST_TIMEOUT, HTTPStatus.TOO_MANY_REQUESTS}  # besides the server's own errors

_log = logging.getLogger("refnet")


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
            _log.warning("%s: %s; trying again in %g s", release.file, error, pause)
        time.sleep(pause)
    _try(release, path)
    return path


def _try(release: Release, path: Path) -> None:
    from pooch import HTTPDownloader

    with path.open("wb") as file, Sink(file, release) as sink, _network_errors(sink):
        hooks = {"response": sink.begin}
        HTTPDownloader(chunk_size=CHUNK, timeout=TIMEOUT, headers=HEADERS, hooks=hooks)(release.url, sink, None)
        sink.finish()
    _check(release, sink)


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
        _log.warning(
            "no hash of %s is published, so it is taken as it came; its SHA-256 is %s",
            release.file,
            sink.sha256.hexdigest(),
        )


@contextmanager
def _network_errors(sink: Sink) -> Iterator[None]:
    """Say in a few words what the libraries below say in many, and whether another try may help."""
    from requests.exceptions import HTTPError, RequestException, Timeout
    from urllib3.exceptions import HTTPError as LowerError
    from urllib3.exceptions import ReadTimeoutError

    try:
        yield
    except HTTPError:
        status = sink.status
        lasting = status < HTTPStatus.INTERNAL_SERVER_ERROR and status not in PASSING
        raise DownloadError(f"the server answers {status}", lasting=lasting) from None
    except (RequestException, LowerError, ValueError) as error:  # ValueError: senseless headers
        if isinstance(error, Timeout) or any(isinstance(inner, ReadTimeoutError) for inner in error.args):
            reason = f"the server was silent for {TIMEOUT:g} s"
        elif sink.receiving:
            reason = f"the connection broke after {sink.progress}"
        else:
            reason = _innermost(error)
        raise DownloadError(reason, lasting=False) from None


def _innermost(error: BaseException) -> str:
    """What the system said, without the names of the classes that passed it on."""
    inner: object = error
    while isinstance(inner, BaseException):
        error = inner
        inner = error.__cause__ or getattr(error, "reason", None) or next(iter(error.args), None)
    return getattr(error, "strerror", None) or str(error) or type(error).__name__

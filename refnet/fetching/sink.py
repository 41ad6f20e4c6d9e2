"""Where the bytes of a download go: counted, hashed, written, and refused when there are too many."""

from __future__ import annotations

import hashlib
import sys
from types import TracebackType
from typing import Any, BinaryIO, Self
from urllib.parse import urljoin, urlsplit

from refnet.releases import Release

MAX_BYTES = 1 << 32  # of a file whose size is not published; the largest has 2 GB


class DownloadError(Exception):
    """Why a file did not come, in a few words; ``lasting`` if another try would end the same way."""

    def __init__(self, reason: str, *, lasting: bool) -> None:
        super().__init__(reason)
        self.lasting = lasting


class Sink:
    """A file that is being received. There is a bar on standard error if that is a terminal.

    Attributes
    ----------
    receiving
        Whether the server has begun to send the file.
    count
        Bytes received so far.
    sha256, md5
        Hashes of them.
    total
        Bytes that will have come in the end, as the publisher or else the server says; None if neither does.
    """

    def __init__(self, file: BinaryIO, release: Release) -> None:
        self.receiving = False
        self.count = 0
        self.sha256, self.md5 = hashlib.sha256(), hashlib.md5(usedforsecurity=False)
        self._file, self._release = file, release
        self.total = release.bytes
        self._bar: Any = None  # of tqdm
        self._response: Any = None  # of requests

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        for part in (self._bar, self._response):
            if part is not None:
                part.close()

    def begin(self, response: Any, **_: Any) -> None:
        """Look at an answer of the server, before its content: a redirection, or the file at last.

        Raises
        ------
        DownloadError
            If the redirection leaves https for http, or the file has another size than the published one.
        """
        self._response = response
        if response.is_redirect:
            _check_redirect(response.url, response.headers["location"])
            return
        if not response.ok:
            return
        length = response.headers.get("content-length")
        if length is not None and "content-encoding" not in response.headers:
            self.total = int(length)
            wanted = self._release.bytes
            if self.total > MAX_BYTES or (wanted is not None and self.total != wanted):
                raise DownloadError(
                    f"the server has a file of {self.total:,} bytes, not of {wanted or MAX_BYTES:,}", lasting=True
                )
        self.receiving = True
        self._bar = _bar(self._release.file, self.total)

    def write(self, data: bytes) -> None:
        """Take the next bytes.

        Raises
        ------
        DownloadError
            If they are too many.
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

    def flush(self) -> None:
        """Not after each piece, as the downloader would have it: once, when the file is closed."""

    def finish(self) -> None:
        """Check that all has come.

        Raises
        ------
        DownloadError
            If the file is not complete.
        """
        if self.total is not None and self.count != self.total:
            raise DownloadError(f"the connection broke after {self.progress}", lasting=False)

    @property
    def status(self) -> int:
        """Code of the last answer."""
        return int(self._response.status_code)

    @property
    def progress(self) -> str:
        """How much has come, in words."""
        return f"{self.count:,} bytes" if self.total is None else f"{self.count:,} of {self.total:,} bytes"


def _check_redirect(source: str, location: str) -> None:
    target = urljoin(source, location)
    schemes = urlsplit(source).scheme, urlsplit(target).scheme
    if schemes[0] == "https" and schemes[1] != "https":
        raise DownloadError(f"the server redirects from https to {schemes[1]}, which is refused", lasting=True)


def _bar(name: str, total: int | None) -> Any:
    if sys.stderr is None or not sys.stderr.isatty():
        return None
    from tqdm import tqdm

    kind = type("Bar", (tqdm,), {"monitor_interval": 0})  # no thread that watches over it
    return kind(desc=name, total=total, unit="B", unit_scale=True, leave=False, file=sys.stderr, dynamic_ncols=True)

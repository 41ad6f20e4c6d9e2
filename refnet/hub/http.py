"""One answer over HTTP: the one that has the file, wherever the server sends us for it.

We follow redirections ourselves, because requests reads their bodies to the end even where it shall not follow them:
one body without an end held it for ever.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from http import HTTPStatus
from http.cookiejar import DefaultCookiePolicy
from typing import TYPE_CHECKING, Any
from urllib.parse import urljoin, urlsplit

from refnet.hub.failure import DownloadError, is_silence, no_answer
from refnet.hub.watchdog import Watchdog
from refnet.version import __version__

if TYPE_CHECKING:
    from requests import PreparedRequest, Response, Session

TIMEOUT = 30.0  # seconds without a word from the server
MAX_REDIRECTIONS = 5
# Identity: what is counted and hashed is what the publisher put there.
HEADERS = {"User-Agent": f"refnet/{__version__}", "Accept-Encoding": "identity"}
PASSING = {HTTPStatus.REQUEST_TIMEOUT, HTTPStatus.TOO_MANY_REQUESTS}  # besides the server's own errors


@contextmanager
def answer(url: str, watchdog: Watchdog) -> Iterator[Response]:
    """Ask for a file; the answer is not read yet, and closed in the end."""
    with _session(watchdog) as session:
        for _ in range(MAX_REDIRECTIONS + 1):
            with _ask(session, url, watchdog) as response:
                if not response.is_redirect:
                    _check(response)
                    yield response
                    return
                url = redirection(url, response.headers["location"])
    raise DownloadError(f"the server redirects more than {MAX_REDIRECTIONS} times", lasting=True)


def silence() -> DownloadError:
    """What to say of a server that says nothing."""
    return DownloadError(f"the server was silent for {TIMEOUT:g} s", lasting=False)


def length(response: Response) -> int | None:
    """How many bytes the server says that the file has."""
    stated: str | None = response.headers.get("content-length")
    if stated is None:
        return None
    if not re.fullmatch(r"[0-9]{1,15}", stated):
        raise DownloadError(f"the server states a length of {stated[:20]!r}, which is no number of bytes", lasting=True)
    return int(stated)


def redirection(url: str, location: str) -> str:
    """Where a redirection leads, if we go there: never from https to http.

    Examples
    --------
    >>> redirection("https://a.org/x/y", "../z")
    'https://a.org/z'
    """
    # HTTP has bytes there, which Python's library took for Latin-1.
    location = location.encode("latin-1", "replace").decode("utf-8", "replace")
    try:
        target = urljoin(url, location)
        before, after = urlsplit(url).scheme, urlsplit(target).scheme
    except ValueError:
        raise DownloadError(f"the server redirects to {location[:80]!r}, which is no address", lasting=True) from None
    if after != "https" and (before, after) != ("http", "http"):
        raise DownloadError(f"the server redirects from {before} to {after}, which is refused", lasting=True)
    return target


def _session(watchdog: Watchdog) -> Session:
    import requests

    class Unfollowing(requests.Session):
        """Sees no redirections, so that it does not read their bodies."""

        def get_redirect_target(self, resp: Any) -> None:
            return None

    session = Unfollowing()
    # Else requests would look for the host in the user's .netrc, whose `default` entry is for whatever host is asked.
    # Proxies of the environment have their own credentials, and only they are sent them.
    session.auth = _unchanged
    session.cookies.set_policy(DefaultCookiePolicy(allowed_domains=()))
    for scheme in ("http://", "https://"):
        session.mount(scheme, watchdog.adapter())
    return session


def _unchanged(request: PreparedRequest) -> PreparedRequest:
    """Nobody's name and password."""
    return request


def _ask(session: Session, url: str, watchdog: Watchdog) -> Response:
    from urllib3.exceptions import HTTPError

    try:
        with watchdog.limit():
            return session.get(url, headers=HEADERS, timeout=TIMEOUT, stream=True, allow_redirects=False)
    except (OSError, HTTPError, ValueError) as error:  # what requests raises is an OSError
        raise (silence() if is_silence(error) else no_answer(error, url)) from None


def _check(response: Response) -> None:
    status = response.status_code
    if status != HTTPStatus.OK:
        lasting = status < HTTPStatus.INTERNAL_SERVER_ERROR and status not in PASSING
        raise DownloadError(f"the server answers {status}", lasting=lasting)
    encoding = response.headers.get("content-encoding", "identity")
    if encoding.lower() != "identity":
        raise DownloadError(f"the server sends it encoded as {encoding[:20]!r}, which nobody asked for", lasting=True)

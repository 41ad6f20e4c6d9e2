"""Why a download failed: what the libraries below say in many words and names of classes, in a few plain ones."""

from __future__ import annotations

import logging
import warnings
from collections.abc import Iterator

_log = logging.getLogger("refnet")


class DownloadError(Exception):
    """Why a file did not come, in a few words; ``lasting`` if another try would end the same way."""

    def __init__(self, reason: str, *, lasting: bool) -> None:
        super().__init__(reason)
        self.lasting = lasting


def warn(text: str) -> None:
    """Say what a fetch does, for it is never silent: in the log or, if a program has turned that off, as a warning."""
    if _log.isEnabledFor(logging.WARNING):
        _log.warning("%s", text)
    else:
        warnings.warn(text, stacklevel=2)


def is_silence(error: BaseException) -> bool:
    """Whether somebody waited in vain."""
    from requests.exceptions import Timeout
    from urllib3.exceptions import ConnectTimeoutError, NewConnectionError, ReadTimeoutError

    kinds = (Timeout, ReadTimeoutError, ConnectTimeoutError, TimeoutError)
    return any(isinstance(each, kinds) and not isinstance(each, NewConnectionError) for each in _causes(error))


def no_answer(error: BaseException, url: str) -> DownloadError:
    """Explain why a server was asked and did not answer, or was not even asked."""
    import ssl
    from http.client import HTTPException, RemoteDisconnected

    from requests.exceptions import ProxyError, RequestException
    from urllib3.exceptions import InvalidHeader, LocationParseError

    causes = list(_causes(error))

    def among(*kinds: type[BaseException]) -> list[BaseException]:
        return [each for each in causes if isinstance(each, kinds)]

    own = [each for each in among(OSError) if not isinstance(each, RequestException)]
    system = [each.strerror for each in own if isinstance(each, OSError) and each.strerror]
    explanations = [
        *((f"the server's certificate is refused: {each}", True) for each in among(ssl.SSLCertVerificationError)),
        *((f"the proxy does not help: {(system or own or ['no answer'])[-1]}", False) for _ in among(ProxyError)),
        *(("the server closed the connection without an answer", False) for _ in among(RemoteDisconnected)),
        *(("what the server answers is not HTTP", True) for _ in among(HTTPException)),
        *((f"the header of the server's answer is wrong: {each}", True) for each in among(InvalidHeader)),
        *((text, False) for text in reversed(system)),
        *((f"the address {url} cannot be used", True) for _ in among(ValueError, LocationParseError)),
        *((str(each), True) for each in own),  # of this machine, such as its file of certificates
        ("the connection failed", False),
    ]
    reason, lasting = explanations[0]
    return DownloadError(reason, lasting=lasting)


def _causes(error: BaseException) -> Iterator[BaseException]:
    """The error and all that it was made of, from the outside in."""
    waiting, seen = [error], set()
    while waiting:
        each = waiting.pop(0)
        if id(each) in seen:
            continue
        seen.add(id(each))
        yield each
        inner = (each.__cause__, getattr(each, "reason", None), *each.args)
        waiting += [other for other in inner if isinstance(other, BaseException)]

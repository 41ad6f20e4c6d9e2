"""A limit on how long a server may take for one thing, however it spreads what it sends.

Timeouts of requests start anew with every byte: with a timeout of 0.5 s, a header or a chunk's length that came byte by
byte and never ended held it for as long as we watched.
"""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from math import inf
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self

from refnet.hub.failure import DownloadError

if TYPE_CHECKING:
    from requests.adapters import HTTPAdapter


class Watchdog:
    """Shuts the connections of one download down when something takes longer than ``seconds``.

    It waits in a thread of its own, which ends with the ``with`` statement.
    """

    def __init__(self, seconds: float) -> None:
        self._seconds = seconds
        self._deadline = inf
        self._has_bitten = False
        self._sockets: list[socket.socket] = []
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._wait, name="refnet watchdog", daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._over.set()
        self._thread.join()
        for each in self._sockets:
            each.close()

    @contextmanager
    def limit(self) -> Iterator[None]:
        """Give what is done inside so many seconds; what took longer is an error, even if it looks whole."""
        self._deadline = time.monotonic() + self._seconds
        try:
            yield
        except Exception:
            self._check()
            raise
        finally:
            self._deadline = inf
        self._check()

    def watch(self, connection: socket.socket) -> None:
        """Take a connection in charge; what encrypts it later takes the socket itself, so a second handle is kept."""
        self._sockets.append(connection.dup())
        if self._has_bitten:
            self._shut()

    def adapter(self) -> HTTPAdapter:
        """Make what gives requests its connections: each is watched from its first byte, those of TLS included."""
        from requests.adapters import HTTPAdapter

        watch = self.watch

        class Watched(HTTPAdapter):
            def get_connection_with_tls_context(self, *arguments: Any, **options: Any) -> Any:
                pool: Any = super().get_connection_with_tls_context(*arguments, **options)
                kind: Any = type(pool).ConnectionCls

                class Connection(kind):  # type: ignore[misc]  # of HTTP, of HTTPS, or through a proxy
                    def _new_conn(self) -> socket.socket:
                        connection: socket.socket = super()._new_conn()
                        watch(connection)
                        return connection

                pool.ConnectionCls = Connection
                return pool

        return Watched()

    def _check(self) -> None:
        if self._has_bitten:
            raise DownloadError(
                f"the server is too slow: nothing whole came in {self._seconds:g} s", lasting=False
            ) from None

    def _wait(self) -> None:
        """Look again no later than a limit that is set meanwhile can end."""
        pause = self._seconds
        while not self._over.wait(pause):
            left = self._deadline - time.monotonic()
            if left <= 0:
                self._has_bitten = True
                self._shut()
                return
            pause = min(left, self._seconds)

    def _shut(self) -> None:
        for each in list(self._sockets):
            with suppress(OSError):  # it is closed already
                each.shutdown(socket.SHUT_RDWR)

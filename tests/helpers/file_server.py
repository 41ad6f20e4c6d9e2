"""An HTTP server on this machine that misbehaves on demand."""

from __future__ import annotations

import gzip
import threading
import time
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


class Server(ThreadingHTTPServer):
    """Each request takes the next answer of ``answers``; the last one stays."""

    daemon_threads = True
    block_on_close = False

    def __init__(self):
        super().__init__(("127.0.0.1", 0), Handler)
        self.answers = []
        self.requests = []  # path and headers

    @property
    def address(self):
        return f"http://127.0.0.1:{self.server_port}"

    def handle_error(self, *_):
        """The client went away: it is meant to."""


class Handler(BaseHTTPRequestHandler):
    def do_GET(self):
        self.server.requests.append((self.path, dict(self.headers)))
        answers = self.server.answers
        (answers.pop(0) if len(answers) > 1 else answers[0])(self)

    def head(self, status=200, **headers):
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name.replace("_", "-"), str(value))
        self.end_headers()

    def log_message(self, *_):
        pass


@contextmanager
def serving():
    with Server() as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
        thread.start()
        yield server
        server.shutdown()
        thread.join()


def good(data, pieces=1, pause=0.0):
    def answer(handler):
        handler.head(Content_Length=len(data))
        step = -(-len(data) // pieces)
        for start in range(0, len(data), step):
            handler.wfile.write(data[start : start + step])
            time.sleep(pause)

    return answer


def cut(data, length):
    """Promise more than is sent."""

    def answer(handler):
        handler.head(Content_Length=length)
        handler.wfile.write(data)

    return answer


def unmeasured(data):
    """No length: the end of the connection is the end of the file."""

    def answer(handler):
        handler.head()
        handler.wfile.write(data)

    return answer


def status(code, length=0, **headers):
    return lambda handler: handler.head(code, Content_Length=length, **headers)


def with_length(text):
    return lambda handler: handler.head(Content_Length=text)


def encoded(data):
    def answer(handler):
        handler.head(Content_Encoding="gzip")
        handler.wfile.write(gzip.compress(data))

    return answer


def spoken(words):
    """Nothing but these."""
    return lambda handler: handler.wfile.write(words)


def endless_redirection(handler):
    handler.head(302, Location="/there")
    while True:
        handler.wfile.write(b"?" * 4096)


def endless(handler):
    handler.head()
    while True:
        handler.wfile.write(b"?" * 4096)


def silent(seconds):
    return lambda handler: time.sleep(seconds)


def dripping(start, piece, pause=0.02):
    """Something that never ends, a little at a time: no single wait is long."""

    def answer(handler):
        handler.wfile.write(start)
        while True:
            handler.wfile.write(piece)
            time.sleep(pause)

    return answer

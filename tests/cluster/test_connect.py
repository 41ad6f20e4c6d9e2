"""A scheduler by its address or its file, or one that is not there."""

import json
import socket
import sys
import threading
from http.server import BaseHTTPRequestHandler, HTTPServer

import dask
import pytest

from refnet.cluster import connect
from refnet.cluster.connect import connected
from refnet.errors import InputError, InputNotFoundError


def test_a_scheduler_by_its_address_or_its_file(client, tmp_path):
    file = tmp_path / "scheduler.json"
    file.write_text(json.dumps({"address": client.scheduler.address}))
    for scheduler in (client.scheduler.address, str(file)):
        with connected(scheduler) as found:
            assert len(found.nthreads()) == 2
        assert found.status == "closed"


def test_nobody_who_answers():
    with socket.socket() as taken, dask.config.set({"distributed.comm.timeouts.connect": "500ms"}):
        taken.bind(("127.0.0.1", 0))  # and does not listen
        address = f"tcp://127.0.0.1:{taken.getsockname()[1]}"
        with pytest.raises(InputError, match=f"{address}: no Dask scheduler answers: "), connected(address):
            pass
    with pytest.raises(InputError, match="strange://a:1: no Dask scheduler answers: "), connected("strange://a:1"):
        pass


@pytest.fixture
def web_server():
    class Silent(BaseHTTPRequestHandler):
        def log_message(self, *arguments):
            pass

    with HTTPServer(("127.0.0.1", 0), Silent) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
        thread.start()
        yield f"127.0.0.1:{server.server_port}"
        server.shutdown()
        thread.join()


@pytest.mark.parametrize("protocol", ["tcp", "ws"])
def test_somebody_else_who_answers(web_server, monkeypatch, protocol):
    monkeypatch.setattr(connect, "PATIENCE", 0.5)
    address = f"{protocol}://{web_server}"
    with pytest.raises(InputError, match=f"{address}: no Dask scheduler answers: "), connected(address):
        pass


@pytest.mark.parametrize(
    ("content", "text"),
    [
        (b"tcp://10.0.0.1:8786", "no file of a Dask scheduler, which states its address; want the address of a Dask"),
        (b"\xff", "no file of a Dask scheduler"),
        (b"[]", "no file of a Dask scheduler"),
        (b'{"id": "x"}', "no file of a Dask scheduler"),
        (b'{"address": 3}', "no file of a Dask scheduler"),
    ],
)
def test_a_file_of_something_else(tmp_path, content, text):
    file = tmp_path / "scheduler.json"
    file.write_bytes(content)
    with pytest.raises(InputError, match=f"scheduler.json: {text}"), connected(str(file)):
        pass


def test_a_file_that_cannot_be_read(tmp_path):
    with pytest.raises(InputError, match="cannot be read: Is a directory; want the address"), connected(str(tmp_path)):
        pass
    with pytest.raises(InputNotFoundError, match="there is no such file"), connected(str(tmp_path / "a")):
        pass


def test_without_dask_it_says_what_to_install(monkeypatch):
    monkeypatch.setitem(sys.modules, "distributed", None)
    with pytest.raises(InputError, match=r"`pip install 'refnet\[cluster\]'` brings them"), connected("tcp://a:1"):
        pass

"""A scheduler by its address or its file, or one that is not there."""

import json
import socket
import sys

import dask
import pytest

from refnet.cluster.connect import connected
from refnet.errors import InputError


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


def test_without_dask_it_says_what_to_install(monkeypatch):
    monkeypatch.setitem(sys.modules, "distributed", None)
    with pytest.raises(InputError, match=r"`pip install 'refnet\[cluster\]'` brings them"), connected("tcp://a:1"):
        pass

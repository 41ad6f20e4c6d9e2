from dataclasses import replace

import pytest
from helpers import file_server
from helpers.published_file import DATA, SHA256, convert

from refnet.errors import WeightsError
from refnet.hub import download, fetch
from refnet.weights import releases


@pytest.fixture
def online(monkeypatch, tmp_path):
    """An empty cache, in an environment that allows downloads."""
    monkeypatch.setenv("REFNET_CACHE", str(tmp_path / "cache"))
    monkeypatch.delenv("REFNET_OFFLINE")
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    return tmp_path / "cache"


@pytest.fixture
def cache(online, monkeypatch):
    """The same, and neither conversion nor reader is the real one."""

    def read_named(name, path):
        if path.read_bytes() != DATA:
            raise WeightsError(f"{path}: no")

    monkeypatch.setattr(download, "PAUSES", (0, 0))
    monkeypatch.setattr(download, "CHUNK", 100)
    monkeypatch.setattr(fetch, "_convert", convert)
    monkeypatch.setattr(fetch, "read_named", read_named)
    return online


@pytest.fixture
def server():
    with file_server.serving() as server:
        server.answers.append(file_server.good(DATA))
        yield server


@pytest.fixture
def release(server):
    """b1, published on that server."""
    known = releases.find("b1@timm-tf:aa")
    return replace(known, file="b1.pth", url=f"{server.address}/b1.pth", bytes=len(DATA), sha256=SHA256)

"""A cluster of two processes on this machine, the same for all tests of a file that leave it as it is.

It ends with the file: its threads watch its workers, and other tests watch what is opened.
"""

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from distributed import Client, LocalCluster
from helpers.places import CHELSEA
from helpers.small_weights import make_weights
from PIL import Image

import refnet
from refnet.network import Network
from refnet.pipeline.pipeline import Pipeline


@contextmanager
def two_workers(**options) -> Iterator[Client]:
    with (
        LocalCluster(2, threads_per_worker=1, dashboard_address=":0", silence_logs="CRITICAL", **options) as cluster,
        Client(cluster, set_as_default=False) as client,
    ):
        yield client


@pytest.fixture(scope="module")
def client() -> Iterator[Client]:
    refnet.warmup()  # once, rather than on each worker
    with two_workers() as client:
        yield client


@pytest.fixture(scope="session")
def pipeline() -> Pipeline:
    """One that is quick: a small network, whose weights no worker has."""
    return Pipeline(Network(make_weights()))


@pytest.fixture(scope="session")
def photos(tmp_path_factory) -> Path:
    """A bad file among good ones, some in a folder of its own."""
    folder = tmp_path_factory.mktemp("photos")
    with Image.open(CHELSEA) as picture:
        for number in range(9):
            picture.resize((40 + number, 60)).save(folder / f"cat {number}.png")
    (folder / "cat 4.png").write_bytes(b"no picture")
    (folder / "more").mkdir()
    shutil.copy(folder / "cat 1.png", folder / "more" / "kitten.png")
    return folder

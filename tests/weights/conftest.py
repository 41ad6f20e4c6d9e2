from pathlib import Path

import pytest
from helpers.small_weights import make_weights

from refnet.weights import writer


@pytest.fixture(scope="module")
def good(tmp_path_factory) -> bytes:
    path = tmp_path_factory.mktemp("good") / "tiny.h5"
    writer.write(path, make_weights())
    return path.read_bytes()


@pytest.fixture
def path(tmp_path, good) -> Path:
    path = tmp_path / "tiny.h5"
    path.write_bytes(good)
    return path

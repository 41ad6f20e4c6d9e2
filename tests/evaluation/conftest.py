"""A network that tells ten things apart, and pictures of them."""

import numpy as np
import pytest
from helpers.small_weights import make_weights
from PIL import Image

from refnet.network import Network

CLASSES = 10


@pytest.fixture(scope="session")
def network():
    """Its answers are far from even, so that none is a tie."""
    weights = make_weights(classes=CLASSES)
    rng = np.random.default_rng(1)
    for name, tensor in weights.tensors.items():
        weights.tensors[name] = rng.normal(size=tensor.shape).astype(np.float32) if "variance" not in name else tensor
    return Network(weights, threads=1)


@pytest.fixture(scope="session")
def pictures(tmp_path_factory):
    """Twelve pictures in folders n00000000, n00000001 and n00000002, four in each."""
    place = tmp_path_factory.mktemp("pictures")
    rng = np.random.default_rng(2)
    for number in range(12):
        folder = place / f"n0000000{number % 3}"
        folder.mkdir(exist_ok=True)
        rough = rng.integers(0, 256, (4, 4, 3), np.uint8)
        Image.fromarray(rough).resize((40, 36)).save(folder / f"{number}.png")
    return place

"""The small networks of tests/data/tflite, as refnet finds and runs them."""

import numpy as np
from helpers.places import DATA

from refnet.architecture.scaling import Coefficients
from refnet.architecture.variants import efficientnet
from refnet.checkpoints.graph.match import Found, match
from refnet.checkpoints.graph.tflite.build import graph
from refnet.checkpoints.readers.tflite import tflite_file
from refnet.network import Network
from refnet.preprocessing.normalise import normalise
from refnet.preprocessing.recipe import TENSORFLOW
from refnet.weights.weights import Provenance, Weights

FOLDER = DATA / "tflite"
EXPECTED = np.load(FOLDER / "expected.npz")
CANDIDATES = (
    efficientnet(Coefficients(0.02, 0.3, 64), name="tiny"),
    efficientnet(Coefficients(0.125, 0.3, 64, lite=True), name="tinylite"),
)


def found_in(name: str) -> Found:
    return find((FOLDER / name).read_bytes())


def find(data: bytes) -> Found:
    return match(graph(tflite_file.load(data)), candidates=CANDIDATES)


def answer(found: Found, pixels: np.ndarray, dtype: str) -> np.ndarray:
    weights = Weights(
        found.architecture, found.padding, found.bn_eps, TENSORFLOW, found.tensors, None, Provenance("tf")
    )
    x = normalise(pixels.astype(np.float32), found.normalise)
    return Network(weights, dtype=dtype, threads=1).answer(x)

"""Small float networks to be quantised, and pictures for them."""

from functools import cache

import numpy as np

from refnet.architecture.scaling import Coefficients
from refnet.architecture.top import PUBLISHED_TOP, Top
from refnet.architecture.variants import efficientnet
from refnet.network import Network
from refnet.preprocessing.recipe import LITE
from refnet.weights import synthetic
from refnet.weights.weights import Provenance, Weights

SIDE = 32


def weights(*, lite: bool, top: Top = PUBLISHED_TOP, classes: int = 7) -> Weights:
    architecture = efficientnet(Coefficients(0.1, 0.3, SIDE, lite=lite), name="tiny", classes=classes)
    architecture = architecture if top is PUBLISHED_TOP else _with_top(architecture, top)
    tensors = synthetic.tensors(architecture)
    return Weights(architecture, "same", 1e-3, LITE, tensors, None, Provenance("a test"))


def _with_top(architecture, top):
    from dataclasses import replace

    return replace(architecture, top=top)


@cache
def network(kind: str) -> Network:
    """``lite``, or ``swish`` with squeeze-excite."""
    return Network(weights(lite=kind == "lite"), threads=1)


def pictures(count: int, seed: int = 0) -> np.ndarray:
    """As a recipe makes them, of pixels that have 256 values."""
    pixels = np.random.default_rng(seed).integers(0, 256, (count, SIDE, SIDE, 3))
    return ((pixels - 127) / np.float32(128)).astype(np.float32)

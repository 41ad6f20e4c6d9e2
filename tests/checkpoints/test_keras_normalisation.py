"""What Keras's models do to pixels, and the networks in Keras's files on pixels that had it done to them."""

import operator

import numpy as np
import pytest
from helpers.places import DATA

from refnet.architecture.scaling import Coefficients
from refnet.architecture.variants import efficientnet
from refnet.checkpoints.keras_normalisation import DEVIATIONS, MEANS, normalisation_of, numbers_of
from refnet.checkpoints.naming.keras import rename
from refnet.checkpoints.publishers import PUBLISHERS
from refnet.checkpoints.readers.keras import keras_file
from refnet.errors import CheckpointError
from refnet.network import Network
from refnet.preprocessing.recipe import TENSORFLOW
from refnet.weights.weights import Provenance, Weights

FOLDER = DATA / "keras"
SMALL = efficientnet(Coefficients(width=0.02, depth=0.3, resolution=64), name="small", classes=5)
KERAS = PUBLISHERS["keras"]
TWICE = {"weights.h5": "published"}
ONCE = {"keras3.weights.h5": "other"}
DO = {"multiply": operator.mul, "subtract": operator.sub, "divide": operator.truediv}


def stored(mean, variance, dtype=np.float32):
    return {"normalization/mean": np.array(mean, dtype), "normalization/variance": np.array(variance, dtype)}


PUBLISHED = stored(MEANS, DEVIATIONS)


def exactly(number: float) -> tuple[float, ...]:
    return (float(np.float32(number)),) * 3


class TestAgainstKeras:
    @pytest.mark.parametrize("file", [*TWICE, *ONCE])
    @pytest.mark.parametrize(("dtype", "most"), [("float64", 2e-7), ("float32", 2e-6)])
    def test_the_same_logits(self, file, dtype, most):
        """On pictures of an odd and an even side. Keras in float64 does not round 1/255 and the roots to float32."""
        content = keras_file.read(FOLDER / file)
        tensors = rename(content.tensors)
        assert numbers_of(tensors) == (TWICE | ONCE)[file]
        with np.load(FOLDER / "expected.npz") as expected:
            pixels, theirs = expected["pixels"], expected[f"{dtype} {file}"]
        operations = normalisation_of(tensors)
        for name, numbers in operations:
            pixels = DO[name](pixels, np.float32(numbers))
        assert (pixels.shape, pixels.dtype) == ((2, 45, 64, 3), np.float32)

        ours = KERAS.to_ours(tensors, SMALL).tensors
        weights = Weights(SMALL, KERAS.padding, KERAS.bn_eps["b0"], TENSORFLOW, ours, None, Provenance("keras"))
        difference = Network(weights, dtype=dtype, threads=1).logits(pixels) - theirs
        assert np.sqrt(np.square(difference).mean() / np.square(theirs).mean()) < most


class TestNumbers:
    @pytest.mark.parametrize(
        ("mean", "variance", "kind"),
        [
            (MEANS, DEVIATIONS, "published"),
            (MEANS, np.square(DEVIATIONS), "proper"),
            ((0, 0, 0), (1, 1, 1), "untouched"),
            (MEANS, (1, 1, 1), "other"),
            (np.nextafter(np.float32(MEANS), 1), DEVIATIONS, "published"),
            (MEANS, np.float32(DEVIATIONS) * 1.0001, "other"),
            ((123.675, 116.28, 103.53), np.square((58.395, 57.12, 57.375)), "other"),
        ],
    )
    def test_kinds(self, mean, variance, kind):
        assert numbers_of(stored(mean, variance)) == kind
        assert numbers_of(stored([[[mean]]], [[[variance]]], np.float64)) == kind

    def test_none(self):
        assert numbers_of({}) is None
        assert normalisation_of({}) is None

    def test_what_a_data_set_has(self):
        assert normalisation_of(stored((0.5, 0.25, 0), (0.25, 4, 0))) == (
            ("multiply", exactly(1 / 255)),
            ("subtract", (0.5, 0.25, 0.0)),
            ("divide", (0.5, 2.0, float(np.float32(1e-7)))),
        )

    @pytest.mark.parametrize(
        "tensors",
        [
            stored((1, 2), (1, 2)),
            stored((1, 2, np.nan), (1, 1, 1)),
            stored((0, 0, 0), (1, np.inf, 1)),
            stored((0, 0, 0), (1, -1, 1)),
            stored((0, 0, 0), (1, 1, 1), np.int32),
            {"normalization/mean": np.zeros(3, np.float32)},
        ],
    )
    def test_senseless(self, tensors):
        with pytest.raises(CheckpointError, match=r"three finite numbers each|has a number below 0"):
            normalisation_of(tensors)

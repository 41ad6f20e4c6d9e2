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
from refnet.checkpoints.readers.keras.keras_content import Layer
from refnet.errors import CheckpointError
from refnet.network import Network
from refnet.preprocessing.recipe import TENSORFLOW
from refnet.weights.weights import Provenance, Weights

FOLDER = DATA / "keras"
SMALL = efficientnet(Coefficients(width=0.02, depth=0.3, resolution=64), name="small", classes=5)
KERAS = PUBLISHERS["keras"]
TWICE = {"weights.h5": "published", "model.h5": "published", "keras3.keras": "published"}
ONCE = {"keras3.weights.h5": "other", "nested.h5": "other", "keras2.keras": "untouched"}
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
        operations = normalisation_of(tensors, content.model)
        for name, numbers in operations:
            pixels = DO[name](pixels, np.float32(numbers))
        assert (pixels.shape, pixels.dtype) == ((2, 45, 64, 3), np.float32)

        ours = KERAS.to_ours(tensors, SMALL).tensors
        weights = Weights(SMALL, KERAS.padding, KERAS.bn_eps["b0"], TENSORFLOW, ours, None, Provenance("keras"))
        difference = Network(weights, dtype=dtype, threads=1).logits(pixels) - theirs
        assert np.sqrt(np.square(difference).mean() / np.square(theirs).mean()) < most

    @pytest.mark.parametrize("file", TWICE)
    def test_the_second_scaling(self, file):
        """As Keras 2 and Keras 3 write it, and as it is assumed: pixels less the means, over the deviations."""
        content = keras_file.read(FOLDER / file)
        operations = normalisation_of(content.tensors, content.model)
        assert [name for name, _ in operations] == ["multiply", "subtract", "divide", "multiply"]
        assert operations[0][1] == exactly(1 / 255)
        assert operations[1][1] == tuple(np.float32(MEANS).tolist())
        assert operations[2][1] == tuple(np.sqrt(np.float32(DEVIATIONS)).tolist())
        assert np.allclose(operations[3][1], 1 / np.sqrt(DEVIATIONS), rtol=1e-7, atol=0)
        x = np.float32([[0, 127, 255]])
        exact = (np.float64(x) / 255 - MEANS) / DEVIATIONS
        for name, numbers in operations:
            x = DO[name](x, np.float32(numbers))
        assert np.allclose(x, exact, rtol=5e-7, atol=5e-7)


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
        assert normalisation_of({}, Layer("m", "Functional", {})) is None

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


def model(*layers: Layer) -> Layer:
    return Layer("model", "Functional", {}, (*layers, Layer("stem_conv", "Conv2D", {}), Layer("late", "Lambda", {})))


def rescaling(scale: object, offset: object = 0.0) -> Layer:
    return Layer("rescaling", "Rescaling", {"scale": scale, "offset": offset})


NORMALIZATION = Layer("normalization_2", "Normalization", {"mean": None, "variance": None, "invert": False})


def operation(function: str, y: object) -> Layer:
    return Layer("tf.math", "TFOpLambda", {"function": function, "y": y})


class TestConfigurations:
    def test_the_published_numbers_without_the_second_scaling(self):
        """As Keras computed before 2.9: whoever fine-tuned such a model trained it so."""
        found = normalisation_of(PUBLISHED, model(rescaling(1 / 255), NORMALIZATION))
        assert [name for name, _ in found] == ["multiply", "subtract", "divide"]

    def test_augmentation_and_padding_do_nothing(self):
        layers = [Layer("x", kind, {}) for kind in ("InputLayer", "RandomFlip", "RandomRotation", "ZeroPadding2D")]
        assert len(normalisation_of(PUBLISHED, model(*layers, rescaling(2), NORMALIZATION))) == 3

    def test_layers_of_a_model_inside(self):
        inner = model(rescaling(1 / 255), NORMALIZATION)
        found = normalisation_of(PUBLISHED, Layer("outer", "Functional", {}, (rescaling(2), inner)))
        assert [numbers for name, numbers in found if name == "multiply"] == [exactly(2), exactly(1 / 255)]

    @pytest.mark.parametrize(
        ("layer", "expected"),
        [
            (rescaling(0.5, -1), [("multiply", (0.5,) * 3), ("subtract", (1.0,) * 3)]),
            (rescaling([1, 2, 3]), [("multiply", (1.0, 2.0, 3.0))]),
            (rescaling([[[[1, 2, 3]]]], [0, 1, 0]), [("multiply", (1.0, 2.0, 3.0)), ("subtract", (0.0, -1.0, 0.0))]),
            (operation("math.multiply", 2), [("multiply", (2.0,) * 3)]),
            (operation("math.truediv", [[[[1, 2, 4]]]]), [("divide", (1.0, 2.0, 4.0))]),
        ],
    )
    def test_scaling(self, layer, expected):
        assert list(normalisation_of(PUBLISHED, model(layer))) == expected

    @pytest.mark.parametrize(
        ("layers", "message"),
        [
            ([Layer("mine", "Lambda", {})], "changes pixels by its layer 'mine', a 'Lambda': unknown"),
            ([Layer("mine", "Resizing", {})], "a 'Resizing': unknown"),
            ([operation("math.add", 1)], "a 'TFOpLambda': unknown"),
            ([Layer("normalization", "Normalization", {"mean": [1], "variance": [1]})], "a 'Normalization': unknown"),
            ([Layer("normalization", "Normalization", {"invert": True})], "a 'Normalization': unknown"),
            ([NORMALIZATION, NORMALIZATION], "normalises pixels twice"),
            ([Layer("stem_conv", "Conv2D", {})], "has 2 layers stem_conv, not one"),
            ([rescaling("1")], "has '1' for a number or one for each colour"),
            ([rescaling([1, 2])], r"has \[1, 2\] for a number"),
            ([rescaling(10**400)], "for a number or one"),
            ([rescaling(float("nan"))], "has nan for a number"),
            ([rescaling(True)], "has True for a number"),
            ([rescaling(1, None)], "has None for a number"),
        ],
    )
    def test_what_is_unknown(self, layers, message):
        with pytest.raises(CheckpointError, match=message):
            normalisation_of(PUBLISHED, model(*layers))

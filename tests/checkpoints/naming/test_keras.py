"""The names of Keras Applications, against Keras's own files and by hand."""

import zipfile

import numpy as np
import pytest
from helpers.places import DATA

from refnet.architecture.plan import make_plan
from refnet.architecture.scaling import Coefficients
from refnet.architecture.variants import efficientnet, variant
from refnet.checkpoints.names_and_shapes import publishers_by_names, variant_by_shapes
from refnet.checkpoints.naming.keras import SPARE, VARIANTS, counted, pairs, rename, with_classifier
from refnet.checkpoints.publishers import PUBLISHERS
from refnet.checkpoints.readers.keras import keras_file
from refnet.errors import CheckpointError

FOLDER = DATA / "keras"
SMALL = efficientnet(Coefficients(width=0.02, depth=0.3, resolution=64), name="small", classes=5)
KERAS = PUBLISHERS["keras"]


def random_state(architecture) -> dict[str, np.ndarray]:
    """A checkpoint of every bit pattern."""
    rng = np.random.default_rng(0)
    return {
        pair.theirs: rng.integers(0, 1 << 32, pair.their_shape, np.uint32).view(np.float32)
        for pair in pairs(architecture)
    }


@pytest.mark.parametrize("file", ["weights.h5", "model.h5", "keras3.keras", "keras3.weights.h5", "nested.h5"])
def test_what_keras_named_itself(file):
    stored = rename(keras_file.read(FOLDER / file).tensors)
    converted = KERAS.to_ours(stored, SMALL)
    assert list(converted.tensors) == [weight.key for weight in make_plan(SMALL).weights]
    for pair in pairs(SMALL):
        tensor = converted.tensors[pair.ours]
        assert (tensor.shape, tensor.dtype, tensor.flags.c_contiguous) == (pair.our_shape, np.float32, True)
        assert tensor.tobytes() == stored[pair.theirs].tobytes()
    assert dict(converted.dropped) == SPARE


def test_a_file_without_the_classifier_lacks_it_and_no_more():
    with pytest.raises(CheckpointError) as caught:
        KERAS.to_ours(keras_file.read(FOLDER / "notop.h5").tensors, SMALL)
    assert str(caught.value) == "not the tensors of small: predictions/kernel is missing; predictions/bias is missing"


class TestCounted:
    def test_what_keras_counted_itself(self):
        """The same weights with names and without them."""
        named = rename(keras_file.read(FOLDER / "keras2.keras").tensors)
        with zipfile.ZipFile(FOLDER / "keras2.keras") as archive:
            stored = keras_file.load(archive.read("model.weights.h5")).tensors
        assert not stored.keys() & {pair.theirs for pair in pairs(SMALL)}
        in_another_order = dict(sorted(stored.items(), key=lambda item: item[0][::-1]))
        found = rename(in_another_order, [variant("b0"), SMALL, variant("b1")])
        assert found.keys() == named.keys() == {*(pair.theirs for pair in pairs(SMALL)), *SPARE}
        assert all(found[name].tobytes() == array.tobytes() for name, array in named.items())

    @pytest.mark.parametrize("classifier", [True, False])
    @pytest.mark.parametrize("name", VARIANTS)
    def test_every_variant(self, name, classifier):
        names = {layer: counts for counts, layer in counted(variant(name)).items()}
        theirs = {}
        for pair in pairs(variant(name)):
            layer, leaf = pair.theirs.split("/")
            if classifier or layer != "predictions":
                theirs[f"{names[layer]}/{leaf}"] = pair.theirs
        assert list(rename(theirs)) == list(theirs.values())

    @pytest.mark.parametrize(
        ("name", "counts", "layer"),
        [
            ("b0", "conv2d", "stem_conv"),
            ("b0", "conv2d_1", "block1a_se_reduce"),
            ("b0", "conv2d_3", "block1a_project_conv"),
            ("b0", "conv2d_4", "block2a_expand_conv"),
            ("b0", "conv2d_64", "top_conv"),
            ("b0", "depthwise_conv2d", "block1a_dwconv"),
            ("b0", "depthwise_conv2d_15", "block7a_dwconv"),
            ("b0", "batch_normalization_2", "block1a_project_bn"),
            ("b0", "batch_normalization_3", "block2a_expand_bn"),
            ("b1", "conv2d_7", "block2a_expand_conv"),
            ("b7", "batch_normalization_162", "top_bn"),
            ("b7", "dense", "predictions"),
        ],
    )
    def test_by_hand(self, name, counts, layer):
        assert counted(variant(name))[counts] == layer

    def test_of_a_stranger(self):
        stranger = {"conv2d/kernel": 1, "conv2d_1/kernel": 2, "dense/kernel": 3}
        assert rename(stranger) == stranger


class TestRename:
    def test_the_old_classifier(self):
        assert rename({"stem_conv/kernel": 0, "probs/kernel": 1, "probs/bias": 2}) == {
            "stem_conv/kernel": 0,
            "predictions/kernel": 1,
            "predictions/bias": 2,
        }
        both = {"stem_conv/kernel": 0, "probs/kernel": 1, "predictions/kernel": 2}
        assert rename(both) == both

    def test_the_numbered_normalization(self):
        stored = {"stem_conv/kernel": 0, "normalization_12/mean": 1, "normalization_12/variance": 2}
        assert list(rename(stored)) == ["stem_conv/kernel", "normalization/mean", "normalization/variance"]

    def test_two_normalizations_stay_as_they_are(self):
        stored = {"stem_conv/kernel": 0, "normalization/mean": 1, "normalization_1/mean": 2}
        assert rename(stored) == stored

    def test_names_that_are_right(self):
        state = {**random_state(variant("b0")), **dict.fromkeys(SPARE), "odd": None, "odd/": None, "my/own/layer": None}
        assert rename(state) == state


class TestClassifier:
    """Fine-tuned networks call it what they like."""

    def of(self, width=1280, classes=7, layer="pred", **others):
        state = random_state(variant("b0", classes=0))
        state |= {f"{layer}/kernel": np.ones((width, classes)), f"{layer}/bias": np.ones(classes)}
        return state | {name.replace("__", "/"): array for name, array in others.items()}

    @pytest.mark.parametrize("layer", ["pred", "dense", "dense_3", "my/scope/dense"])
    def test_the_only_foreign_layer(self, layer):
        state = self.of(layer=layer) | dict.fromkeys(SPARE, np.zeros(3))
        found = with_classifier(state)
        assert list(found)[-5:-3] == ["predictions/kernel", "predictions/bias"]
        assert [id(array) for array in found.values()] == [id(array) for array in state.values()]
        assert variant_by_shapes({name: array.shape for name, array in found.items()}, KERAS).classes == 7

    @pytest.mark.parametrize(
        "change",
        [
            {"width": 1792},
            {"pred__bias": np.ones(8)},
            {"pred__kernel": np.ones((1, 1, 1280, 7))},
            {"pred__scale": np.ones(7)},
            {"dense__kernel": np.ones((7, 7)), "dense__bias": np.ones(7)},
            {"batch_normalization__gamma": np.ones(1280)},
            {"predictions__bias": np.ones(7)},
            {"top_bn__gamma": np.ones(1792)},
        ],
    )
    def test_others_keep_their_names(self, change):
        state = self.of(**change)
        assert with_classifier(state) == state

    def test_without_a_bias_or_a_network(self):
        for lacking in ("pred/bias", "top_bn/gamma"):
            state = self.of()
            del state[lacking]
            assert with_classifier(state) == state

    def test_names_that_are_right(self):
        state = random_state(variant("b7"))
        assert with_classifier(state) == state


@pytest.mark.parametrize("name", VARIANTS)
def test_total_and_one_to_one(name):
    every = pairs(variant(name))
    assert [pair.ours for pair in every] == [weight.key for weight in make_plan(variant(name)).weights]
    assert len({pair.theirs for pair in every} | SPARE.keys()) == len(every) + 3
    assert all(np.prod(pair.our_shape) == np.prod(pair.their_shape) for pair in every)


def test_counts_that_are_published():
    """Datasets in the published files, the normalization's three among them."""
    counts = {"b0": 314, "b1": 442, "b2": 442, "b3": 499, "b4": 613, "b5": 741, "b6": 855, "b7": 1040}
    assert {name: len(pairs(variant(name)) + tuple(SPARE)) for name in KERAS.variants} == counts


@pytest.mark.parametrize(
    ("network", "ours", "theirs", "shape"),
    [
        ("b0", "stem/kernel", "stem_conv/kernel", (3, 3, 3, 32)),
        ("b0", "stem/bn/mean", "stem_bn/moving_mean", (32,)),
        ("b0", "block1a/depthwise/kernel", "block1a_dwconv/depthwise_kernel", (3, 3, 32, 1)),
        ("b0", "block1a/depthwise/bn/beta", "block1a_bn/beta", (32,)),
        ("b0", "block1a/reduce/kernel", "block1a_se_reduce/kernel", (1, 1, 32, 8)),
        ("b0", "block1a/project/kernel", "block1a_project_conv/kernel", (1, 1, 32, 16)),
        ("b0", "block1a/project/bn/gamma", "block1a_project_bn/gamma", (16,)),
        ("b0", "block2a/expand/kernel", "block2a_expand_conv/kernel", (1, 1, 16, 96)),
        ("b0", "block2a/expand/bn/variance", "block2a_expand_bn/moving_variance", (96,)),
        ("b0", "block2a/gate/bias", "block2a_se_expand/bias", (96,)),
        ("b4", "block1b/project/kernel", "block1b_project_conv/kernel", (1, 1, 24, 24)),
        ("b7", "block6m/depthwise/kernel", "block6m_dwconv/depthwise_kernel", (5, 5, 2304, 1)),
        ("b7", "block7d/project/kernel", "block7d_project_conv/kernel", (1, 1, 3840, 640)),
        ("b0", "head/kernel", "top_conv/kernel", (1, 1, 320, 1280)),
        ("b0", "head/bn/variance", "top_bn/moving_variance", (1280,)),
        ("b0", "logits/kernel", "predictions/kernel", (1280, 1000)),
        ("b7", "logits/bias", "predictions/bias", (1000,)),
    ],
)
def test_names_typed_by_hand(network, ours, theirs, shape):
    (pair,) = (pair for pair in pairs(variant(network)) if pair.ours == ours)
    assert (pair.theirs, pair.their_shape) == (theirs, shape)


def test_b7_has_the_longest_run_of_blocks():
    assert {"block6m_bn/gamma"} <= KERAS.shapes(variant("b7")).keys()
    assert not any(name.startswith("block6n") for name in KERAS.shapes(variant("b7")))


@pytest.mark.parametrize("architecture", [SMALL, variant("b0")])
def test_every_bit_survives(architecture):
    theirs = random_state(architecture)
    converted = KERAS.to_ours(theirs, architecture)
    assert converted.dropped == ()
    again = KERAS.to_theirs(converted.tensors, architecture)
    assert list(again) == list(theirs)
    for name, array in again.items():
        assert (array.shape, array.tobytes()) == (theirs[name].shape, theirs[name].tobytes())


def test_a_renamed_file_is_recognised():
    """A fine-tuned B2 without names, as the readers give it, from nothing but names and shapes."""
    names = {layer: counts for counts, layer in counted(variant("b2")).items()}
    stored = {}
    for name, shape in KERAS.shapes(variant("b2", classes=7)).items():
        layer, leaf = name.split("/")
        stored[f"{names[layer]}/{leaf}"] = shape
    shapes = rename(stored)
    assert publishers_by_names(shapes) == ("keras",)
    found = variant_by_shapes(shapes, KERAS)
    assert (found.name, found.classes) == ("b2", 7)

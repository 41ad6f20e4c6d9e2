"""The names of the official TensorFlow checkpoints, by hand; test_families.py has TensorFlow's own numbering."""

import numpy as np
import pytest

from refnet.architecture.plan import make_plan
from refnet.architecture.scaling import TABLE, Coefficients
from refnet.architecture.variants import efficientnet, variant
from refnet.checkpoints.naming.tensorflow import pairs
from refnet.checkpoints.publishers import PUBLISHERS
from refnet.errors import CheckpointError

SMALL = efficientnet(Coefficients(width=0.125, depth=0.1, resolution=32), name="tiny", classes=5)
EMA = "/ExponentialMovingAverage"
TF = PUBLISHERS["tf"]


def random_state(architecture, suffix: str = "") -> dict[str, np.ndarray]:
    """A checkpoint of every bit pattern."""
    rng = np.random.default_rng(0)
    return {
        pair.theirs + suffix: rng.integers(0, 1 << 32, pair.their_shape, np.uint32).view(np.float32)
        for pair in pairs(architecture)
    }


@pytest.mark.parametrize("name", TABLE)
def test_total_and_one_to_one(name):
    every = pairs(variant(name))
    assert [pair.ours for pair in every] == [weight.key for weight in make_plan(variant(name)).weights]
    assert len({pair.theirs for pair in every}) == len(every)
    assert all(pair.theirs.startswith(f"efficientnet-{name}/") for pair in every)
    assert all(np.prod(pair.our_shape) == np.prod(pair.their_shape) for pair in every)


def test_counts_that_are_published():
    counts = {"b0": 311, "b1": 439, "b4": 610, "b7": 1037, "lite0": 247, "lite4": 457}
    assert {name: len(pairs(variant(name))) for name in counts} == counts


@pytest.mark.parametrize(
    ("network", "ours", "theirs", "shape"),
    [
        ("b0", "stem/kernel", "stem/conv2d/kernel", (3, 3, 3, 32)),
        ("b0", "stem/bn/mean", "stem/tpu_batch_normalization/moving_mean", (32,)),
        ("b0", "block1a/depthwise/bn/beta", "blocks_0/tpu_batch_normalization/beta", (32,)),
        ("b0", "block1a/project/kernel", "blocks_0/conv2d/kernel", (1, 1, 32, 16)),
        ("b0", "block1a/project/bn/gamma", "blocks_0/tpu_batch_normalization_1/gamma", (16,)),
        ("b0", "block2a/expand/kernel", "blocks_1/conv2d/kernel", (1, 1, 16, 96)),
        ("b0", "block2a/expand/bn/variance", "blocks_1/tpu_batch_normalization/moving_variance", (96,)),
        ("b0", "block2a/depthwise/kernel", "blocks_1/depthwise_conv2d/depthwise_kernel", (3, 3, 96, 1)),
        ("b0", "block2a/depthwise/bn/mean", "blocks_1/tpu_batch_normalization_1/moving_mean", (96,)),
        ("b0", "block2a/reduce/kernel", "blocks_1/se/conv2d/kernel", (1, 1, 96, 4)),
        ("b0", "block2a/gate/bias", "blocks_1/se/conv2d_1/bias", (96,)),
        ("b0", "block2a/project/bn/gamma", "blocks_1/tpu_batch_normalization_2/gamma", (24,)),
        ("b1", "block1b/project/kernel", "blocks_1/conv2d/kernel", (1, 1, 16, 16)),
        ("b7", "block7d/project/kernel", "blocks_54/conv2d_1/kernel", (1, 1, 3840, 640)),
        ("lite4", "block7a/project/kernel", "blocks_29/conv2d_1/kernel", (1, 1, 1632, 448)),
        ("b0", "head/kernel", "head/conv2d/kernel", (1, 1, 320, 1280)),
        ("b0", "logits/kernel", "head/dense/kernel", (1280, 1000)),
        ("b0", "logits/bias", "head/dense/bias", (1000,)),
    ],
)
def test_names_typed_by_hand(network, ours, theirs, shape):
    (pair,) = (pair for pair in pairs(variant(network)) if pair.ours == ours)
    assert (pair.theirs, pair.their_shape) == (f"efficientnet-{network}/{theirs}", shape)


@pytest.mark.parametrize(("averaging", "suffix"), [("ema", EMA), ("raw", "")])
@pytest.mark.parametrize("architecture", [SMALL, variant("lite0")])
def test_every_bit_survives(architecture, averaging, suffix):
    theirs = random_state(architecture)
    converted = TF.to_ours(theirs, architecture)
    assert converted.dropped == ()
    again = TF.to_theirs(converted.tensors, architecture, averaging)
    assert list(again) == [name + suffix for name in theirs]
    for name, array in again.items():
        source = theirs[name.removesuffix(suffix)]
        assert (array.shape, array.tobytes()) == (source.shape, source.tobytes())


def test_axes_stay_in_place():
    """(C, K) from (1, 1, C, K), (R, S, C) from (R, S, C, 1), the rest as it is, of arrays in any layout."""
    state = {name: np.asfortranarray(array) for name, array in random_state(SMALL).items()}
    ours = TF.to_ours(state, SMALL).tensors
    scope = "efficientnet-tiny/blocks_1"
    assert ours["block2a/reduce/kernel"].tobytes() == state[f"{scope}/se/conv2d/kernel"][0, 0].tobytes()
    depthwise = state[f"{scope}/depthwise_conv2d/depthwise_kernel"]
    assert ours["block2a/depthwise/kernel"].tobytes() == depthwise[..., 0].tobytes()
    assert ours["block2a/expand/kernel"].tobytes() == state[f"{scope}/conv2d/kernel"].tobytes()


class TestMismatch:
    """All that is wrong is in one message."""

    def test_of_theirs(self):
        state = random_state(SMALL)
        scope = "efficientnet-tiny"
        del state[f"{scope}/stem/conv2d/kernel"]
        state[f"{scope}/head/dense/bias"] = np.zeros(6, np.float32)
        state[f"{scope}/head/dense/kernel"] = np.zeros((160, 5))
        state[f"{scope}/stem/conv2d/kernel/Unheard"] = np.zeros(1, np.float32)
        with pytest.raises(CheckpointError) as caught:
            TF.to_ours(state, SMALL)
        assert str(caught.value) == (
            f"not the tensors of tiny: {scope}/stem/conv2d/kernel is missing; "
            f"{scope}/head/dense/kernel is float64[160, 5], not float32[160, 5]; "
            f"{scope}/head/dense/bias is float32[6], not float32[5]; "
            f"'{scope}/stem/conv2d/kernel/Unheard' is unknown"
        )

    def test_of_ours(self):
        tensors = TF.to_ours(random_state(SMALL), SMALL).tensors
        del tensors["stem/kernel"]
        tensors["stem/extra"] = np.zeros(1, np.float32)
        with pytest.raises(CheckpointError, match="stem/kernel is missing; 'stem/extra' is unknown"):
            TF.to_theirs(tensors, SMALL, "ema")

    @pytest.mark.parametrize("name", ["b0", "lite0"])
    def test_of_another_variant(self, name):
        with pytest.raises(CheckpointError, match=f"not the tensors of {name}: "):
            TF.to_ours(random_state(SMALL), variant(name))

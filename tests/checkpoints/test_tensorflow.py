"""The names of the official TensorFlow checkpoints, against TensorFlow's own numbering and by hand."""

import zlib
from pathlib import Path

import numpy as np
import pytest

from refnet.architecture import efficientnet, variant
from refnet.checkpoints import tensorflow
from refnet.checkpoints.tf_names import pairs
from refnet.errors import CheckpointError
from refnet.plan import make_plan
from refnet.scaling import TABLE, Coefficients

NET = Path(__file__).parents[1] / "data" / "tf" / "net.tar.gz"
SMALL = efficientnet(Coefficients(width=0.125, depth=0.1, resolution=32), name="tiny", classes=5)
EMA = "/ExponentialMovingAverage"


def numbers(name: str, shape: tuple[int, ...]) -> np.ndarray:
    """What tools/make_tf_fixtures.py gave the variable."""
    first = zlib.crc32(name.encode()) % 1021
    return (np.arange(first, first + int(np.prod(shape))) % 1021).astype(np.float32).reshape(shape)


def random_state(architecture, suffix: str = EMA) -> dict[str, np.ndarray]:
    """A checkpoint of every bit pattern."""
    rng = np.random.default_rng(0)
    return {
        pair.theirs + suffix: rng.integers(0, 1 << 32, pair.their_shape, np.uint32).view(np.float32)
        for pair in pairs(architecture)
    }


def test_what_tensorflow_named_and_numbered_itself():
    """Its layers made the names; every one of the network's is taken as the moving average, the rest is dropped."""
    converted = tensorflow.read(NET, SMALL)
    assert converted.averaging == "ema"
    assert list(converted.tensors) == [weight.key for weight in make_plan(SMALL).weights]
    for pair in pairs(SMALL):
        tensor = converted.tensors[pair.ours]
        assert (tensor.shape, tensor.dtype, tensor.flags.c_contiguous) == (pair.our_shape, np.float32, True)
        assert tensor.tobytes() == numbers(pair.theirs + EMA, pair.their_shape).tobytes()
    reasons = {reason: sum(why == reason for _, why in converted.dropped) for _, reason in converted.dropped}
    trainable = sum(weight.trainable for weight in make_plan(SMALL).weights)
    assert reasons == {
        "the value after the last training step; its moving average is taken": len(converted.tensors),
        "the optimiser's; inference does not use it": 2 * trainable,
        "counts training steps; inference does not use it": 1,
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
    theirs = random_state(architecture, suffix)
    converted = tensorflow.to_ours(theirs, architecture)
    assert (converted.averaging, converted.dropped) == (averaging, ())
    again = tensorflow.to_theirs(converted.tensors, architecture, averaging)
    assert list(again) == list(theirs)
    for name, array in again.items():
        assert (array.shape, array.tobytes()) == (theirs[name].shape, theirs[name].tobytes())


def test_axes_stay_in_place():
    """(C, K) from (1, 1, C, K), (R, S, C) from (R, S, C, 1), the rest as it is, of arrays in any layout."""
    state = {name: np.asfortranarray(array) for name, array in random_state(SMALL).items()}
    ours = tensorflow.to_ours(state, SMALL).tensors
    scope = "efficientnet-tiny/blocks_1"
    assert ours["block2a/reduce/kernel"].tobytes() == state[f"{scope}/se/conv2d/kernel{EMA}"][0, 0].tobytes()
    depthwise = state[f"{scope}/depthwise_conv2d/depthwise_kernel{EMA}"]
    assert ours["block2a/depthwise/kernel"].tobytes() == depthwise[..., 0].tobytes()
    assert ours["block2a/expand/kernel"].tobytes() == state[f"{scope}/conv2d/kernel{EMA}"].tobytes()


class TestAveraging:
    def test_the_average_is_taken_whichever_comes_first(self):
        average, raw = random_state(SMALL), random_state(SMALL, "")
        for state in (average | raw, raw | average):
            choice = tensorflow.choose(state, SMALL)
            assert choice.averaging == "ema"
            assert set(choice.taken.values()) == set(average)
            assert {name for name, _ in choice.dropped} == set(raw)

    def test_without_averages_the_variables_themselves(self):
        raw = random_state(SMALL, "")
        choice = tensorflow.choose(raw | {"global_step": np.array(1)}, SMALL)
        assert (choice.averaging, set(choice.taken.values())) == ("raw", set(raw))
        assert [name for name, _ in choice.dropped] == ["global_step"]

    def test_never_some_of_each(self):
        state = random_state(SMALL) | random_state(SMALL, "")
        del state[f"efficientnet-tiny/head/dense/bias{EMA}"]
        with pytest.raises(CheckpointError, match=r"head/dense/bias/Exp\w+ is missing, though its raw value is there"):
            tensorflow.to_ours(state, SMALL)

    def test_of_batch_norm_too(self):
        state = {n: a for n, a in random_state(SMALL).items() if "moving_" not in n} | random_state(SMALL, "")
        with pytest.raises(CheckpointError, match=r"stem/tpu_batch_normalization/moving_mean/Exp\w+ is missing"):
            tensorflow.to_ours(state, SMALL)


class TestMismatch:
    """All that is wrong is in one message."""

    def test_of_theirs(self):
        state = random_state(SMALL)
        scope = "efficientnet-tiny"
        del state[f"{scope}/stem/conv2d/kernel{EMA}"]
        state[f"{scope}/head/dense/bias{EMA}"] = np.zeros(6, np.float32)
        state[f"{scope}/head/dense/kernel{EMA}"] = np.zeros((160, 5))
        state[f"{scope}/stem/conv2d/kernel/Unheard"] = np.zeros(1, np.float32)
        state["other/global_step"] = np.array(0)
        with pytest.raises(CheckpointError) as caught:
            tensorflow.to_ours(state, SMALL)
        assert str(caught.value) == (
            f"not the tensors of tiny: {scope}/stem/conv2d/kernel{EMA} is missing; "
            f"{scope}/head/dense/kernel{EMA} is float64[160, 5], not float32[160, 5]; "
            f"{scope}/head/dense/bias{EMA} is float32[6], not float32[5]; "
            f"'{scope}/stem/conv2d/kernel/Unheard' is unknown; 'other/global_step' is unknown"
        )

    def test_of_ours(self):
        tensors = tensorflow.to_ours(random_state(SMALL), SMALL).tensors
        del tensors["stem/kernel"]
        tensors["stem/extra"] = np.zeros(1, np.float32)
        with pytest.raises(CheckpointError, match="stem/kernel is missing; 'stem/extra' is unknown"):
            tensorflow.to_theirs(tensors, SMALL, "ema")

    @pytest.mark.parametrize("name", ["b0", "lite0"])
    def test_of_another_variant(self, name):
        with pytest.raises(CheckpointError, match=f"not the tensors of {name}: "):
            tensorflow.read(NET, variant(name))


def test_what_was_made_by_tensorflow_runs_by_its_rules():
    assert (tensorflow.PADDING, tensorflow.BN_EPS) == ("same", 1e-3)

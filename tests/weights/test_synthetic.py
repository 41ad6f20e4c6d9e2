import math

import numpy as np
import pytest
from helpers.oracles import fma, nearest

import refnet
from refnet.architecture.plan import make_plan
from refnet.architecture.variants import variant
from refnet.weights import synthetic

MASK = 2**64 - 1


def splitmix64(key, i):
    """Number i of the generator, in Python's integers; from the description, not from the code."""
    seed = 0xCBF29CE484222325
    for byte in key.encode():
        seed = (seed ^ byte) * 0x100000001B3 & MASK
    z = seed + (i + 1) * 0x9E3779B97F4A7C15 & MASK
    z = (z ^ z >> 30) * 0xBF58476D1CE4E5B9 & MASK
    z = (z ^ z >> 27) * 0x94D049BB133111EB & MASK
    return z ^ z >> 31


def u(key, i):
    return (splitmix64(key, i) >> 40) / 2**23 - 1


def test_the_generator_is_splitmix64():
    """First numbers for the seed 1234567, as its authors' C program prints them."""
    outputs = []
    state = 1234567
    for _ in range(3):
        state = state + 0x9E3779B97F4A7C15 & MASK
        z = (state ^ state >> 30) * 0xBF58476D1CE4E5B9 & MASK
        z = (z ^ z >> 27) * 0x94D049BB133111EB & MASK
        outputs.append(z ^ z >> 31)
    assert outputs == [6457827717110365317, 3203168211198807973, 9817491932198370423]


@pytest.mark.parametrize("key", ["input", "stem/kernel", "block1a/depthwise/bn/gamma", ""])
def test_uniform_numbers(key):
    got = synthetic.uniform(key, (3, 5, 7))
    assert got.dtype == np.float32
    assert got.ravel().tolist() == [u(key, i) for i in range(105)]


def test_uniform_numbers_typed_in():
    first = [float.fromhex(text) for text in ("-0x1.9bd584p-1", "0x1.3808b8p-2", "-0x1.2f7d2p-1", "-0x1.cdeff8p-2")]
    assert synthetic.uniform("input", (4,)).tolist() == first
    assert synthetic.picture_tensor(224, 224)[0, 0, 0].tolist() == [2 * a for a in first[:3]]


def test_uniform_numbers_are_spread_evenly():
    numbers = synthetic.uniform("block7a/project/kernel", (1 << 16,))
    assert numbers.min() >= -1
    assert numbers.max() < 1
    assert abs(numbers.mean()) < 0.01
    assert np.mean(numbers**2) == pytest.approx(1 / 3, rel=0.01)
    assert len(np.unique(numbers)) > 0.99 * len(numbers)


def test_pictures_of_any_size_begin_the_same():
    small, large = synthetic.picture_tensor(3, 5), synthetic.picture_tensor(8, 8)
    assert small.shape == (1, 3, 5, 3)
    assert small.ravel().tolist() == large.ravel()[: small.size].tolist()


WEIGHTS = {
    "stem/kernel": ("0x1.322036p-3", "0x1.e63252p-6", "-0x1.dea3c4p-5"),
    "stem/bn/variance": ("0x1.41e088p+0", "0x1.dbd224p-1", "0x1.5be8bcp-1"),
    "block1a/depthwise/kernel": ("-0x1.72a264p-1", "-0x1.f9ddp-4", "-0x1.801ccp-1"),
    "block1a/reduce/kernel": ("0x1.21e75ep-4", "0x1.3ca3e2p-4", "0x1.2f5ce4p-4"),
    "block1a/gate/kernel": ("-0x1.328910p-3", "-0x1.9a05b8p-3", "-0x1.a67adp-3"),
    "block1a/gate/bias": ("0x1.2d1388p+0", "0x1.df17fap-1", "0x1.79c23ep+0"),
    "block1a/project/kernel": ("0x1.16338cp-3", "-0x1.b787bap-1", "0x1.c76062p-3"),
    "block2a/expand/kernel": ("0x1.100da8p-4", "-0x1.5becfap-9", "0x1.71616cp-5"),
    "logits/kernel": ("-0x1.cca83ep-7", "-0x1.af8546p-4", "-0x1.895d66p-4"),
    "logits/bias": ("-0x1.b14030p-3", "0x1.a1f94cp-3", "-0x1.1e5be8p-3"),
}


def test_weights_typed_in():
    tensors = synthetic.tensors(variant("b0"))
    for key, first in WEIGHTS.items():
        assert tensors[key].ravel()[:3].tolist() == [float.fromhex(text) for text in first]


GAIN = {"stem": 0.75, "expand": 1, "depthwise": 3, "project": 1, "head": 1, "logits": 40}
OTHERS = {"gamma": (1, 0.25), "beta": (0, 0.25), "mean": (0, 0.125), "variance": (1, 0.5), "bias": (0, 0.25)}


def center_and_half_width(key, shape, *, gated):
    *_, kind, leaf = key.replace("/bn", "").split("/")
    fan_in = math.prod(shape[:-1])
    if kind == "reduce" and leaf == "kernel":
        return 4 / fan_in, 2 / fan_in
    if kind == "gate":
        return (-2 / fan_in, 1 / fan_in) if leaf == "kernel" else (1, 0.5)
    if leaf == "kernel":
        gain = 8 if gated and kind == "project" else GAIN[kind]
        return 0, math.sqrt(3 * gain / fan_in)
    return OTHERS[leaf]


@pytest.mark.parametrize("name", ["b0", "lite0"])
def test_every_tensor_by_its_description(name):
    net = variant(name)
    tensors = synthetic.tensors(net)
    assert {key: tensor.shape for key, tensor in tensors.items()} == {w.key: w.shape for w in make_plan(net).weights}
    for key, tensor in tensors.items():
        assert tensor.dtype == np.float32
        spread = center_and_half_width(key, tensor.shape, gated=name == "b0")
        center, half_width = (nearest(number, "float32") for number in spread)
        K = tensor.shape[-1]
        for i in {0, 1, K % tensor.size, tensor.size // 3, tensor.size - 1}:
            odd = tensor.shape[:2] == (1, 1) and i // K % 2
            number = -u(key, i - K) if odd else u(key, i)
            product = fma(number, half_width, 0, "float32")
            assert tensor.ravel()[i] == fma(1, center, product, "float32")


@pytest.mark.parametrize("name", ["b0", "b2", "lite4"])
def test_pointwise_kernels_cancel_in_pairs(name):
    for key, tensor in synthetic.tensors(variant(name)).items():
        if tensor.shape[:2] == (1, 1):
            np.testing.assert_array_equal(tensor[0, 0, 0::2], -tensor[0, 0, 1::2], err_msg=key)


def test_two_variants_share_what_has_one_shape():
    b0, b1 = synthetic.tensors(variant("b0")), synthetic.tensors(variant("b1"))
    np.testing.assert_array_equal(b0["block6d/depthwise/kernel"], b1["block6d/depthwise/kernel"])


def test_nothing_is_drawn_twice():
    tensors = synthetic.tensors(variant("b0"))
    assert len({tensor.tobytes() for tensor in tensors.values()}) == len(tensors)


@pytest.mark.parametrize("name", ["b0", "lite0", "b7", "b8"])
def test_activations_stay_healthy(name):
    """Neither dead nor exploding at any step, and the logits still depend on the picture."""
    net = refnet.load(f"{name}@synthetic")
    picture = synthetic.picture_tensor(64, 64)
    for step, tensor in net.trace(picture):
        if step != "probabilities":
            rms = math.sqrt(np.mean(np.square(tensor, dtype=np.float64)))
            assert 0.02 < rms < 8, step
            assert step == "logits" or tensor.std() > 0.005, step
    one, other = net.logits(picture), net.logits(-picture)
    assert one.std() > 1
    assert (one - other).std() > 0.05 * one.std()
    assert np.ptp(one) < 50  # no class takes all

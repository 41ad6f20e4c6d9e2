"""Whole networks in integers; that they are the engines' to the bit, see test_against_engines.py."""

import numpy as np
import pytest
from helpers.integer_networks import FILES, network, picture

from refnet.errors import InputError
from refnet.reference.integers.engine import ENGINES, engine
from refnet.reference.integers.evaluate import accumulate, entry, evaluate
from refnet.reference.integers.quantisation import dequantise, quantise


@pytest.mark.parametrize("name", FILES)
@pytest.mark.parametrize("of", ENGINES)
def test_every_operation(name, of):
    net, _ = network(name)
    x = picture(0)
    found = dict(evaluate(net, engine(of), x))
    assert list(found) == ["input", *(each.name for each in net.operations)]
    for step in net.plan:
        assert found[step.name].shape == (1, *step.shape)
        assert found[step.name].dtype == np.int8
    np.testing.assert_array_equal(found["input"], quantise(x, net.codes["input"], engine(of).quantise))


def test_codes_may_be_given():
    net, _ = network("relu6.tflite")
    codes = quantise(picture(1), net.codes["input"])
    real = dict(evaluate(net, engine("tflm"), picture(1)))
    given = dict(evaluate(net, engine("tflm"), codes))
    assert all((real[name] == given[name]).all() for name in real)


def test_several_pictures():
    net, _ = network("swish.tflite")
    both = np.concatenate([picture(2), picture(3)])
    together = dict(evaluate(net, engine("tflm"), both))
    for place, seed in enumerate((2, 3)):
        for name, alone in evaluate(net, engine("tflm"), picture(seed)):
            np.testing.assert_array_equal(together[name][place : place + 1], alone)


def test_engines_differ():
    """Else comparing them with one another would show nothing."""
    net, _ = network("swish.tflite")
    tensors = {of: dict(evaluate(net, engine(of), picture(4))) for of in ENGINES}
    assert any((tensors["tflm"][name] != tensors["xnnpack"][name]).any() for name in tensors["tflm"])


def test_accumulate():
    """A sum's real number is what the layer makes of real numbers, as near as its codes come."""
    net, _ = network("relu6.tflite")
    found = dict(evaluate(net, engine("tflm"), picture(5)))
    stem, of = net.operations[0], net.codes["input"]
    sums = accumulate(stem, found["input"], of)
    to = net.codes["stem"]
    real = np.clip(sums * stem.kernel.scales * of.scale, 0, (127 - to.zero_point) * to.scale)
    assert np.abs(real - dequantise(found["stem"], to)).max() <= to.scale * 0.51


def test_a_picture_of_other_numbers():
    net, _ = network("relu6.tflite")
    with pytest.raises(InputError, match="numbers of uint8; want int8, or real ones of float32"):
        entry(net, engine("tflm"), np.zeros((1, 48, 48, 3), np.uint8))

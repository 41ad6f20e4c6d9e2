"""Kernels of integers."""

import numpy as np
import pytest

from refnet.quantisation.fold import Folded
from refnet.quantisation.layers import LARGEST_BIAS, quantise_layer

INPUT = np.float32(0.05)


def layer(seed: int, shape: tuple[int, ...]) -> Folded:
    rng = np.random.default_rng(seed)
    return Folded(rng.standard_normal(shape) * 2.0 ** rng.integers(-6, 3, shape[-1]), rng.standard_normal(shape[-1]))


@pytest.mark.parametrize("per", ["channel", "tensor"])
@pytest.mark.parametrize("shape", [(3, 3, 4, 5), (5, 5, 6), (7, 8)])
def test_weights_and_biases_are_near(shape, per):
    given = layer(0, shape)
    kernel = quantise_layer(given, INPUT, per)
    assert (kernel.weights.dtype, kernel.scales.dtype, kernel.bias.dtype) == (np.int8, np.float32, np.int32)
    off = np.abs(kernel.weights * kernel.scales.astype(np.float64) - given.kernel)
    assert (off <= kernel.scales * 0.5001).all()
    unit = kernel.scales.astype(np.float64) * np.float64(INPUT)
    assert (np.abs(kernel.bias * unit - given.bias) <= unit * 0.5001).all()
    assert (len(set(kernel.scales)) == 1) == (per == "tensor")
    largest = np.abs(kernel.weights.astype(int)).reshape(-1, shape[-1]).max(axis=0)
    assert (largest == 127).all() if per == "channel" else largest.max() == 127


def test_a_large_bias_widens_the_scale():
    given = Folded(np.array([[1e-9, 1.0]]), np.array([-3.0, -3.0]))
    kernel = quantise_layer(given, INPUT)
    assert kernel.bias[0] == pytest.approx(-LARGEST_BIAS, rel=1e-6)
    assert kernel.bias[0] * kernel.scales[0].astype(float) * INPUT.astype(float) == pytest.approx(-3, rel=1e-6)
    assert kernel.scales[1] == np.float32(1 / 127)


def test_a_channel_of_zeros():
    kernel = quantise_layer(Folded(np.array([[0.0, 2.0]]), np.array([0.0, 0.0])), INPUT)
    assert kernel.weights.tolist() == [[0, 127]]
    assert (kernel.scales > 0).all()
    assert (quantise_layer(Folded(np.zeros((1, 2)), np.zeros(2)), INPUT).scales == 1).all()

import numpy as np
import pytest
from helpers.oracles import fma

from refnet.reference.numerics import fold_batch_norm
from refnet.reference.ops import batch_norm

FORMATS = ["float32", "float64"]


def statistics(channels, seed=0):
    rng = np.random.default_rng(seed)
    gamma, beta, mean = rng.standard_normal((3, channels)).astype(np.float32)
    return gamma, beta, mean, rng.uniform(0, 3, channels).astype(np.float32)


def test_batch_norm_typed_in():
    gamma, beta, mean, variance = np.array([[2, 6], [1, -1], [3, 2], [0, 8]], np.float32)
    x = np.array([[[[0, 0], [3, 2]]], [[[4, 5], [-1, 1]]]], np.float32)
    # channel 0: (x - 3) / 1 * 2 + 1; channel 1: (x - 2) / 3 * 6 - 1
    wanted = [[[[-5, -5], [1, -1]]], [[[3, 5], [-7, -3]]]]
    np.testing.assert_array_equal(batch_norm(x, gamma, beta, mean, variance, 1.0), wanted)


@pytest.mark.parametrize("dtype", FORMATS)
def test_batch_norm_is_one_fma(dtype):
    x = np.random.default_rng(1).standard_normal((50, 6)).astype(dtype)
    scale, shift = fold_batch_norm(*statistics(6), 1e-3, dtype)
    got = batch_norm(x, *statistics(6), 1e-3)
    assert got.dtype == dtype
    wanted = [[fma(x[n, k], scale[k], shift[k], dtype) for k in range(6)] for n in range(50)]
    np.testing.assert_array_equal(got, wanted)
    assert (x * scale + shift != got).any()  # two roundings would show


def test_batch_norm_typed_in_to_the_bit():
    """4097 * 4097 - 2**24 = 8193; the product rounded first, 2**24 + 8192, would leave 8192."""
    gamma, beta, mean, variance = np.array([[4097], [-(2**24)], [0], [1]], np.float32)
    assert batch_norm(np.full((1, 1), 4097, np.float32), gamma, beta, mean, variance, 0.0).item() == 8193


def test_channels_keep_apart():
    x = np.random.default_rng(2).standard_normal((2, 3, 4, 5)).astype(np.float32)
    whole = batch_norm(x, *statistics(5), 1e-3)
    for k in range(5):
        alone = batch_norm(x[..., [k]], *(a[[k]] for a in statistics(5)), 1e-3)
        np.testing.assert_array_equal(alone, whole[..., [k]])

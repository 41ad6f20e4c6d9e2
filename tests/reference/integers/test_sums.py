from itertools import product

import numpy as np
import pytest

from refnet.architecture.padding import Pads
from refnet.errors import InputError
from refnet.reference.integers.sums import convolution, dense, depthwise

RNG = np.random.default_rng(3)
PADS = Pads(1, 2, 0, 1)


def drawn(*shape: int, dtype: str = "int8") -> np.ndarray:
    return RNG.integers(-128, 128, shape).astype(dtype)


def by_loops(x, kernel, bias, zero_point, stride, pads, channels):
    """In Python's integers, tap by tap; taps outside of the picture are left out."""
    N, H, W, _ = x.shape
    R, S, K = kernel.shape[0], kernel.shape[1], kernel.shape[-1]
    rows, columns = (H + pads.top + pads.bottom - R) // stride + 1, (W + pads.left + pads.right - S) // stride + 1
    y = np.zeros((N, rows, columns, K), np.int64)
    for n, i, j, k in np.ndindex(y.shape):
        total = int(bias[k])
        for r, s in product(range(R), range(S)):
            h, w = i * stride + r - pads.top, j * stride + s - pads.left
            if 0 <= h < H and 0 <= w < W:
                total += sum((int(x[n, h, w, c]) - zero_point) * int(kernel[r, s, *at, k]) for c, *at in channels(k))
        y[n, i, j, k] = total
    return y


@pytest.mark.parametrize("stride", [1, 2])
@pytest.mark.parametrize("zero_point", [-128, 17, 127])
def test_convolution(stride, zero_point):
    x, kernel, bias = drawn(2, 5, 6, 3), drawn(3, 3, 3, 4), drawn(4, dtype="int32") * 1000
    ours = convolution(x, kernel, bias, zero_point=zero_point, stride=stride, pads=PADS)
    theirs = by_loops(x, kernel, bias, zero_point, stride, PADS, lambda k: [(c, c) for c in range(3)])
    np.testing.assert_array_equal(ours, theirs)


@pytest.mark.parametrize("stride", [1, 2])
@pytest.mark.parametrize("zero_point", [-128, 17, 127])
def test_depthwise(stride, zero_point):
    x, kernel, bias = drawn(2, 5, 6, 3), drawn(3, 3, 3), drawn(3, dtype="int32") * 1000
    ours = depthwise(x, kernel, bias, zero_point=zero_point, stride=stride, pads=PADS)
    np.testing.assert_array_equal(ours, by_loops(x, kernel, bias, zero_point, stride, PADS, lambda k: [(k,)]))


def test_dense():
    x, kernel, bias = drawn(2, 7), drawn(7, 3), drawn(3, dtype="int32")
    ours = dense(x, kernel, bias, zero_point=-3)
    for n, k in np.ndindex(2, 3):
        assert ours[n, k] == int(bias[k]) + sum((int(a) + 3) * int(b) for a, b in zip(x[n], kernel[:, k], strict=True))


def test_the_farthest_codes():
    """-128 * -128 and 127 less -128 times -128, where shorter accumulators wrap."""
    ends = np.full((1, 1, 1, 1000), -128, np.int8)
    kernel = np.full((1, 1, 1000, 1), -128, np.int8)
    none = np.zeros(1, np.int32)
    assert convolution(ends, kernel, none, zero_point=0).item() == 16_384_000
    assert convolution(~ends, kernel, none, zero_point=-128).item() == -32_640_000


def test_a_sum_that_32_bits_do_not_hold():
    x, kernel = np.full((1, 1), 127, np.int8), np.full((1, 1), 127, np.int8)
    with pytest.raises(InputError, match="2147499776 does not fit 32 bits"):
        dense(x, kernel, np.array([2**31 - 1]), zero_point=0)

import math

import numpy as np
import pytest
from helpers import oracles
from hypothesis import given
from hypothesis import strategies as st
from scipy.signal import correlate

from refnet.architecture.padding import NO_PADS, Pads, pads
from refnet.reference.ops import convolution, dense, depthwise

FORMATS = ["float32", "float64"]


def normal(shape, seed, dtype="float32"):
    return np.random.default_rng(seed).standard_normal(shape).astype(dtype)


def integers(shape, seed, dtype="float32", scale=1.0):
    """Small multiples of ``scale``, whose sums of products are exact in every order."""
    return (np.random.default_rng(seed).integers(-9, 10, shape) * scale).astype(dtype)


def test_convolution_typed_in():
    x = np.array([[1, 2, 3], [4, 5, 6], [7, 8, 9]], np.float32)[None, :, :, None]
    kernel = np.array([[1, 2], [3, 4]], np.float32)[:, :, None, None]
    # top left: 1 * 1 + 2 * 2 + 3 * 4 + 4 * 5
    np.testing.assert_array_equal(convolution(x, kernel)[0, :, :, 0], [[37, 47], [67, 77]])
    # a zero row below and a zero column to the right, every second pixel
    got = convolution(x, kernel, stride=2, pads=Pads(bottom=1, right=1))
    np.testing.assert_array_equal(got[0, :, :, 0], [[37, 15 + 6], [7 + 16, 9]])
    # zeros above and to the left: the picture moves under the kernel
    got = convolution(x, kernel, stride=2, pads=Pads(top=1, left=1))
    np.testing.assert_array_equal(got[0, :, :, 0], [[4, 6 + 12], [8 + 28, 5 + 12 + 24 + 36]])


def test_channels_typed_in():
    x = np.array([[1, 10], [2, 20]], np.float32).reshape(1, 1, 2, 2)  # two pixels of two channels
    kernel = np.array([[1, 0, 1], [0, 1, -1]], np.float32)[None, None]  # [1, 1, C, K]
    np.testing.assert_array_equal(convolution(x, kernel), [[[[1, 10, -9], [2, 20, -18]]]])
    np.testing.assert_array_equal(dense(x[0, 0], kernel[0, 0]), [[1, 10, -9], [2, 20, -18]])


def test_depthwise_typed_in():
    x = np.array([[[1, 10], [2, 20]], [[3, 30], [4, 40]]], np.float32)[None]
    kernel = np.stack([np.ones((3, 3)), np.arange(9).reshape(3, 3)], axis=-1).astype(np.float32)
    got = depthwise(x, kernel, pads=Pads(1, 1, 1, 1))
    np.testing.assert_array_equal(got[0, :, :, 0], [[10, 10], [10, 10]])
    # the second kernel is 0 1 2 / 3 4 5 / 6 7 8, its center 4
    np.testing.assert_array_equal(
        got[0, :, :, 1],
        [
            [4 * 10 + 5 * 20 + 7 * 30 + 8 * 40, 3 * 10 + 4 * 20 + 6 * 30 + 7 * 40],
            [1 * 10 + 2 * 20 + 4 * 30 + 5 * 40, 0 * 10 + 1 * 20 + 3 * 30 + 4 * 40],
        ],
    )


# N, H, W, C, K, kernel, stride, padding
GEOMETRIES = [
    (2, 4, 5, 3, 4, 3, 1, "same"),
    (1, 5, 4, 3, 2, 3, 2, "same"),
    (1, 6, 7, 2, 3, 3, 2, "symmetric"),
    (1, 7, 6, 2, 1, 5, 2, "same"),
    (1, 1, 1, 2, 2, 5, 1, "same"),
    (1, 2, 3, 1, 1, 5, 2, "symmetric"),
    (2, 3, 2, 5, 3, 1, 1, "same"),
]
geometries = pytest.mark.parametrize(("N", "H", "W", "C", "K", "R", "stride", "padding"), GEOMETRIES)
formats = pytest.mark.parametrize("dtype", FORMATS)


@formats
@geometries
def test_exact_on_small_integers(N, H, W, C, K, R, stride, padding, dtype):
    around = pads(padding, H, W, R, stride)
    x, kernel = integers((N, H, W, C), 1, dtype), integers((R, R, C, K), 2, scale=1 / 8)
    got = convolution(x, kernel, stride=stride, pads=around)
    assert got.dtype == dtype
    np.testing.assert_array_equal(got, oracles.convolution(x, kernel, oracles.exactly, stride=stride, pads=around))
    got = depthwise(x, kernel[..., 0], stride=stride, pads=around)
    assert got.dtype == dtype
    np.testing.assert_array_equal(
        got, oracles.depthwise(x, kernel[..., 0], oracles.exactly, stride=stride, pads=around)
    )


# Few outputs; a number of taps below, at and above one, two and three blocks.
@formats
@pytest.mark.parametrize(
    ("H", "W", "C", "K", "R", "stride"),
    [
        (3, 3, 3, 2, 3, 2),  # 27 taps: the stem
        (1, 1, 32, 2, 1, 1),
        (1, 1, 33, 2, 1, 1),
        (1, 1, 64, 2, 1, 1),
        (1, 1, 65, 2, 1, 1),
        (1, 2, 128, 2, 1, 1),
        (1, 1, 129, 2, 1, 1),
        (2, 2, 8, 2, 3, 1),  # 72 taps, padding in the middle of blocks
        (3, 2, 17, 1, 3, 2),  # 153 taps
        (2, 2, 6, 2, 5, 2),  # 150 taps, most of them padding
        (1, 1, 193, 1, 1, 1),
    ],
)
def test_convolution_rounds_in_the_stated_order(H, W, C, K, R, stride, dtype):
    around = pads("same", H, W, R, stride)
    x, kernel = normal((1, H, W, C), 3, dtype), normal((R, R, C, K), 4)
    got = convolution(x, kernel, stride=stride, pads=around)
    wanted = oracles.convolution(x, kernel, oracles.in_blocks(dtype), stride=stride, pads=around)
    np.testing.assert_array_equal(got, wanted)


@formats
@pytest.mark.parametrize(("R", "stride"), [(3, 1), (3, 2), (5, 1), (5, 2)])
def test_depthwise_rounds_in_the_stated_order(R, stride, dtype):
    around = pads("same", 5, 6, R, stride)
    x, kernel = normal((1, 5, 6, 2), 5, dtype), normal((R, R, 2), 6)
    got = depthwise(x, kernel, stride=stride, pads=around)
    wanted = oracles.depthwise(x, kernel, oracles.in_one_chain(dtype), stride=stride, pads=around)
    np.testing.assert_array_equal(got, wanted)


@formats
@pytest.mark.parametrize(("C", "K"), [(32, 3), (100, 4), (150, 3)])
def test_dense_rounds_in_the_stated_order(C, K, dtype):
    x, kernel = normal((2, C), 7, dtype), normal((C, K), 8)
    wanted = oracles.convolution(x[:, None, None], kernel[None, None], oracles.in_blocks(dtype))[:, 0, 0]
    np.testing.assert_array_equal(dense(x, kernel), wanted)


def test_the_oracle_tells_orders_apart():
    """Other blocks, no blocks or taps in another order give other bits, so the tests above can fail."""
    x, kernel = normal((1, 1, 1, 150), 9), normal((1, 1, 150, 20), 10)
    wanted = oracles.convolution(x, kernel, oracles.in_blocks("float32"))
    others = [
        oracles.convolution(x, kernel, oracles.in_blocks("float32", size=64)),
        oracles.convolution(x, kernel, oracles.in_one_chain("float32")),
        oracles.convolution(x[..., ::-1], kernel[:, :, ::-1], oracles.in_blocks("float32")),
        oracles.convolution(x, kernel, oracles.exactly).astype(np.float32),
    ]
    for other in others:
        assert (other != wanted).any()


def test_blocks_typed_in():
    """2**24 swallows every 1 that follows it in its own block, and no other."""
    x = np.ones((1, 66), np.float32)
    kernel = np.ones((66, 1), np.float32)
    kernel[0] = 2**24
    assert dense(x, kernel) == 2**24 + 32 + 2  # 2**24 and 31 lost ones; 32; 2
    kernel[0], kernel[32] = 1, 2**24
    assert dense(x, kernel) == 2**24 + 32 + 2  # 32; 2**24 and 31 lost ones; 2
    kernel[32], kernel[65] = 1, 2**24
    assert dense(x, kernel) == 2**24 + 64  # the last block is 1 + 2**24, a tie that goes to 2**24


def test_taps_ascend_by_row_column_channel():
    """In each, the products 1, 2**24, -2**24 of three taps: the 1 survives only if it comes last."""
    for shape in ((3, 1, 1), (1, 3, 1), (1, 1, 3)):
        kernel = np.ones((*shape, 1), np.float32)
        for numbers, total in (((1, 2**24, -(2**24)), 0), ((2**24, -(2**24), 1), 1)):
            x = np.array(numbers, np.float32).reshape(1, *shape)
            assert convolution(x, kernel).item() == total
            if shape[2] == 1:
                assert depthwise(x, kernel[..., 0]).item() == total


@pytest.mark.parametrize(("sign", "wanted"), [(1, 1), (-1, -1)])
def test_taps_on_the_padding_take_part(sign, wanted):
    """A sum that has underflown to -0 becomes +0 when a padded tap adds 0 * 1, and stays when it adds 0 * -1."""
    x = np.full((1, 1, 1, 1), -(2.0**-100), np.float32)
    kernel = np.full((3, 3, 1, 1), sign, np.float32)
    kernel[1, 1] = 2.0**-100
    for got in (convolution(x, kernel, pads=Pads(1, 1, 1, 1)), depthwise(x, kernel[..., 0], pads=Pads(1, 1, 1, 1))):
        assert got == 0
        assert math.copysign(1, got.item()) == wanted


def test_nothing_but_minus_zeros_gives_plus_zero():
    """Sums begin with +0."""
    x, kernel = np.full((1, 1, 1, 3), -0.0, np.float32), np.ones((1, 1, 3, 1), np.float32)
    assert math.copysign(1, convolution(x, kernel).item()) == 1
    assert math.copysign(1, depthwise(x, kernel[..., 0]).max()) == 1


@pytest.mark.parametrize(
    ("H", "W", "C", "K", "R", "stride"), [(14, 15, 24, 9, 3, 2), (12, 9, 40, 5, 5, 1), (7, 7, 300, 16, 1, 1)]
)
def test_larger_shapes_beside_scipy(H, W, C, K, R, stride):
    """SciPy sums in float64; the distance is within what rounding each fma and each block can add up to."""
    x, kernel = normal((1, H, W, C), 11), normal((R, R, C, K), 12)
    around = pads("same", H, W, R, stride)
    padded = np.pad(x[0].astype(np.float64), ((around.top, around.bottom), (around.left, around.right), (0, 0)))

    def correlated(picture, kernel):
        y = [correlate(picture, kernel[..., k], mode="valid", method="direct")[..., 0] for k in range(K)]
        return np.stack(y, axis=-1)[::stride, ::stride]

    truth = correlated(padded, kernel.astype(np.float64))
    magnitude = correlated(np.abs(padded), np.abs(kernel).astype(np.float64))
    taps = R * R * C
    for dtype in FORMATS:
        got = convolution(x.astype(dtype), kernel, stride=stride, pads=around)[0]
        assert got.shape == truth.shape
        roundings = min(taps, 32) + math.ceil(taps / 32) + (taps if dtype == "float64" else 0)  # SciPy rounds as well
        assert (np.abs(got - truth) <= 1.01 * roundings * np.finfo(dtype).eps / 2 * magnitude).all()


@pytest.mark.parametrize(("taps", "error"), [(144, 1.2e-7), (1152, 1.65e-7), (3840, 2.4e-7)])
def test_blocks_keep_float32_close_to_the_truth(taps, error):
    """Relative rms error beside float64, on inputs as swish leaves them: it hardly grows with the number of taps."""
    x = normal((200, taps), 13)
    x = x / (1 + np.exp(-x))
    kernel = normal((taps, 50), 14) / np.float32(math.sqrt(taps))
    truth = dense(x.astype(np.float64), kernel)
    got = dense(x, kernel)
    assert got.dtype == np.float32
    assert error / 2 < np.sqrt(np.mean((got - truth) ** 2) / np.mean(truth**2)) < error


SHAPES = st.tuples(
    st.integers(1, 6), st.integers(1, 6), st.integers(1, 3), st.sampled_from([1, 3, 5]), st.sampled_from([1, 2])
)


@given(SHAPES, st.integers(0, 2**32 - 1))
def test_linear_on_integers(shape, seed):
    H, W, C, R, stride = shape
    around = pads("same", H, W, R, stride)
    a, b = integers((1, H, W, C), seed), integers((1, H, W, C), seed + 1)
    kernel = integers((R, R, C, 2), seed + 2)
    for op, weights in ((convolution, kernel), (depthwise, kernel[..., 0])):

        def f(x, op=op, weights=weights):
            return op(x, weights, stride=stride, pads=around)

        np.testing.assert_array_equal(f(a + b), f(a) + f(b))
        np.testing.assert_array_equal(f(3 * a), 3 * f(a))


@given(SHAPES, st.integers(0, 2**32 - 1))
def test_pads_are_zeros_in_the_picture(shape, seed):
    H, W, C, R, stride = shape
    around = pads("same", H, W, R, stride)
    x, kernel = normal((2, H, W, C), seed), normal((R, R, C, 2), seed + 1)
    larger = np.zeros((2, H + around.top + around.bottom, W + around.left + around.right, C), np.float32)
    larger[:, around.top : around.top + H, around.left : around.left + W] = x
    for op, weights in ((convolution, kernel), (depthwise, kernel[..., 0])):
        np.testing.assert_array_equal(op(x, weights, stride=stride, pads=around), op(larger, weights, stride=stride))


@given(SHAPES, st.integers(0, 2**32 - 1))
def test_outputs_do_not_know_each_other(shape, seed):
    """A picture, a channel or a stride more changes no bit of the outputs that remain."""
    H, W, C, R, _ = shape
    around = pads("same", H, W, R, 1)
    x, kernel = normal((3, H, W, C), seed), normal((R, R, C, 4), seed + 1)
    full = convolution(x, kernel, pads=around)
    np.testing.assert_array_equal(convolution(x[1:2], kernel, pads=around), full[1:2])
    np.testing.assert_array_equal(convolution(x, kernel[..., 2:3], pads=around), full[..., 2:3])
    np.testing.assert_array_equal(convolution(x, kernel, stride=2, pads=around), full[:, ::2, ::2])
    full = depthwise(x, kernel[..., 0], pads=around)
    np.testing.assert_array_equal(depthwise(x[1:2], kernel[..., 0], pads=around), full[1:2])
    np.testing.assert_array_equal(depthwise(x[..., :1], kernel[:, :, :1, 0], pads=around), full[..., :1])
    np.testing.assert_array_equal(depthwise(x, kernel[..., 0], stride=2, pads=around), full[:, ::2, ::2])


def test_one_channel_is_depthwise():
    x, kernel = normal((1, 7, 6, 1), 15), normal((5, 5, 1), 16)
    around = Pads(2, 2, 2, 2)
    np.testing.assert_array_equal(depthwise(x, kernel, pads=around), convolution(x, kernel[..., None], pads=around))


def test_arguments_stay_as_they_are():
    x, kernel = normal((1, 4, 4, 2), 17), normal((3, 3, 2, 2), 18)
    for array in (x, kernel):
        array.flags.writeable = False
    got = convolution(x, kernel, pads=Pads(1, 1, 1, 1))
    strided = np.zeros((1, 8, 4, 4), np.float32)[:, ::2, :, ::2]
    strided[...] = x
    np.testing.assert_array_equal(convolution(strided, kernel, pads=Pads(1, 1, 1, 1)), got)
    assert depthwise(x, kernel[..., 0], pads=NO_PADS).shape == (1, 2, 2, 2)


def test_empty_batches():
    x, kernel = np.empty((0, 5, 5, 2), np.float32), np.ones((3, 3, 2, 4), np.float32)
    assert convolution(x, kernel).shape == (0, 3, 3, 4)
    assert depthwise(x, kernel[..., 0]).shape == (0, 3, 3, 2)
    assert dense(x[:, 0, 0], kernel[0, 0]).shape == (0, 4)

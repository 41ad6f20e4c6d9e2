import math
from fractions import Fraction

import numpy as np
import pytest
from helpers.places import DATA
from hypothesis import given, settings
from hypothesis import strategies as st

from refnet.preprocessing.resize_tf1 import cubic_table, cubic_taps, resize_tf1_bicubic, resize_tf1_bilinear

FIXTURES = DATA / "tf" / "resize.npz"
RNG = np.random.default_rng(20190528)


def noise(height, width):
    return RNG.integers(0, 256, (height, width, 3), dtype=np.uint8)


def exact_filter(x):
    """Cubic convolution with a = -3/4 in rational numbers."""
    a, x = Fraction(-3, 4), abs(x)
    if x <= 1:
        return (a + 2) * x**3 - (a + 3) * x**2 + 1
    return a * x**3 - 5 * a * x**2 + 8 * a * x - 4 * a if x < 2 else Fraction(0)


def test_table_is_the_filter_rounded_once():
    near, far = cubic_table()
    assert near.dtype == far.dtype == np.float32
    for i in range(1025):
        # Every value is a fraction of 2**32: exact in float64, so that only float32 rounds.
        assert near[i] == np.float32(float(exact_filter(Fraction(i, 1024))))
        assert far[i] == np.float32(float(exact_filter(1 + Fraction(i, 1024))))
    assert (near[0], near[1024], far[0], far[1024]) == (1, 0, 0, 0)


def test_weights_sum_to_one_within_rounding():
    near, far = (t.astype(np.float64) for t in cubic_table())
    total = near + far + near[::-1] + far[::-1]
    assert np.abs(total - 1).max() < 2**-24
    assert not np.all(total == 1)


def test_taps_by_hand():
    index, weight = cubic_taps(6, 4, range(4))  # positions 0, 1.5, 3, 4.5
    assert index.T.tolist() == [[0, 0, 1, 2], [0, 1, 2, 3], [2, 3, 4, 5], [3, 4, 5, 5]]
    half = [-0.09375, 0.59375, 0.59375, -0.09375]
    assert weight.T.tolist() == [[0, 1, 0, 0], half, [0, 1, 0, 0], half]


def test_fraction_is_rounded_to_even():
    # The picture is 2048 times as small as the result: positions are multiples of 1/2048.
    near, far = cubic_table()
    _, weight = cubic_taps(1, 2048, range(2048))
    for i, step in ((1, 0), (2, 1), (3, 2), (5, 2), (7, 4), (2046, 1023), (2047, 1024)):
        assert weight[:, i].tolist() == [far[step], near[step], near[1024 - step], far[1024 - step]]


def scalar_resize(picture, height, width):
    """Compute every output from its 4 x 4 patch, one number at a time."""
    f32 = np.float32

    def taps(i, size_in, size_out):
        position = f32(i) * (f32(size_in) / f32(size_out))
        first = math.floor(position)
        fraction = Fraction(round((Fraction(float(position)) - first) * 1024), 1024)
        weights = [f32(float(exact_filter(fraction - d))) for d in (-1, 0, 1, 2)]
        return [min(max(first + d, 0), size_in - 1) for d in (-1, 0, 1, 2)], weights

    def blend(values, weights):
        total = values[0] * weights[0]
        for value, weight in zip(values[1:], weights[1:], strict=True):
            total = total + value * weight
        return total

    out = np.empty((height, width, 3), f32)
    for y, x, c in np.ndindex(out.shape):
        rows, row_weights = taps(y, picture.shape[0], height)
        columns, column_weights = taps(x, picture.shape[1], width)
        line = [blend([f32(picture[r, k, c]) for r in rows], row_weights) for k in columns]
        out[y, x, c] = blend(line, column_weights)
    return out


@pytest.mark.parametrize(
    ("shape", "size"),
    [
        ((5, 7), (3, 4)),
        ((4, 4), (9, 9)),
        ((1, 6), (2, 5)),
        ((13, 3), (4, 11)),
        ((50, 41), (7, 6)),
        ((3, 3), (1, 1)),
    ],
)
def test_bicubic_is_the_scalar_reference(shape, size):
    picture = noise(*shape)
    assert np.array_equal(resize_tf1_bicubic(picture, *size), scalar_resize(picture, *size))


@pytest.mark.parametrize(("kind", "resize"), [("bicubic", resize_tf1_bicubic), ("bilinear", resize_tf1_bilinear)])
def test_tensorflow_gives_the_same_bits(kind, resize):
    with np.load(FIXTURES) as arrays:
        names = [name for name in arrays if name.startswith(kind)]
        assert len(names) == 8
        for name in names:
            _, before, after = name.split("_")
            x = resize(arrays[f"picture_{before}"], *map(int, after.split("x")))
            assert x.tobytes() == arrays[name].tobytes(), name


def test_bilinear_by_hand():
    picture = np.zeros((2, 2, 3), np.uint8)
    picture[0, 0] = (64, 128, 255)
    out = resize_tf1_bilinear(picture, 4, 4)
    row = np.array([1, 0.5, 0, 0], np.float32)
    for channel, value in enumerate((64, 128, 255)):
        assert np.array_equal(out[..., channel], value * np.outer(row, row))


def test_bicubic_by_hand():
    picture = np.zeros((4, 4, 3), np.uint8)
    picture[1, 1] = (64, 128, 255)
    out = resize_tf1_bicubic(picture, 8, 8)
    row = np.array([0, 0.59375, 1, 0.59375, 0, -0.09375, 0, 0], np.float32)
    assert np.array_equal(out[..., 0], 64 * np.outer(row, row))
    assert np.array_equal(out[..., 1], 128 * np.outer(row, row))
    assert out.min() < 0  # overshoots stay


@settings(deadline=None, max_examples=50)
@given(st.integers(1, 60), st.integers(1, 60))
def test_same_size_is_identity(height, width):
    picture = noise(height, width)
    assert np.array_equal(resize_tf1_bicubic(picture, height, width), picture)


@settings(deadline=None, max_examples=50)
@given(st.integers(1, 90), st.integers(1, 90), st.integers(1, 60), st.integers(1, 60), st.integers(0, 255))
def test_constant_picture_stays_within_rounding(height, width, out_height, out_width, value):
    out = resize_tf1_bicubic(np.full((height, width, 3), value, np.uint8), out_height, out_width)
    assert out.shape == (out_height, out_width, 3)
    assert out.dtype == np.float32
    assert np.abs(out - value).max() <= 4e-7 * value


def test_whole_steps_pick_pixels():
    # Without smoothing, shrinking by a whole factor keeps every n-th pixel and drops the rest.
    picture = noise(12, 9)
    assert np.array_equal(resize_tf1_bicubic(picture, 4, 3), picture[::3, ::3])


def test_memory_order_does_not_matter():
    picture = noise(31, 17)
    mirrored = np.asfortranarray(picture)[::-1]
    assert np.array_equal(resize_tf1_bicubic(mirrored, 8, 8), resize_tf1_bicubic(mirrored.copy(), 8, 8))

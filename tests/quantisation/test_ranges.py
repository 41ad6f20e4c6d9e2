"""Ranges by each method, and their scales."""

import numpy as np
import pytest

from refnet.errors import InputError
from refnet.preprocessing.normalise import NORMALISATIONS, normalise
from refnet.quantisation.observed import Observed
from refnet.quantisation.ranges import check_percentile, find_range, of_pixels, scale_of, squared_error
from refnet.reference.integers.quantisation import dequantise, quantise


def seen(x: np.ndarray) -> Observed:
    observed = Observed(counting=True)
    observed.add(x)
    return observed


def tailed(seed: int) -> np.ndarray:
    """Normal numbers, and one far out."""
    x = np.random.default_rng(seed).standard_normal(500_000)
    x[0] = 30
    return x.astype(np.float32)


def error(x: np.ndarray, low: float, high: float) -> float:
    to = scale_of(low, high)
    return float(((dequantise(quantise(x, to), to) - x).astype(np.float64) ** 2).mean())


def test_least_squares_are_less():
    x = tailed(0)
    ranges = {method: find_range(seen(x), method, 99.9) for method in ("min-max", "percentile", "mse")}
    assert ranges["min-max"] == (x.min(), x.max())
    assert error(x, *ranges["mse"]) < 0.6 * error(x, *ranges["min-max"])
    assert error(x, *ranges["mse"]) <= error(x, *ranges["percentile"])


def test_expected_error_is_the_error():
    x = tailed(1)
    expected = squared_error(*seen(x).distribution(), -8.0, 9.0) / x.size
    assert expected == pytest.approx(error(x, -8.0, 9.0), rel=0.02)


def test_percentile_of_a_half_line():
    x = np.abs(tailed(2))
    low, high = find_range(seen(x), "percentile", 99)
    assert low == 0
    assert 0.009 < (x > high).mean() <= 0.01


@pytest.mark.parametrize(("low", "high"), [(0, 6), (-1, 1), (-0.278, 30), (-5, 0), (0, 1e-30), (0, 0)])
def test_scales_have_zero_and_both_ends(low, high):
    to = scale_of(low, high)
    ends = np.array([low, 0, high], np.float32)
    real = dequantise(quantise(ends, to), to)
    assert real[1] == 0
    assert np.abs(real - ends).max() <= to.scale * 0.5001


@pytest.mark.parametrize("name", NORMALISATIONS)
def test_pixels_are_within(name):
    pixels = np.random.default_rng(0).integers(0, 256, (9, 9, 3)).astype(np.float32)
    to = scale_of(*of_pixels(NORMALISATIONS[name], 3))
    x = normalise(pixels, NORMALISATIONS[name])
    assert np.abs(dequantise(quantise(x, to), to) - x).max() <= to.scale * 0.5001


def test_a_lite_input_is_its_pixels():
    """Scale and zero point are such that a code is the pixel less 128: nothing is lost."""
    to = scale_of(*of_pixels(NORMALISATIONS["tf-lite"], 3))
    pixels = np.arange(256, dtype=np.float32).reshape(1, -1, 1).repeat(3, 2)
    codes = quantise(normalise(pixels, NORMALISATIONS["tf-lite"]), to)
    np.testing.assert_array_equal(codes[0, :, 0], np.arange(-128, 128))


@pytest.mark.parametrize("wrong", [50, 100.1, 0, -1, float("nan"), "99", True, None])
def test_percentiles_that_are_none(wrong):
    with pytest.raises(InputError, match="want a number above 50, at most 100"):
        check_percentile(wrong)

"""Measures: numbers worked out by hand."""

import math

import numpy as np
import pytest

from refnet.comparison.judgement import pieces
from refnet.comparison.judgement.distance import bucket_label, measure_distance, ulp_distance


def test_by_hand():
    golden = np.array([[[[3.0, -4.0], [0.0, 2.0]]]], np.float32)
    actual = np.array([[[[3.0, -4.5], [0.0, 1.0]]]], np.float32)
    found = measure_distance(actual, golden)
    assert (found.elements, found.equal, found.share_equal) == (4, 2, 0.5)
    assert (found.max_abs, found.max_rel) == (1.0, 0.5)
    assert found.rms == math.sqrt(1.25 / 4)
    assert found.rel_rms == math.sqrt(1.25 / 29)
    assert found.cosine == (9 + 18 + 2) / (math.sqrt(29) * math.sqrt(9 + 20.25 + 1))
    assert found.snr == 10 * math.log10(29 / 1.25)
    assert (found.worst, found.first) == ((0, 0, 1, 1), (0, 0, 0, 1))
    assert (found.ulp_max, found.ulp_median) == (1 << 23, 0)
    assert found.ulps == (2, *[0] * 20, 1, 0, 0, 1)  # 4 to 4.5 is an eighth of a binade, 2 to 1 a whole one


def test_equal():
    x = np.array([1.0, -0.0], np.float32)
    found = measure_distance(x, np.array([1.0, 0.0], np.float32))
    assert (found.equal, found.ulps, found.ulp_max, found.snr, found.cosine) == (2, (2,), 0, math.inf, 1.0)
    assert (found.max_abs, found.max_rel, found.worst, found.first) == (0.0, 0.0, None, None)


def test_zero_golden():
    found = measure_distance(np.array([0.0, 1.0]), np.zeros(2))
    assert (found.max_rel, found.rel_rms, found.cosine) == (1 / np.finfo(np.float64).tiny, math.inf, 0.0)
    assert found.snr == -math.inf


def test_no_numbers_are_counted_and_left_out():
    golden = np.array([1.0, 2.0, 3.0, np.nan, np.inf], np.float32)
    actual = np.array([np.nan, np.inf, 3.0, 4.0, np.inf], np.float32)
    found = measure_distance(actual, golden)
    assert (found.nan, found.infinite, found.golden_not_finite) == (1, 1, 2)
    assert (found.ulps, found.max_abs, found.rms, found.equal) == ((1,), 0.0, 0.0, 2)
    assert (found.first, found.worst) == ((0,), None)


def test_nothing():
    found = measure_distance(np.empty((0, 2)), np.empty((0, 2)))
    assert (found.elements, found.share_equal, found.ulps, found.rms) == (0, 1.0, (), 0.0)


@pytest.mark.parametrize(
    ("a", "b", "dtype", "distance"),
    [
        (1.0, 1.0, "float32", 0),
        (0.0, -0.0, "float32", 0),
        (1.0, float(np.nextafter(np.float32(1), np.float32(2))), "float32", 1),
        (1.0, float(np.nextafter(np.float32(1), np.float32(0))), "float32", 1),
        (2.0**-149, -(2.0**-149), "float32", 2),
        (1.0, 2.0, "float32", 1 << 23),
        (1.0, 2.0, "float16", 1 << 10),
        (1.0, 2.0, "bfloat16", 1 << 7),
        (1.0, 2.0, "float64", 1 << 52),
        (-1.7e308, 1.7e308, "float64", (1 << 63) - 1),  # more than fits
        (3.0, 250.0, "uint8", 247),
    ],
)
def test_distance(a, b, dtype, distance):
    kind = {"bfloat16": "float32", "float16": "float32"}.get(dtype, dtype)
    assert ulp_distance(np.array([a], kind), np.array([b], kind), dtype).tolist() == [distance]


def test_histogram_gathers_powers_of_two():
    apart = np.array([1, 2, 3, 4, 5, 8, 9, 16, 17], np.uint8)
    assert measure_distance(apart, np.zeros_like(apart)).ulps == (0, 1, 1, 2, 2, 2, 1)
    assert [bucket_label(place) for place in range(7)] == ["0", "1", "2", "3–4", "5–8", "9–16", "17–32"]


def test_pieces_change_nothing(monkeypatch):
    rng = np.random.default_rng(1)
    golden = rng.standard_normal((1, 5, 7, 3)).astype(np.float32)
    actual = golden + np.float32(1e-6) * rng.integers(-1, 2, golden.shape).astype(np.float32)
    whole = measure_distance(actual, golden)
    monkeypatch.setattr(pieces, "PIECE", 8)
    piecewise = measure_distance(actual, golden)
    assert piecewise.rms == pytest.approx(whole.rms, rel=1e-14)
    assert (piecewise.ulps, piecewise.worst, piecewise.first) == (whole.ulps, whole.worst, whole.first)

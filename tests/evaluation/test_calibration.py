"""Calibration, beside numbers typed by hand and a plain loop."""

import math

import numpy as np
import pytest

from refnet.evaluation.calibration import BINS, expected_error, reliability


def test_by_hand():
    """Three bins of a third: 0.2 and 0.3 (one right), 0.5 (right), 0.9, 0.8 and 1.0 (two right)."""
    sure = np.array([0.2, 0.3, 0.5, 0.9, 0.8, 1.0])
    right = np.array([True, False, True, True, False, True])
    bins = reliability(sure, right, bins=3)
    assert [each.count for each in bins] == [2, 1, 3]
    assert [each.confidence for each in bins] == pytest.approx([0.25, 0.5, 0.9])
    assert [each.accuracy for each in bins] == pytest.approx([0.5, 1, 2 / 3])
    assert [each.gap for each in bins] == pytest.approx([-0.25, -0.5, 0.9 - 2 / 3])
    assert expected_error(bins) == pytest.approx(2 / 6 * 0.25 + 1 / 6 * 0.5 + 3 / 6 * (0.9 - 2 / 3))


def test_an_edge_belongs_to_the_bin_below_it():
    edges = np.arange(1, BINS + 1) / BINS
    bins = reliability(edges, np.ones(BINS, bool))
    assert [each.count for each in bins] == [1] * BINS
    above = reliability(np.nextafter(edges[:-1], 1), np.ones(BINS - 1, bool))
    assert [each.count for each in above] == [0] + [1] * (BINS - 1)
    assert reliability(np.zeros(1), np.ones(1, bool))[0].count == 1


def test_as_a_plain_loop():
    rng = np.random.default_rng(4)
    sure = rng.random(500)
    right = rng.random(500) < sure**2  # too sure
    error = 0.0
    for place in range(15):
        inside = [(p, r) for p, r in zip(sure, right, strict=True) if place / 15 < p <= (place + 1) / 15]
        if inside:
            gap = sum(p for p, _ in inside) / len(inside) - sum(r for _, r in inside) / len(inside)
            error += len(inside) / 500 * abs(gap)
    bins = reliability(sure, right)
    assert expected_error(bins) == pytest.approx(error)
    assert error > 0.1
    assert sum(each.count for each in bins) == 500


def test_nothing_to_sort():
    bins = reliability(np.empty(0), np.empty(0, bool))
    assert len(bins) == BINS
    assert math.isnan(expected_error(bins))
    assert all(math.isnan(each.confidence) and math.isnan(each.accuracy) for each in bins)

"""Coverage: what is counted, on tensors with a few elements."""

from __future__ import annotations

import numpy as np
import pytest

from refnet.golden.coverage import BLOCK, CurveRegions, coverage_of, regions, regions_of_argument, stored_range
from refnet.golden.dtypes import WORDS, decode


def floats(*values, dtype=np.float32):
    return np.array(values, dtype)


@pytest.mark.parametrize(
    ("activation", "tensor", "expected"),
    [
        ("none", floats(0, 1), None),
        ("relu6", floats(-0.0, 0, 3, 6), CurveRegions(0.5, 0.25, 0.25)),
        ("swish", floats(-0.2, 0, 9, 11), CurveRegions(None, 0.75, 0.25)),
        ("sigmoid", floats(4e-5, 5e-5, 0.5, 0.99996), CurveRegions(0.25, 0.5, 0.25)),
    ],
)
def test_regions_of_results(activation, tensor, expected):
    assert regions(tensor, activation) == expected


@pytest.mark.parametrize(
    ("activation", "argument", "expected"),
    [
        ("none", floats(0, 1), None),
        ("relu6", floats(-1, 0, 6, 7), CurveRegions(0.25, 0.5, 0.25)),
        ("swish", floats(-11, -10, 10, 11), CurveRegions(0.25, 0.5, 0.25)),
    ],
)
def test_regions_of_arguments(activation, argument, expected):
    assert regions_of_argument(argument, activation) == expected


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_counts(dtype):
    tiny = np.finfo(dtype).smallest_subnormal
    tensor = floats([1, 0, tiny, 2], [1, -0.0, -tiny, np.inf], [1, 0, np.nan, 3], dtype=dtype)
    found = coverage_of(tensor)
    assert found.zeros == 0.25
    assert (found.constant, found.channels) == (2, 4)
    assert (found.subnormals, found.not_finite) == (2, 2)


def test_channels_of_one_element_are_not_constant():
    assert coverage_of(floats([1, 1])).constant == 0


@pytest.mark.parametrize("dtype", list(WORDS))
@pytest.mark.parametrize("count", [1, BLOCK, 2 * BLOCK + 1])
def test_range_and_distinct_values(dtype, count):
    words = np.random.default_rng(count).integers(0, 256 if dtype == "uint8" else 60000, count).astype(WORDS[dtype])
    numbers = decode(words, dtype)
    finite = numbers[np.isfinite(numbers)]
    assert stored_range(words, dtype) == (finite.min(), finite.max(), len(set(words.tolist())))


def test_nothing_finite():
    assert stored_range(np.array([np.nan, np.inf], np.float32).view(np.uint32), "float32") == (0, 0, 2)


def test_both_zeros_are_distinct():
    assert stored_range(np.array([0, 1 << 31], np.uint32), "float32") == (0, 0, 2)

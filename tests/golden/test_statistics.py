"""Range and distinct values, against plain NumPy."""

from __future__ import annotations

import numpy as np
import pytest

from refnet.golden.encoding import WORDS, decode
from refnet.golden.statistics import BLOCK, statistics


@pytest.mark.parametrize("dtype", list(WORDS))
@pytest.mark.parametrize("count", [1, BLOCK, 2 * BLOCK + 1])
def test_counted(dtype, count):
    words = np.random.default_rng(count).integers(0, 256 if dtype == "uint8" else 60000, count).astype(WORDS[dtype])
    numbers = decode(words, dtype)
    finite = numbers[np.isfinite(numbers)]
    assert statistics(words, dtype) == (finite.min(), finite.max(), len(set(words.tolist())))


def test_nothing_finite():
    assert statistics(np.array([np.nan, np.inf], np.float32).view(np.uint32), "float32") == (0, 0, 2)


def test_both_zeros_are_distinct():
    assert statistics(np.array([0, 1 << 31], np.uint32), "float32") == (0, 0, 2)

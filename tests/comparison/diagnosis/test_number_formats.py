"""Narrow formats against PyTorch, and by hand."""

import numpy as np
import pytest
import torch

from refnet.comparison.diagnosis.number_formats import FORMATS, int8, int8_by_channel

NUMBERS = np.random.default_rng(0).standard_normal(10_000).astype(np.float32)


@pytest.mark.parametrize(("name", "dtype"), [("float16", torch.float16), ("bfloat16", torch.bfloat16)])
def test_to_nearest(name, dtype):
    theirs = torch.from_numpy(NUMBERS).to(dtype).to(torch.float32).numpy()
    np.testing.assert_array_equal(FORMATS[name](NUMBERS), theirs)


def test_tf32_has_ten_bits_and_ties_go_away_from_zero():
    one = 2.0**-10
    x = np.array([1 + one / 2, 1 + one * 0.49, -1 - one / 2, 1 + one * 1.5, 2.0**100], np.float32)
    assert FORMATS["tf32"](x).tolist() == [1 + one, 1, -1 - one, 1 + 2 * one, 2.0**100]


@pytest.mark.parametrize(("name", "step"), [("bfloat16 toward zero", 2.0**-7), ("tf32 toward zero", 2.0**-10)])
def test_toward_zero(name, step):
    x = np.array([1 + step * 0.99, -1 - step * 1.99, 0], np.float32)
    assert FORMATS[name](x).tolist() == [1, -1 - step, 0]


def test_int8():
    x = np.array([[1.0, 100.0], [-0.5, 3.0]])
    assert np.unique(np.rint(int8(x) / (100 / 127))).tolist() == [-1, 1, 4, 127]
    np.testing.assert_allclose(int8_by_channel(x), [[1, 100], [-64 / 127, 4 * 100 / 127]])
    assert int8(np.zeros(3)).tolist() == [0, 0, 0]

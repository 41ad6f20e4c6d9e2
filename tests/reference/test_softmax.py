from fractions import Fraction

import numpy as np
import pytest
from helpers.oracles import add, nearest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays
from scipy import special

from refnet.reference.ops import exp, log_softmax, softmax, top_k

FORMATS = ["float32", "float64"]


def logits(dtype):
    width = np.dtype(dtype).itemsize * 8
    return arrays.arrays(
        dtype, st.tuples(st.integers(1, 3), st.integers(1, 20)), elements=st.floats(-30, 30, width=width)
    )


def test_softmax_typed_in():
    np.testing.assert_array_equal(softmax(np.full((1, 8), 5, np.float32)), np.full((1, 8), 0.125))
    np.testing.assert_array_equal(softmax(np.array([[7]], np.float32)), [[1]])
    np.testing.assert_array_equal(softmax(np.array([[0, -1000, 0, -1000]], np.float32)), [[0.5, 0, 0.5, 0]])
    np.testing.assert_array_equal(softmax(np.array([[1e38, 0, -1e38]], np.float32)), [[1, 0, 0]])
    # 1 / (1 + e**-1) and e**-1 / (1 + e**-1): the truth, rounded
    wanted = [[float.fromhex("0x1.764d5p-1"), float.fromhex("0x1.136562p-2")]]
    np.testing.assert_array_equal(softmax(np.array([[1, 0]], np.float32)), wanted)


@pytest.mark.parametrize("dtype", FORMATS)
@given(st.data())
def test_softmax_rounds_in_the_stated_order(dtype, data):
    x = data.draw(logits(dtype))
    got = softmax(x)
    assert (got.dtype, got.shape) == (dtype, x.shape)
    for row, probabilities in zip(x, got, strict=True):
        largest = max(row.tolist())
        e = [float(exp(np.dtype(dtype).type(add(a, -largest, dtype)))) for a in row.tolist()]
        total = 0.0
        for number in e:
            total = add(total, number, dtype)
        assert probabilities.tolist() == [nearest(Fraction(number) / Fraction(total), dtype) for number in e]


def test_softmax_sums_in_order():
    """2**-24 is lost beside 1, and not if enough of them come before it."""
    tiny = np.float32(np.log(2.0) * -24)
    small = exp(tiny)
    assert np.float32(1) + small == 1
    many = np.full(1000, tiny)
    first = softmax(np.array([[0, *many]], np.float32))
    last = softmax(np.array([[*many, 0]], np.float32))
    assert first[0, 0] == 1
    assert last[0, -1] < 1
    assert last[0, -1] == np.float32(1) / (np.float32(1000 * float(small)) + np.float32(1))


@given(logits("float32"))
def test_probabilities(x):
    p = softmax(x)
    assert (p >= 0).all()
    assert (p <= 1).all()
    np.testing.assert_allclose(p.astype(np.float64).sum(axis=1), 1, rtol=3e-6)
    truth = np.exp(x.astype(np.float64) - x.max(axis=1, keepdims=True))
    np.testing.assert_allclose(p, truth / truth.sum(axis=1, keepdims=True), rtol=1e-5, atol=1e-44)


@given(logits("float32"))
def test_rows_keep_apart(x):
    np.testing.assert_array_equal(softmax(x[:1]), softmax(x)[:1])


def test_top_k_typed_in():
    x = np.array([[1, 3, 3, 2], [0, -1, -2, -3], [5, 5, 5, 5]], np.float32)
    np.testing.assert_array_equal(top_k(x, 4), [[1, 2, 3, 0], [0, 1, 2, 3], [0, 1, 2, 3]])
    np.testing.assert_array_equal(top_k(x, 2), [[1, 2], [0, 1], [0, 1]])
    np.testing.assert_array_equal(top_k(x, 1), [[1], [0], [0]])
    assert top_k(x, 2).dtype == np.int64


def test_top_k_takes_both_zeros_for_equal():
    np.testing.assert_array_equal(top_k(np.array([[-0.0, 0.0, -0.0]], np.float32), 3), [[0, 1, 2]])


@given(arrays.arrays(np.float32, (2, 30), elements=st.integers(-3, 3).map(float)), st.integers(1, 30))
def test_ties_go_to_the_lower_index(x, k):
    for row, best in zip(x.tolist(), top_k(x, k).tolist(), strict=True):
        assert best == sorted(range(30), key=lambda i: (-row[i], i))[:k]


@pytest.mark.parametrize(("dtype", "tolerance"), [("float32", 1e-6), ("float64", 1e-14)])
def test_log_softmax_is_scipys(dtype, tolerance):
    x = (np.random.default_rng(4).standard_normal((3, 50)) * 20).astype(dtype)
    np.testing.assert_allclose(log_softmax(x), special.log_softmax(x.astype(np.float64), axis=-1), tolerance, tolerance)

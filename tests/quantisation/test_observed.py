"""What calibration counts."""

import numpy as np
import pytest

from refnet.quantisation.observed import MANTISSA_BITS, Observed


def seen(*parts: np.ndarray) -> Observed:
    observed = Observed(counting=True)
    for part in parts:
        observed.add(part)
    return observed


def drawn(seed: int, size: int = 10_000) -> np.ndarray:
    return (np.random.default_rng(seed).standard_normal(size) ** 3).astype(np.float32)


def test_order_makes_no_difference():
    one, two = drawn(1), drawn(2)
    there, back = seen(one, two), seen(two[::-1], one)
    assert (there.low, there.high) == (back.low, back.high)
    np.testing.assert_array_equal(there.counts, back.counts)


def test_every_number_is_counted_beside_itself():
    x = np.concatenate([drawn(3), [0, -0.0, 1e-30, -1e30, 1e30, 1, -1]]).astype(np.float32)
    middles, counts = seen(x).distribution()
    assert counts.sum() == x.size
    assert (np.diff(middles) > 0).all()
    within = x[(np.abs(x) > 1e-6) & (np.abs(x) < 1e6)]
    nearest = middles[np.abs(middles[None] - within[:500, None]).argmin(axis=1)]
    assert (np.abs(nearest / within[:500] - 1) <= 2.0**-MANTISSA_BITS).all()
    assert (within > 0).sum() == counts[(middles > 1e-6) & (middles < 1e6)].sum()


@pytest.mark.parametrize("beyond", [0, 1, 10, 1000])
def test_ends(beyond):
    x = drawn(4)
    found = seen(x)
    for low in (False, True):
        end = found.end(beyond, low=low)
        exact = np.sort(x)[beyond] if low else np.sort(x)[-1 - beyond]
        assert ((x < end) if low else (x > end)).sum() <= beyond
        assert abs(end) >= abs(exact)
        assert abs(end / exact - 1) <= 2.0**-MANTISSA_BITS


def test_zero_is_always_within():
    found = seen(np.array([3, 4], np.float32))
    assert (found.low, found.end(0, low=True), found.end(2)) == (0, 0, 0)
    assert Observed().low == Observed().high == 0

"""Pictures in codes: equal to the definition, ties and what lies beside them included."""

import numpy as np
import pytest

from refnet.engine.integers.entry import codes_of
from refnet.reference.integers.quantisation import Quantisation, quantise

ROUNDINGS = ("half-away", "half-even", "quotient-half-even")


def near_ties(scale: np.float32) -> np.ndarray:
    """Every tie of a code and the eight numbers around it; numbers near 0, and far from all codes."""
    ties = (np.arange(-700, 700) + np.float32(0.5)).astype(np.float32) * scale
    around = [ties]
    for towards in (-np.inf, np.inf):
        x = ties
        for _ in range(4):
            x = np.nextafter(x, np.float32(towards))
            around.append(x)
    ends = np.array([0, -0.0, 1e-45, -1e-45, 3e38, -3e38, 1e10, -1e10], np.float32)
    return np.concatenate([*around, ends, np.float32(0.5) * ends])


@pytest.mark.parametrize("rounding", ROUNDINGS)
def test_equal_to_the_definition(rounding):
    rng = np.random.default_rng(4)
    for scale in (1, 0.5, 1 / 128, *rng.uniform(1e-4, 10, 20), 1e-30):
        for zero_point in (-128, -1, 0, 5, 127):
            to = Quantisation(np.float32(scale), zero_point)
            x = np.concatenate([near_ties(to.scale), rng.uniform(-300 * scale, 300 * scale, 5000)]).astype(np.float32)
            with np.errstate(over="ignore"):
                wanted = quantise(x, to, rounding)
            found = codes_of(x, to, rounding)
            assert found.dtype == wanted.dtype
            assert (found == wanted).all()


def test_codes_stay():
    codes = np.array([-128, 127], np.int8)
    assert codes_of(codes, Quantisation(np.float32(1), 0), "half-away") is codes

"""exp and fma beside those of the contract and exact fractions."""

from fractions import Fraction

import numpy as np

from refnet.reference import elementary as compiled
from refnet.reference.integers.elementary import exp, fma


def test_exp_is_within_a_place_of_the_contracts():
    x = np.random.default_rng(1).uniform(-700, 700, 500)
    found = exp(x)
    assert (np.abs(found - compiled.exp(x)) <= np.spacing(found)).all()


def test_fma_is_the_instruction():
    """Drawn so that the sum cancels, is far smaller than the product, or lies near a tie of float32."""
    rng = np.random.default_rng(2)
    x, y = (rng.standard_normal(200_000).astype(np.float32) for _ in range(2))
    near = -(x * y) * rng.choice([1, 1 + 2**-20, 2**-24, 2**25, 0.5], len(x)).astype(np.float32)
    for z in (rng.standard_normal(len(x)).astype(np.float32), near.astype(np.float32)):
        assert (fma(x, y, z) == compiled.fma(x, y, z)).all()


def test_fma_of_a_tie_in_float64():
    """The sum in float64 is a tie of float32 that the true sum is not."""
    x = np.float32(1 + 2**-12)
    z = np.float32(2**-54 * 3)
    exact = Fraction(float(x)) ** 2 + Fraction(float(z))
    found = Fraction(float(fma(x, x, z)))
    for other in (np.nextafter(fma(x, x, z), np.float32(9)), np.nextafter(fma(x, x, z), np.float32(0))):
        assert abs(found - exact) <= abs(Fraction(float(other)) - exact)

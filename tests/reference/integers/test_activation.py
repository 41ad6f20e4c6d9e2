from decimal import ROUND_HALF_UP, Decimal, localcontext

import numpy as np
import pytest

from refnet.reference.integers.activation import look_up, swish_table
from refnet.reference.integers.quantisation import Quantisation


def in_decimals(of: Quantisation, to: Quantisation) -> list[int]:
    """To 40 digits, rounded once; half away from 0 is what ROUND_HALF_UP of Python's decimals does."""
    found = []
    with localcontext() as context:
        context.prec = 40
        for q in range(-128, 128):
            x = (q - of.zero_point) * Decimal(float(of.scale))
            y = x / (1 + (-x).exp())
            code = int((y / Decimal(float(to.scale))).to_integral_value(ROUND_HALF_UP)) + to.zero_point
            found.append(min(max(code, -128), 127))
    return found


def drawn(seed: int) -> tuple[Quantisation, Quantisation]:
    rng = np.random.default_rng(seed)
    scales, zeros = rng.uniform(0.003, 0.2, 2).astype(np.float32), rng.integers(-128, 128, 2)
    return Quantisation(scales[0], int(zeros[0])), Quantisation(scales[1], int(zeros[1]))


@pytest.mark.parametrize("seed", range(20))
def test_swish(seed):
    of, to = drawn(seed)
    assert swish_table(of, to).tolist() == in_decimals(of, to)


def test_look_up():
    every = np.arange(-128, 128).astype(np.int8)
    entries = np.random.default_rng(8).integers(-128, 128, 256).astype(np.int8)
    assert look_up(every, entries).tolist() == entries.tolist()

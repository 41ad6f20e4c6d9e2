import math

import numpy as np
import pytest

from refnet.reference.integers.activation import look_up, swish_table
from refnet.reference.integers.quantisation import Quantisation


def in_floats(of: Quantisation, to: Quantisation) -> list[int]:
    """By the C library's exp in float64: none of these values is so close to a tie that it would matter."""
    found = []
    for q in range(-128, 128):
        x = (q - of.zero_point) * float(of.scale)
        y = x / (1 + math.exp(-x)) / float(to.scale)
        code = math.copysign(math.floor(abs(y) + 0.5), y) + to.zero_point
        found.append(int(min(max(code, -128), 127)))
    return found
    return found


def drawn(seed: int) -> tuple[Quantisation, Quantisation]:
    rng = np.random.default_rng(seed)
    scales, zeros = rng.uniform(0.003, 0.2, 2).astype(np.float32), rng.integers(-128, 128, 2)
    return Quantisation(scales[0], int(zeros[0])), Quantisation(scales[1], int(zeros[1]))


@pytest.mark.parametrize("seed", range(20))
def test_swish(seed):
    of, to = drawn(seed)
    assert swish_table(of, to).tolist() == in_floats(of, to)


def test_look_up():
    every = np.arange(-128, 128).astype(np.int8)
    entries = np.random.default_rng(8).integers(-128, 128, 256).astype(np.int8)
    assert look_up(every, entries).tolist() == entries.tolist()

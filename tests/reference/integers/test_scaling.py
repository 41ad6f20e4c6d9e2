from fractions import Fraction

import numpy as np
import pytest
from helpers.oracles import nearest

from refnet.reference.integers.scaling import FORMATS


def exact(value: float) -> Fraction:
    return Fraction(float(value))


def oracle(name: str, x: float, y: float, out: float) -> float:
    return nearest(Fraction(nearest(exact(x) * exact(y), name)) / exact(out), name)


@pytest.mark.parametrize("name", FORMATS)
def test_format(name):
    x, y, out = np.random.default_rng(4).uniform(0.001, 2, (3, 300)).astype(np.float32)
    ours = FORMATS[name](x, y, out)
    assert ours.dtype == np.float64
    assert ours.tolist() == [oracle(name, *each) for each in zip(x, y, out, strict=True)]


def test_they_differ():
    x, y, out = np.random.default_rng(5).uniform(0.001, 2, (3, 300)).astype(np.float32)
    assert np.mean(FORMATS["float64"](x, y, out) != FORMATS["float32"](x, y, out)) > 0.9

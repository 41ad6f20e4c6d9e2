from fractions import Fraction

import numpy as np
import pytest
from helpers.oracles import nearest

from refnet.reference.integers.scaling import FORMATS


def exact(value: float) -> Fraction:
    return Fraction(float(value))


def oracle(name: str, x: float, y: float, out: float) -> float:
    product = "float64" if name == "float64" else "float32"
    quotient = "float32" if name == "float32" else "float64"
    return nearest(Fraction(nearest(exact(x) * exact(y), product)) / exact(out), quotient)


@pytest.mark.parametrize("name", FORMATS)
def test_format(name):
    x, y, out = np.random.default_rng(4).uniform(0.001, 2, (3, 300)).astype(np.float32)
    ours = FORMATS[name](x, y, out)
    assert ours.dtype == np.float64
    assert ours.tolist() == [oracle(name, *each) for each in zip(x, y, out, strict=True)]


def test_they_differ():
    x, y, out = np.random.default_rng(5).uniform(0.001, 2, (3, 300)).astype(np.float32)
    a, b, c = (function(x, y, out) for function in FORMATS.values())
    assert min(np.mean(a != b), np.mean(b != c), np.mean(a != c)) > 0.5

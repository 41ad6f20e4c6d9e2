"""Activations undone."""

import numpy as np
import pytest

from refnet.comparison.diagnosis.activations import ACTIVATIONS
from refnet.comparison.diagnosis.identify.inverse import invert


@pytest.mark.parametrize("name", ["none", "swish", "relu6", "relu", "sigmoid", "tanh"])
def test_what_is_known_is_right(name):
    x = np.linspace(-5, 8, 400)
    values, known = invert(name, ACTIVATIONS[name](x))
    np.testing.assert_allclose(values[known], x[known], rtol=1e-9, atol=1e-9)
    assert known.mean() > 0.3
    assert name == "none" or not known.all()

"""Where the error of one tensor is."""

import math

import numpy as np
import pytest

from refnet.comparison.tensor_result import MAP_SIDE, STRIP, heat_of


def test_heat():
    error = np.zeros((2, 3, 4, 5))
    error[:, 1, 2, 3] = 2.0
    found = heat_of(error, np.zeros_like(error))
    assert (found.picture.shape, found.picture[1, 2]) == ((3, 4), 2 / math.sqrt(5))
    assert found.picture.sum() == found.picture[1, 2]
    assert found.channels.tolist() == [0, 0, 0, pytest.approx(2 / math.sqrt(12)), 0]


def test_heat_of_large_and_of_vectors():
    error = np.zeros((1, 100, 130, 2))
    error[0, 99, 129, 0] = 1
    found = heat_of(error, np.zeros_like(error))
    assert (found.picture.shape, found.picture[-1, -1] > 0) == ((MAP_SIDE, MAP_SIDE), True)
    vector = np.zeros((1, 1000))
    vector[0, 999] = np.nan
    found = heat_of(vector, np.zeros((1, 1000)))
    assert (found.picture.shape, np.flatnonzero(found.channels).tolist()) == ((0, 0), [STRIP - 1])

"""Computation: without a mistake it is the definition, of every operation by every engine."""

from __future__ import annotations

import math

import numpy as np
import pytest
from helpers import integer_networks

from refnet.comparison.integers.computation import computation_of, compute
from refnet.comparison.integers.totals import Places
from refnet.reference.integers.engine import ENGINES, of_one_policy
from refnet.reference.integers.evaluate import evaluate

EVERY = {**ENGINES, "single": of_one_policy("single")}


@pytest.mark.parametrize("name", EVERY)
@pytest.mark.parametrize("file", integer_networks.FILES)
def test_right_is_the_definition(file, name):
    network = integer_networks.network(file).network
    tensors = dict(evaluate(network, EVERY[name], integer_networks.picture(2)))
    for operation in network.operations:
        expected = tensors[operation.name]
        c = computation_of(operation, [tensors[one] for one in operation.inputs], network.codes, EVERY[name])
        pixels = np.arange(math.prod(expected.shape[:-1]))
        for channels in (np.arange(expected.shape[-1]), np.arange(0, expected.shape[-1], 3)):
            places = Places(pixels, channels)
            assert (compute(c, places) == places.of(expected)).all(), operation.name

from dataclasses import fields

import numpy as np
import pytest

from refnet.errors import InputError
from refnet.reference.integers.engine import (
    ENGINES,
    FLOAT32,
    FUSED,
    RESCALED,
    WEIGHTED,
    Rescaling,
    engine,
    of_one_policy,
)
from refnet.reference.integers.policy import POLICIES


@pytest.mark.parametrize("name", ENGINES)
def test_every_policy_of_a_set_is_one(name):
    stated = [getattr(engine(name), field.name) for field in fields(engine(name))]
    rescalings = [each for each in stated if isinstance(each, Rescaling)]
    assert len(rescalings) == 4
    assert {each.policy for each in rescalings} <= set(POLICIES)
    assert {engine(name).mean, engine(name).add} <= {*POLICIES, WEIGHTED, FUSED, FLOAT32, RESCALED}


def test_rescaling():
    """0.5 * 0.5 / 2 of 4 is a tie."""
    half, two = np.float32(0.5), np.float32(2)
    assert Rescaling("double")(np.array([4, -4]), half, half, two).tolist() == [1, -1]
    assert Rescaling("fp32-even", "float32")(np.array([4, -4]), half, half, two).tolist() == [0, 0]


def test_of_one_policy():
    assert of_one_policy("single").dense == Rescaling("single")
    with pytest.raises(InputError, match="fp32-even has no multiplier of fixed point"):
        of_one_policy("fp32-even")


def test_no_engine():
    with pytest.raises(InputError, match="no engine 'coral'; want one of tflm, tflite, xnnpack"):
        engine("coral")

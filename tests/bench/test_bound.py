"""Bounds: counted by hand for each kind of step."""

import numpy as np
import pytest
from helpers.tops import TOPS, architecture_with

from refnet.architecture.plan import make_plan
from refnet.architecture.scaling import TABLE
from refnet.architecture.variants import variant
from refnet.bench.bound import bounds_of
from refnet.bench.costs import Costs

COSTS = Costs(addition=0.5, activations={"none": 0.0, "swish": 11.0, "relu6": 2.0, "sigmoid": 12.0}, byte=1e-9)
FLOAT32 = np.dtype(np.float32)
PEAK = 32.0  # a multiply-add of a vector takes 1 ns


@pytest.fixture(scope="module")
def bounds():
    return bounds_of(make_plan(variant("b0")), COSTS, PEAK, FLOAT32)


@pytest.mark.parametrize(
    ("step", "multiply_adds"),
    [
        ("stem", 112 * 112 * 2 * (27 + 1 + 11)),
        ("block1a.depthwise", 112 * 112 * 2 * (9 + 1 + 11 + 0.5)),  # and the sums of its rows
        ("block1a.squeeze", 112 * 2),
        ("block1a.reduce", 1 * (32 + 1 + 11)),  # 8 channels fill half a vector
        ("block1a.gate", 2 * (8 + 1 + 12)),
        ("block1a.excite", 112 * 112 * 2),
        ("block1a.project", 112 * 112 * (32 + 1)),
        ("block2b.expand", 56 * 56 * 9 * (24 + 1 + 11)),
        ("block2b.project", 56 * 56 * 2 * (144 + 4 * 0.5 + 1)),  # 5 chains of at most 32 are 4 additions
        ("block2b.add", 56 * 56 * 2 * 0.5),
        ("pool", 7 * 7 * 80),
    ],
)
def test_arithmetic(bounds, step, multiply_adds):
    assert bounds[step] == pytest.approx(multiply_adds * 1e-9)


def test_weights_come_from_memory(bounds):
    """Less what may be there before; behind the arithmetic of a large picture they cannot be seen."""
    assert bounds["logits"] == pytest.approx((1280 * 1008 * 4 - 2**20) * 1e-9)
    of_float64 = bounds_of(make_plan(variant("b0")), COSTS, PEAK, np.dtype(np.float64))
    assert of_float64["logits"] == pytest.approx((1280 * 1008 * 8 - 2**20) * 1e-9)
    small = bounds_of(make_plan(variant("b0"), 32), COSTS, PEAK, FLOAT32)
    assert small["head"] == pytest.approx((320 * 1280 * 4 - 2**20) * 1e-9)
    assert bounds["head"] == pytest.approx(49 * 80 * (320 + 9 * 0.5 + 1 + 11) * 1e-9)


def test_without_a_squeeze_nothing_is_added_up_on_the_way():
    bounds = bounds_of(make_plan(variant("lite0")), COSTS, PEAK, FLOAT32)
    assert bounds["block1a.depthwise"] == pytest.approx(112 * 112 * 2 * (9 + 1 + 2) * 1e-9)


@pytest.mark.parametrize("name", TABLE)
def test_every_step_of_every_variant(name):
    plan = make_plan(variant(name))
    bounds = bounds_of(plan, COSTS, PEAK, FLOAT32)
    assert [*bounds] == [step.name for step in plan]
    assert min(bounds.values()) > 0
    assert sum(bounds.values()) * 1e9 * 16 > plan.macs  # blocks are filled up


def test_every_step_of_every_top():
    every = Costs(0.5, COSTS.activations | {"relu": 1.0, "tanh": 13.0}, 1e-9)
    for top in TOPS.values():
        assert min(bounds_of(make_plan(architecture_with(top), 32), every, PEAK, FLOAT32).values()) > 0

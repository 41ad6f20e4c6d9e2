"""Costs: what is counted is computed, and in the order that operations have on any CPU."""

import numpy as np
import pytest

from refnet.bench import costs
from refnet.engine.packed import aligned_empty
from refnet.kernels import marginal_loops, reading_loop
from refnet.kernels.machine import LANES, Registers
from refnet.reference.activation import sigmoid, swish

DTYPES = ("float32", "float64")


@pytest.mark.parametrize("dtype", DTYPES)
def test_costs(dtype, monkeypatch):
    monkeypatch.setattr(costs, "_BURSTS", 60)
    weights = aligned_empty(100_000, np.dtype(dtype))
    weights[:] = 1
    found = costs.measure_costs(weights, ["swish", "none", "swish", "relu6"], threads=2)
    assert [*found.activations] == ["none", "relu6", "swish"]
    assert found.activations["none"] == 0
    assert 0 <= found.addition < found.activations["swish"]
    assert 3 < found.activations["swish"] < 1000  # 7 multiply-adds, a division and more
    assert 1e-13 < found.byte < 1e-7


def test_the_lesser_of_two_measurements():
    first = costs.Costs(0.5, {"none": 0.0, "swish": 12.0}, 3e-10)
    second = costs.Costs(1.0, {"none": 0.0, "swish": 11.0}, 2e-10)
    assert first.or_less(second) == costs.Costs(0.5, {"none": 0.0, "swish": 11.0}, 2e-10)


def test_the_tiniest_weights():
    assert costs.measure_costs(np.ones(100, np.float32), [], threads=2).byte == 0


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("name", [None, "addition", "relu6", "swish", "sigmoid", "tanh"])
def test_the_operations_are_computed(dtype, name):
    """Chains tend to 1; the result is what the operation makes of that, some rounds late."""
    one = np.ones(1, dtype)
    expected = {
        None: 0.5, "addition": 2, "relu6": 1, "swish": swish(one)[0], "sigmoid": sigmoid(one)[0],
        "tanh": 2 * sigmoid(2 * one)[0] - 1,
    }  # fmt: skip
    values = marginal_loops.start_values(dtype)
    marginal_loops.loop_with(name)(values, 200)
    assert (values[:LANES] == dtype(expected[name])).all()
    assert (values[LANES:] == 1).all()


@pytest.mark.parametrize("itemsize", [4, 8])
@pytest.mark.parametrize("machine", [Registers(32, 64), Registers(16, 32), Registers(16, 16), Registers(32, 16)])
def test_chains_leave_registers(itemsize, machine):
    chains = marginal_loops.chain_vectors(itemsize, machine) * LANES * itemsize // machine.size
    assert 8 <= chains <= machine.count - 4


def test_all_is_read():
    """A change anywhere changes what comes back."""
    rounds = 3
    values = np.arange(rounds * reading_loop.ELEMENTS + 5).astype(np.float32)
    before = reading_loop.read(values, rounds)
    changed = 0
    for k in range(0, rounds * reading_loop.ELEMENTS, LANES):
        values[k] += 1000.5
        after = reading_loop.read(values, rounds)
        changed += after != before
        before = after
    assert changed == rounds * reading_loop.ELEMENTS // LANES
    values[-1] = 7
    assert reading_loop.read(values, rounds) == before

"""The stored numbers of operations: with them alone, a port computes what the definition does."""

import numpy as np
import pytest
from helpers.integer_networks import FILES, network, picture

from refnet.reference.integers.constants import FACTOR, MULTIPLIER, SHIFT, TABLE, WEIGHTS, constants, stored
from refnet.reference.integers.engine import ENGINES, TFLM
from refnet.reference.integers.evaluate import accumulate, evaluate
from refnet.reference.integers.network import IntegerNetwork, Operation
from refnet.reference.integers.policy import POLICIES, policy


def of_all(network: IntegerNetwork, engine: str) -> dict[str, tuple[Operation, dict[str, np.ndarray]]]:
    shapes = {"input": network.plan.steps[0].in_shape, **network.plan.shapes}
    found = {}
    for each in network.operations:
        shape = shapes.get(each.inputs[0], ())
        of = [network.codes[name] for name in each.inputs]
        count = int(np.prod(shape[:-1]))
        found[each.name] = (each, constants(each, of, network.codes[each.name], ENGINES[engine], count))
    return found


@pytest.mark.parametrize("file", FILES)
def test_a_port_needs_no_scale(file: str) -> None:
    """Sums of products from the codes before and what is stored, in integers of Python."""
    found = network(file).network
    values = dict(evaluate(found, TFLM, picture(1)))
    stored_numbers = of_all(found, "tflm")
    for name in ("stem.conv" if file == FILES[0] else "stem", "logits"):
        operation, kept = stored_numbers[name]
        total = accumulate(operation, values[operation.inputs[0]], found.codes[operation.inputs[0]])
        flat = total.reshape(-1, total.shape[-1])
        to = found.codes[name]
        for channel in range(0, flat.shape[1], 3):
            m, s = int(kept[MULTIPLIER][channel]), int(kept[SHIFT][channel])
            for row in range(0, len(flat), 37):
                high = (int(flat[row, channel]) * m + (1 << 30)) >> 31
                magnitude = (abs(high) + ((1 << -s) >> 1)) >> -s
                code = (-magnitude if high < 0 else magnitude) + to.zero_point
                low = max(-128, to.zero_point) if operation.limit == "relu6" else -128
                assert values[name].reshape(flat.shape)[row, channel] == min(max(code, low), 127)


@pytest.mark.parametrize("engine", ENGINES)
def test_each_kind_says_what_it_keeps(engine: str) -> None:
    kinds = {operation.kind: set(kept) for operation, kept in of_all(network("swish.tflite").network, engine).values()}
    fixed, real = {MULTIPLIER, SHIFT}, {FACTOR}
    sums = real if engine in ("xnnpack", "onnxruntime") else fixed
    assert kinds["convolution"] == kinds["depthwise"] == kinds["multiply"] == sums
    assert kinds["dense"] == (fixed if engine == "tflm" else real)
    assert kinds["add"] == {"xnnpack": {WEIGHTS, SHIFT}, "onnxruntime": real}.get(engine, fixed)
    assert kinds["mean"] == sums
    assert kinds["logistic"] == {TABLE}
    assert kinds["softmax"] == (fixed if engine in ("tflm", "tflite") else set())


@pytest.mark.parametrize("name", POLICIES)
def test_every_policy_says_what_it_keeps(name: str) -> None:
    kept = stored(policy(name), np.array([0.25, 0.5]))
    assert all(each.shape == (2,) for each in kept.values())

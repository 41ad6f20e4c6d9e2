"""Single sums by kernels of integers, against the definition."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from refnet.architecture.padding import Pads
from refnet.architecture.plan import make_plan
from refnet.architecture.variants import variant
from refnet.engine.integers.runner import IntegerEngine
from refnet.reference.integers.engine import ENGINES
from refnet.reference.integers.evaluate import evaluate
from refnet.reference.integers.network import IntegerNetwork, Kernel, Operation
from refnet.reference.integers.quantisation import Quantisation


def one_operation(operation: Operation, shape: tuple[int, int, int], zero_point: int, scale: float) -> IntegerNetwork:
    """A network of one operation, which reads the input."""
    plan = make_plan(variant("b0"))
    first = replace(plan.steps[0], in_shape=shape)
    plan = replace(plan, height=shape[0], width=shape[1], steps=(first, *plan.steps[1:]))
    codes = {
        "input": Quantisation(np.float32(0.05), zero_point),
        operation.name: Quantisation(np.float32(scale), -7 if zero_point else 100),
    }
    return IntegerNetwork(plan, (operation,), codes)


# Widths and heights around tiles of 7 and 14, channels that do not fill four, a block, a panel.
SHAPES = [(1, 1, 16), (3, 5, 17), (7, 15, 40), (2, 29, 33), (9, 8, 6)]


@pytest.mark.parametrize("engine", ["tflm", "xnnpack"])
@pytest.mark.parametrize("shape", SHAPES, ids=str)
@pytest.mark.parametrize(("kernel", "stride"), [(1, 1), (3, 1), (3, 2), (5, 1), (5, 2)])
def test_single_sums(kernel: int, stride: int, shape: tuple[int, int, int], engine: str) -> None:
    H, W, C = shape
    rng = np.random.default_rng(kernel + 10 * stride + C)
    kind, kernel_shape = ("convolution", (1, 1, C, C + 3)) if kernel == 1 else ("depthwise", (kernel, kernel, C))
    weights = rng.integers(-127, 128, kernel_shape).astype(np.int8)
    bias = rng.integers(-3000, 3000, kernel_shape[-1]).astype(np.int32)
    scales = rng.uniform(0.01, 0.1, kernel_shape[-1]).astype(np.float32)
    pads = Pads(0, 0, 0, 0) if kernel == 1 else Pads(kernel // 2, kernel // 2, (kernel - 1) // 2, kernel // 2)
    operation = Operation("s", kind, ("input",), Kernel(weights, scales, bias), stride, pads, "relu6")
    for zero_point in (-128, 127, 0):
        network = one_operation(operation, shape, zero_point, 0.4)
        x = rng.choice([-128, 127, *rng.integers(-128, 128, 6)], (1, H, W, C)).astype(np.int8)
        _, (_, expected) = evaluate(network, ENGINES[engine], x)
        ((_, got),) = IntegerEngine(network, ENGINES[engine], 2).run({"input": x[0]}, ["s"], (H, W))
        assert np.array_equal(got, expected[0])

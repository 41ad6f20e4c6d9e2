"""The small int8 networks, changed so that more of what may happen does."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from refnet.architecture.plan import make_plan
from refnet.reference.integers.fixed_point import multiplier
from refnet.reference.integers.layout import on
from refnet.reference.integers.network import IntegerNetwork, Kernel, Operation
from refnet.reference.integers.policy import double
from refnet.reference.integers.quantisation import Quantisation

Numbers = np.ndarray


def fused(network: IntegerNetwork) -> IntegerNetwork:
    """Each split swish in one table."""
    operations: list[Operation] = []
    for each in network.operations:
        if each.kind == "multiply" and any(name.endswith(".sigmoid") for name in each.inputs):
            operations.append(Operation(each.name, "swish", each.inputs[:1]))
        elif not each.name.endswith(".sigmoid"):
            operations.append(each)
    return replace(network, operations=tuple(operations))


def grey(network: IntegerNetwork) -> IntegerNetwork:
    """The same, of the first of a picture's channels alone."""
    stem = network.operations[0].name
    kernel = _kernel(network, stem)
    network = _with_kernel(network, stem, kernel._replace(weights=kernel.weights[:, :, :1]))
    return _of(network, channels=1)


def without_classifier(network: IntegerNetwork) -> IntegerNetwork:
    """The same, up to the pool."""
    kept = tuple(each for each in network.operations if each.name not in ("logits", "probabilities"))
    codes = {name: network.codes[name] for name in ("input", *(each.name for each in kept))}
    return _of(replace(network, operations=kept, codes=codes), classes=0)


def _of(network: IntegerNetwork, **changes: int) -> IntegerNetwork:
    plan = network.plan
    architecture = replace(plan.architecture, **changes)
    return replace(network, plan=make_plan(architecture, (plan.height, plan.width), padding=plan.padding))


def powers_of_two(network: IntegerNetwork) -> IntegerNetwork:
    """All scales rounded to the nearest one."""

    def nearest(scale: Numbers | np.float32) -> Numbers:
        return np.exp2(np.rint(np.log2(scale))).astype(np.float32)

    codes = {name: Quantisation(np.float32(nearest(of.scale)), of.zero_point) for name, of in network.codes.items()}
    operations = tuple(
        replace(each, kernel=each.kernel and each.kernel._replace(scales=nearest(each.kernel.scales)))
        for each in network.operations
    )
    return replace(network, operations=operations, codes=codes)


def sized(network: IntegerNetwork, size: int) -> IntegerNetwork:
    """The same network for another picture: what is rare is seen in many elements."""
    return on(make_plan(network.plan.architecture, size, padding=network.plan.padding), network)


def loud(network: IntegerNetwork) -> IntegerNetwork:
    """The Lite, sums beyond 20 bits in ``head`` and 24 in ``logits``; ReLU6 at codes well within int8 in ``stem``."""
    codes = dict(network.codes) | {"stem": Quantisation(np.float32(0.04), -60)}
    network = replace(network, codes=codes)
    for name, reached in (("head", 2.0**20), ("logits", 2.0**24)):
        kernel = _kernel(network, name)
        even = np.linspace(-1, 1, len(kernel.bias))
        scales = (_scale_of_one(network, name) * 100 / (reached * (1.2 + even / 3))).astype(np.float32)
        bias = (reached * even).astype(np.int32)
        network = _with_kernel(network, name, kernel._replace(scales=scales, bias=bias))
    return network


def near_ties(network: IntegerNetwork) -> IntegerNetwork:
    """The Lite, its ``head`` of biases alone: some of 32 round otherwise if a multiplier loses its last 8 bits."""
    kernel = _kernel(network, "head")
    bias = np.zeros_like(kernel.bias)
    scales = (_scale_of_one(network, "head") * np.linspace(0.00007, 0.00009, len(bias))).astype(np.float32)
    one = _scale_of_one(network, "head")
    candidates = np.arange(1 << 20, (1 << 20) + (1 << 16))
    for k in range(32):
        by = multiplier(np.float64(scales[k]) / np.float64(one))
        cut = by._replace(mantissa=by.mantissa & ~0xFF)
        found = candidates[double(candidates, by) != double(candidates, cut)]
        bias[k] = found[0] if len(found) else 0
    return _with_kernel(
        network, "head", kernel._replace(weights=np.zeros_like(kernel.weights), scales=scales, bias=bias)
    )


def _kernel(network: IntegerNetwork, name: str) -> Kernel:
    (kernel,) = (each.kernel for each in network.operations if each.name == name)
    assert kernel is not None
    return kernel


def _with_kernel(network: IntegerNetwork, name: str, kernel: Kernel) -> IntegerNetwork:
    operations = tuple(replace(each, kernel=kernel) if each.name == name else each for each in network.operations)
    return replace(network, operations=operations)


def _scale_of_one(network: IntegerNetwork, name: str) -> np.float32:
    """The scale of a kernel with which a sum is the code that comes out."""
    (operation,) = (each for each in network.operations if each.name == name)
    return np.float32(network.codes[name].scale / network.codes[operation.inputs[0]].scale)

"""The self-test of integer kernels, as that of real numbers: a small network of all the usual operations."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import numpy as np

from refnet.architecture import names
from refnet.architecture.plan import Plan, make_plan
from refnet.architecture.scaling import Coefficients
from refnet.architecture.step import Step
from refnet.architecture.variants import efficientnet
from refnet.arrays import Array
from refnet.engine.integers.runner import IntegerEngine
from refnet.float_mode import default_mode
from refnet.kernels.object_code import Function
from refnet.kernels.units import interpreter_of
from refnet.reference.digest import tensor_digest
from refnet.reference.integers.activation import SIGMOID
from refnet.reference.integers.engine import ENGINES, Engine
from refnet.reference.integers.network import IntegerNetwork, Kernel, Kind, Operation
from refnet.reference.integers.quantisation import Quantisation

SIZE = (17, 13)  # strips and tiles that are not full
OUTPUTS = ("pool", "probabilities")
_KINDS: dict[str, Kind] = {"excite": "multiply", "mean": "mean", "add": "add", "softmax": "softmax"}
_NUMBERS = 1 << 14
DIGESTS = {
    "tflite": (
        "48eeb0ffc87047da540e853b90e4dd964ceeae23624c8fdc956f78abb1360753",
        "05b0ba0ab54974521d96e7ad25d8f5e49185528dccc6eb0d758c7f84b7bcbc0e",
    ),
    "xnnpack": (
        "d2279c54b86dbc9cae594bb9794aaf8561fcab182463c7f47eb906deba45ab2d",
        "febaf899aab8ca806d9f09d8787e9eaced706b24b75fff41e3ae9666ffe91de6",
    ),
}


def is_right(function: Function, dtype: np.dtype[Any]) -> bool:
    """Whether compiled code computes what it must."""
    return digests(function) == DIGESTS


@default_mode()
def digests(function: Function) -> dict[str, tuple[str, ...]]:
    """Run the small network by compiled code, as two engines round; the digests of its outputs."""
    small, x = network()
    found = {}
    for name in DIGESTS:
        engine = IntegerEngine(small, rounding_as(name), 1, lambda dtype: interpreter_of(function))
        tensors = dict(engine.run({names.INPUT: x}, OUTPUTS, SIZE))
        found[name] = tuple(tensor_digest(tensors[name][None]) for name in OUTPUTS)
    return found


def rounding_as(name: str) -> Engine:
    """An engine, but for its tables of the logistic function: these take long to make, and are no work of kernels."""
    return replace(ENGINES[name], logistic="fixed-point")


def network() -> tuple[IntegerNetwork, Array]:
    """A network and the codes of a picture: five blocks, with strides, gates and additions, and the top."""
    architecture = efficientnet(Coefficients(width=0.25, depth=0.7), classes=5)
    plan = make_plan(replace(architecture, blocks=architecture.blocks[:5]), SIZE)
    # Any codes will do: each tensor begins elsewhere.
    codes = (np.arange(_NUMBERS, dtype=np.uint32) * np.uint32(2654435761) >> np.uint32(24)).astype(np.uint8)
    maker = _Maker(plan, np.maximum(codes.view(np.int8), -127))
    return maker.network(), codes.view(np.int8)[: 3 * SIZE[0] * SIZE[1]].reshape(*SIZE, 3)


class _Maker:
    """Makes integer operations of a plan's steps, all of whose tensors have about the same scale."""

    def __init__(self, plan: Plan, numbers: Array) -> None:
        self.plan, self.numbers = plan, numbers
        self.codes = {names.INPUT: Quantisation(np.float32(1 / 128), 3)}

    def network(self) -> IntegerNetwork:
        operations = tuple(operation for step in self.plan for operation in self._operations(step))
        return IntegerNetwork(self.plan, operations, self.codes)

    def _operations(self, step: Step) -> Iterator[Operation]:
        gated = step.activation in ("swish", "sigmoid")
        name = names.part_name(step.name, names.CONV) if gated else step.name
        yield self._first(step, name)
        if step.activation == "swish":
            gate = names.part_name(step.name, names.SIGMOID)
            self.codes[gate] = SIGMOID
            yield Operation(gate, "logistic", (name,))
            yield Operation(self._named(step.name), "multiply", (name, gate))
        elif step.activation == "sigmoid":
            self.codes[step.name] = SIGMOID
            yield Operation(step.name, "logistic", (name,))

    def _named(self, name: str) -> str:
        """Give a tensor a scale and a zero point, each another one."""
        count = len(self.codes)
        self.codes[name] = Quantisation(np.float32((90 + count % 7) / 8192), count * 37 % 128 - 64)
        return name

    def _first(self, step: Step, name: str) -> Operation:
        self._named(name)
        if step.op in _KINDS:
            if step.op == "softmax":
                self.codes[name] = SIGMOID
            return Operation(name, _KINDS[step.op], step.inputs)
        kind: Kind = {"depthwise": "depthwise", "dense": "dense"}.get(step.op, "convolution")  # type: ignore[assignment]
        shape = step.weights[0].shape
        K = shape[-1]
        begin = 101 * len(self.codes)
        weights = np.resize(self.numbers[begin:], shape)
        taps = weights.size // K
        scales = (np.arange(3, 3 + K) % 5 + 2) / np.float32(40 * taps**0.5)
        bias = np.resize(self.numbers[begin + 7 :], K).astype(np.int32) * 50
        kernel = Kernel(weights, scales.astype(np.float32), bias)
        return Operation(name, kind, step.inputs, kernel, step.stride, step.pads)

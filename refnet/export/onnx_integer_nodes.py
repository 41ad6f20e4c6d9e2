"""The nodes of an ONNX graph of integers: QLinear operators, as ONNX Runtime computes them."""

from __future__ import annotations

from typing import Any, Final, NamedTuple

import numpy as np

from refnet.architecture import names
from refnet.arrays import Array
from refnet.reference.integers.activation import swish_table
from refnet.reference.integers.network import IntegerNetwork, Kernel, Operation
from refnet.reference.integers.quantisation import Quantisation, activation_limits

MICROSOFT = "com.microsoft"
CODES = "codes"  # ends the names of codes at the ends of a graph, where the names alone are real numbers
FLAT: Final = ("dense", "softmax")  # what wants a vector as [N, C]
INT32 = 6  # TensorProto's number of a type
SPREAD = 128  # from a code to its place in a table


class Node(NamedTuple):
    """One operation of the graph."""

    op_type: str
    inputs: tuple[str, ...]
    output: str
    settings: dict[str, Any]
    domain: str = ""


def channels(network: IntegerNetwork, name: str) -> int:
    """How many channels a tensor has."""
    return int(network.shapes[name][-1])


class Graph:
    """Nodes and constants as they are appended; what is common to both forms.

    Parameters
    ----------
    network
        Whose scales and kernels they get.
    """

    def __init__(self, network: IntegerNetwork) -> None:
        self.network = network
        self.nodes: list[Node] = []
        self.constants: dict[str, Array] = {}
        self.flat: dict[str, bool] = {}  # whether a tensor is [N, C]; it may be both, by two names

    def operate(self, operation: Operation) -> None:
        """Append the nodes of one operation; the last makes the tensor of its name."""
        raise NotImplementedError

    def name(self, of: str) -> str:
        """The name of the codes of a tensor."""
        return f"{of}.{CODES}" if of in (names.INPUT, self.network.operations[-1].name) else of

    def append(self, op_type: str, inputs: tuple[str, ...], output: str, domain: str = "", **settings: Any) -> str:
        """One node; what it makes."""
        self.nodes.append(Node(op_type, inputs, output, settings, domain))
        return output

    def constant(self, name: str, value: Array) -> str:
        """One constant; its name."""
        self.constants[name] = value
        return name

    def scale(self, name: str, codes: Quantisation) -> tuple[str, str]:
        """Scale and zero point of a tensor, as constants."""
        scale = self.constant(f"{name}/scale", np.array(codes.scale, np.float32))
        return scale, self.constant(f"{name}/zero_point", np.array(codes.zero_point, codes.dtype))

    def quantise(self, real: str, codes: str, to: Quantisation) -> str:
        """Codes of real numbers."""
        return self.append("QuantizeLinear", (real, *self.scale(codes, to)), codes)

    def dequantise(self, codes: str, real: str, by: Quantisation) -> str:
        """Real numbers of codes."""
        return self.append("DequantizeLinear", (codes, *self.scale(codes, by)), real)

    def answer(self) -> None:
        """Real numbers of what is made last, [N, C]: in a network without a classifier that is still a picture."""
        name = self.network.operations[-1].name
        self.dequantise(self._as(name, is_flat=True), name, self.network.codes[name])

    def shaped(self, operation: Operation) -> list[str]:
        """What an operation reads, as vectors [N, C] or pictures [N, C, H, W], whichever it wants."""
        own = [self.flat.get(self.name(name), False) for name in operation.inputs]
        follows = operation.kind in ("logistic", "swish", "add", "multiply")
        is_flat = all(own) if follows else operation.kind in FLAT
        return [self._as(name, is_flat=is_flat) for name in operation.inputs]

    def _as(self, of: str, *, is_flat: bool) -> str:
        name = self.name(of)
        if self.flat.get(name, False) == is_flat:
            return name
        other = f"{name}/{'flat' if is_flat else 'picture'}"
        if other not in self.flat:
            self.flat[other] = is_flat
            if is_flat:
                self.append("Flatten", (name,), other, axis=1)
            else:
                axes = self.constant("picture/axes", np.array([2, 3], np.int64))
                self.append("Unsqueeze", (name, axes), other)
        return other

    def look_up(self, operation: Operation, x: str) -> str:
        """A table of 256 codes, in operators that only move numbers."""
        (read,), name = operation.inputs, self.name(operation.name)
        of, to = self.network.codes[read], self.network.codes[operation.name]
        table = self.constant(f"{name}/table", swish_table(of, to))
        spread = self.constant("table/first", np.array(SPREAD, np.int32))
        wide = self.append("Cast", (x,), f"{name}/wide", to=INT32)
        place = self.append("Add", (wide, spread), f"{name}/place")
        return self.append("Gather", (table, place), name, axis=0)


class QLinear(Graph):
    """Integers from codes to codes."""

    def operate(self, operation: Operation) -> None:
        """Append the nodes of one operation; the last makes the tensor of its name."""
        inputs, name = self.shaped(operation), self.name(operation.name)
        self.flat[name] = self.flat.get(inputs[0], False)
        to = self.network.codes[operation.name]
        scaled = [
            (each, *self.scale(self.name(read), self.network.codes[read]))
            for each, read in zip(inputs, operation.inputs, strict=True)
        ]
        out, low, high = self.scale(name, to), *activation_limits(operation.limit, to)
        is_narrow = (low, high) != to.limits
        made = f"{name}/unlimited" if is_narrow else name
        if operation.kernel is not None:
            self._sum(operation, operation.kernel, scaled[0], out, made)
        elif operation.kind == "swish":
            self.look_up(operation, inputs[0])
        else:
            kind = _OPERATORS[operation.kind]
            settings = _SETTINGS.get(kind, {})
            self.append(kind, (*(part for each in scaled for part in each), *out), made, MICROSOFT, **settings)
        if is_narrow:
            ends = (
                self.constant(f"{name}/{end}", np.array(code, np.int8)) for end, code in (("low", low), ("high", high))
            )
            self.append("Clip", (made, *ends), name)

    def _sum(self, operation: Operation, kernel: Kernel, x: tuple[str, ...], out: tuple[str, str], made: str) -> None:
        name = operation.name
        weights = self.constant(f"{name}/kernel", theirs(operation, kernel))
        scale = self.constant(f"{name}/kernel_scale", kernel.scales)
        zero = self.constant(f"{name}/kernel_zero_point", np.zeros(len(kernel.scales), np.int8))
        bias = self.constant(f"{name}/bias", kernel.bias)
        if operation.kind == "dense":
            self.append("QGemm", (*x, weights, scale, zero, bias, *out), made, MICROSOFT, alpha=1.0)
        else:
            self.append("QLinearConv", (*x, weights, scale, zero, *out, bias), made, **geometry(operation, kernel))


_OPERATORS: Final = {
    "add": "QLinearAdd", "multiply": "QLinearMul", "mean": "QLinearGlobalAveragePool",
    "average_pool": "QLinearGlobalAveragePool", "logistic": "QLinearSigmoid", "softmax": "QLinearSoftmax",
}  # fmt: skip
_SETTINGS: Final[dict[str, dict[str, Any]]] = {
    "QLinearGlobalAveragePool": {"channels_last": 0},
    "QLinearSoftmax": {"axis": -1, "opset": 17},
}


def theirs(operation: Operation, kernel: Kernel) -> Array:
    """A kernel in ONNX's axes: [K, C, R, S], depthwise [C, 1, R, S]; of a dense layer [C, K]."""
    weights = kernel.weights
    if operation.kind == "dense":
        return weights
    if operation.kind == "depthwise":
        return weights.transpose(2, 0, 1)[:, None]
    whole = weights if weights.ndim == 4 else weights[None, None]
    return whole.transpose(3, 2, 0, 1)


def geometry(operation: Operation, kernel: Kernel) -> dict[str, Any]:
    """Settings of a convolution."""
    around = operation.pads
    sides = theirs(operation, kernel).shape
    return {
        "kernel_shape": list(sides[2:]),
        "strides": [operation.stride] * 2,
        "pads": [around.top, around.left, around.bottom, around.right],
        "group": sides[0] if operation.kind == "depthwise" else 1,
    }

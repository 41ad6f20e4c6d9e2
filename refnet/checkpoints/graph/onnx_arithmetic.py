"""Nodes of ONNX that compute one number from another: arithmetic, activations, limits, softmax."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np

from refnet.checkpoints.graph.graph import Node, NodeOp
from refnet.checkpoints.graph.onnx_operation import Made, Operation, made, tensors_of
from refnet.checkpoints.graph.onnx_values import Value, along_channels

_LIMIT = 3e38  # of float32: what stands for no limit
ACTIVATIONS = {
    "Sigmoid": "sigmoid", "Relu": "relu", "Tanh": "tanh", "HardSigmoid": "hard_sigmoid", "HardSwish": "hard_swish",
    "LeakyRelu": "leaky_relu", "PRelu": "prelu", "Elu": "elu", "Selu": "selu", "Celu": "celu", "Gelu": "gelu",
    "Mish": "mish", "Softplus": "softplus", "Softsign": "softsign",
}  # fmt: skip
ARITHMETIC: dict[str, NodeOp] = {"Add": "add", "Sub": "subtract", "Mul": "multiply", "Div": "divide"}


def arithmetic(operation: Operation) -> Made | None:
    """Two values, or a value and a constant that is one number or one for each channel."""
    op = ARITHMETIC[operation.node.op_type]
    values = [operation.value(0), operation.value(1)]
    left, right = values
    if left is not None and right is not None:
        return _of_two(op, left, right)
    value = left or right
    at = 1 if left is not None else 0
    constant = operation.numbers(at)
    if value is None or value.axes is None or constant is None or (left is None and op in ("subtract", "divide")):
        return None
    numbers = along_channels(constant, value.axes)
    if numbers is None or (numbers.ndim and numbers.size != value.sizes.get("C")):
        return None
    return made(op, value, **tensors_of(operation, constant=(at, numbers)))


def _of_two(op: NodeOp, left: Value, right: Value) -> Made | None:
    """Two values of the same axes, of which one may be a single pixel."""
    if left.axes is None or right.axes is None or len(left.axes) != len(right.axes) or op == "divide":
        return None
    pairs = list(zip(left.axes, right.axes, strict=True))
    if any(a != b and "1" not in (a, b) for a, b in pairs):
        return None
    larger = left if all(b in (a, "1") for a, b in pairs) else right
    shared = [(left.sizes[axis], right.sizes[axis]) for axis in left.sizes.keys() & right.sizes.keys()]
    if any(isinstance(a, int) and isinstance(b, int) and a != b for a, b in shared):
        return None
    node = Node("", "", op, (left.node, right.node))
    return node, replace(larger, node="")


def clip(operation: Operation, value: Value) -> Made | None:
    """Limits, by attributes in early versions, by inputs in later ones."""
    limits: dict[str, float | None] = {}
    for at, (ours, theirs) in enumerate((("low", "min"), ("high", "max")), 1):
        limit = operation.constant(at) if operation.given(at) else operation.node.attributes.get(theirs)
        if operation.given(at) and (limit is None or np.size(limit) != 1):
            return None
        number = None if limit is None else float(np.asarray(limit).reshape(()))
        limits[ours] = None if number is None or abs(number) >= _LIMIT else number
    return made("clip", value, limits)


def limit(ours: str) -> Callable[[Operation, Value], Made | None]:
    """``Min`` and ``Max`` of a value and one number."""

    def of(operation: Operation, value: Value) -> Made | None:
        limit = operation.numbers(1)
        if limit is None or limit.size != 1 or len(operation.node.inputs) != 2 or limit.ndim > len(value.axes or ()):
            return None
        return made("clip", value, {"low": None, "high": None, ours: float(limit.reshape(()))})

    return of


def power(operation: Operation, value: Value) -> Made | None:
    """A power of one constant exponent."""
    exponent = operation.constant(1)
    if exponent is None or exponent.size != 1 or exponent.ndim > len(value.axes or ()):
        return None
    sources = {"exponent": operation.sources[operation.given(1)]}
    return made("power", value, {"exponent": float(exponent.reshape(()))}, sources=sources)


def softmax(op: NodeOp) -> Callable[[Operation, Value], Made | None]:
    """Softmax, or its logarithm, over the channels alone."""

    def of(operation: Operation, value: Value) -> Made | None:
        axis = operation.attribute("axis", 1 if operation.opset < 13 else -1)
        axes = value.axes or ()
        over = axes[axis % len(axes) :] if operation.opset < 13 and axes else (value.index(axis),)
        return made(op, value) if sorted(over, reverse=True)[:1] == ["C"] and set(over) <= {"C", "1"} else None

    return of


def swish(operation: Operation, value: Value) -> Made:
    """Swish, which later versions have by itself."""
    plain = operation.attribute("alpha", 1.0) == 1.0
    return made("activation", value, {"function": "swish" if plain else "swish with a factor"})

"""What one operation of ONNX is in the common vocabulary, if it is known for certain."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from refnet.architecture.padding import NO_PADS, Pads
from refnet.arrays import Array
from refnet.checkpoints.graph import onnx_constants
from refnet.checkpoints.graph.graph import Node, NodeOp
from refnet.checkpoints.graph.onnx_values import PICTURE, POINT, VECTOR, Side, Value, along_channels
from refnet.checkpoints.readers.onnx_file import OnnxNode

Made = tuple[Node, Value]
_LIMIT = 3e38  # of float32: what stands for no limit
_ACTIVATIONS = {
    "Sigmoid": "sigmoid", "Relu": "relu", "Tanh": "tanh", "HardSigmoid": "hard_sigmoid", "HardSwish": "hard_swish",
    "LeakyRelu": "leaky_relu", "PRelu": "prelu", "Elu": "elu", "Selu": "selu", "Celu": "celu", "Gelu": "gelu",
    "Mish": "mish", "Softplus": "softplus", "Softsign": "softsign",
}  # fmt: skip
_ARITHMETIC: dict[str, NodeOp] = {"Add": "add", "Sub": "subtract", "Mul": "multiply", "Div": "divide"}
_FLOATS = (1, 11)  # a cast to these changes no number of the networks here


@dataclass(frozen=True)
class Operation:
    """A node with what is known of its inputs."""

    node: OnnxNode
    values: Mapping[str, Value]
    constants: Mapping[str, Array]
    sources: Mapping[str, str]
    opset: int

    def given(self, at: int) -> str:
        """Name of an input; empty where it is left out."""
        return self.node.inputs[at] if at < len(self.node.inputs) else ""

    def value(self, at: int = 0) -> Value | None:
        """An input that depends on the picture, with known axes."""
        found = self.values.get(self.given(at))
        return found if found is not None and found.axes is not None else None

    def constant(self, at: int) -> Array | None:
        """An input that does not."""
        return self.constants.get(self.given(at))

    def numbers(self, at: int) -> Array | None:
        """A constant of floats."""
        found = self.constant(at)
        return found if found is not None and found.dtype.kind == "f" else None

    def attribute(self, name: str, usual: Any) -> Any:
        """An attribute, if it is of the usual one's type."""
        found = self.node.attributes.get(name, usual)
        return found if usual is None or isinstance(found, type(usual)) else None


def layer(operation: Operation) -> Made | None:
    """Read one node whose first input depends on the picture; None if it is not known to be what it must be."""
    kind = operation.node.op_type
    if kind in _ARITHMETIC:
        return _arithmetic(operation)
    value = operation.value()
    if value is None:
        return None
    if kind in _ACTIVATIONS:
        return _node("activation", value, {"function": _ACTIVATIONS[kind]})
    function = _LAYERS.get(kind)
    return function(operation, value) if function else None


def _node(op: NodeOp, value: Value, settings: Mapping[str, Any] | None = None, **more: Any) -> Made:
    return Node("", "", op, (value.node,), settings or {}, **more), value


def _neutral(value: Value, becomes: Value | None) -> Made | None:
    return None if becomes is None else (Node("", "", "neutral", (value.node,)), becomes)


def _tensors(operation: Operation, **where: tuple[int, Array]) -> dict[str, Any]:
    """Tensors and their names in the file."""
    return {
        "tensors": {leaf: array for leaf, (_, array) in where.items()},
        "sources": {leaf: operation.sources[operation.given(at)] for leaf, (at, _) in where.items()},
    }


# Layers ---------------------------------------------------------------------------------------------------------------


def _convolution(operation: Operation, value: Value) -> Made | None:
    kernel, bias = operation.numbers(1), operation.numbers(2)
    if kernel is None or kernel.ndim != 4 or value.axes not in (PICTURE, POINT) or kernel.shape[0] == 0:
        return None
    if operation.given(2) and (bias is None or bias.shape != kernel.shape[:1]):
        return None
    K, _, R, S = kernel.shape
    groups = operation.attribute("group", 1)
    stride, dilation = (_pair(operation, name) for name in ("strides", "dilations"))
    around = _pads(operation)
    C = value.sizes["C"]
    if groups is None or stride is None or dilation is None or around is None:
        return None
    if isinstance(C, int) and kernel.shape[1] * groups != C:
        return None
    depthwise = groups == K and kernel.shape[1] == 1 and K > 1
    ours = kernel[:, 0].transpose(1, 2, 0) if depthwise else kernel.transpose(2, 3, 1, 0)
    where = {"kernel": (1, np.ascontiguousarray(ours))} | ({} if bias is None else {"bias": (2, bias)})
    settings = {"stride": stride, "pads": around, "dilation": dilation, "groups": 1 if depthwise else groups}
    made, _ = _node("depthwise" if depthwise else "convolution", value, settings, **_tensors(operation, **where))
    axes = value.axes
    if axes == POINT and ((R, S) != (1, 1) or stride != (1, 1) or around not in ("same", NO_PADS)):
        return None
    sizes = _sizes(value, K, (R, S), stride, dilation, around)
    return made, Value("", axes, sizes)


def _pair(operation: Operation, name: str) -> tuple[int, int] | None:
    found = operation.attribute(name, (1, 1))
    return found if found is not None and len(found) == 2 and min(found) > 0 else None


def _pads(operation: Operation) -> Pads | str | None:
    automatic = operation.attribute("auto_pad", "NOTSET")
    if automatic == "VALID":
        return NO_PADS
    if automatic == "SAME_UPPER":
        return "same"
    stated = operation.attribute("pads", (0, 0, 0, 0))
    if automatic != "NOTSET" or stated is None or len(stated) != 4 or min(stated) < 0:
        return None
    top, left, bottom, right = stated
    return Pads(top, bottom, left, right)


def _sizes(value: Value, K: int, kernel: Any, stride: Any, dilation: Any, around: Pads | str) -> dict[str, Side]:
    """Length of each axis behind a convolution; a text where it is not known."""
    sizes: dict[str, Side] = {**value.sizes, "C": K}
    for axis, r, s, d, at in zip("HW", kernel, stride, dilation, (0, 2), strict=True):
        size = sizes.get(axis)
        if isinstance(size, int):
            if isinstance(around, str):
                sizes[axis] = -(-size // s)
            else:
                sizes[axis] = max((size + around[at] + around[at + 1] - (r - 1) * d - 1) // s + 1, 0)
        elif axis in sizes and (r, s) != (1, 1):
            sizes[axis] = f"{size} behind"
    return sizes


def _matrix(operation: Operation, value: Value) -> Made | None:
    """``Gemm`` and ``MatMul``: a dense layer."""
    kernel, bias = operation.numbers(1), operation.numbers(2)
    if kernel is None or kernel.ndim != 2 or value.axes not in (VECTOR, ("N", "1", "1", "C")):
        return None
    if operation.node.op_type == "Gemm":
        scales = [operation.attribute(name, 1.0) for name in ("alpha", "beta")]
        if scales != [1.0, 1.0] or operation.attribute("transA", 0) != 0 or value.axes != VECTOR:
            return None
        if operation.attribute("transB", 0):
            kernel = np.ascontiguousarray(kernel.T)
    if kernel.shape[0] != value.sizes["C"]:
        return None
    where = {"kernel": (1, kernel)}
    if operation.given(2):
        bias = None if bias is None else along_channels(bias, VECTOR)
        if bias is None or bias.size not in (1, kernel.shape[1]):
            return None
        where["bias"] = (2, np.broadcast_to(bias, kernel.shape[1:]).copy())
    made, _ = _node("dense", value, **_tensors(operation, **where))
    return made, Value("", value.axes, {**value.sizes, "C": kernel.shape[1]})


def _batch_norm(operation: Operation, value: Value) -> Made | None:
    arrays = {leaf: operation.numbers(at) for leaf, at in (("gamma", 1), ("beta", 2), ("mean", 3), ("variance", 4))}
    where = {leaf: (at, array) for at, (leaf, array) in enumerate(arrays.items(), 1) if array is not None}
    eps = operation.attribute("epsilon", 1e-5)
    usual = operation.attribute("training_mode", 0) == 0 and operation.attribute("spatial", 1) == 1
    wrong = len(where) < 4 or any(array.shape != (value.sizes["C"],) for _, array in where.values())
    if wrong or eps is None or not usual or (value.axes or ())[:2] != VECTOR:
        return None
    return _node("batch_norm", value, {"eps": eps}, **_tensors(operation, **where))


def _pad(operation: Operation, value: Value) -> Made | None:
    """Zeros around a picture."""
    axes = value.axes or ()
    stated = operation.constant(1) if operation.opset >= 11 else np.array(operation.attribute("pads", ()) or ())
    filling = operation.constant(2) if operation.given(2) else np.zeros(1)
    if operation.opset < 11:
        filling = np.array(operation.attribute("value", 0.0))
    mode = operation.attribute("mode", "constant")
    chosen = operation.constant(3) if operation.given(3) else np.arange(len(axes))
    if mode != "constant" or stated is None or filling is None or chosen is None or filling.any():
        return None
    if stated.dtype.kind != "i" or stated.size != 2 * chosen.size or stated.min(initial=0) < 0:
        return None
    around = dict.fromkeys(axes, (0, 0))
    for axis, before, after in zip(chosen.reshape(-1), stated[: chosen.size], stated[chosen.size :], strict=True):
        around[value.index(int(axis))] = (int(before), int(after))
    if any(sides != (0, 0) for axis, sides in around.items() if axis not in ("H", "W")) or "H" not in around:
        return None
    sizes = dict(value.sizes)
    for axis in ("H", "W"):
        size = sizes[axis]
        sizes[axis] = size + sum(around[axis]) if isinstance(size, int) else f"{size} padded"
    made, _ = _node("pad", value, {"pads": Pads(*around["H"], *around["W"])})
    return made, Value("", value.axes, sizes)


# One number of each channel -------------------------------------------------------------------------------------------


def _global_pool(op: NodeOp) -> Callable[[Operation, Value], Made | None]:
    def of(operation: Operation, value: Value) -> Made | None:
        return _pooled(op, value, POINT) if value.axes == PICTURE else None

    return of


def _pooled(op: NodeOp, value: Value, axes: tuple[str, ...]) -> Made:
    made, _ = _node(op, value)
    return made, Value("", axes, {axis: value.sizes[axis] for axis in VECTOR})


def _window_pool(op: NodeOp) -> Callable[[Operation, Value], Made | None]:
    """A window that is the whole picture."""

    def of(operation: Operation, value: Value) -> Made | None:
        plain = _pads(operation) == NO_PADS and _pair(operation, "dilations") == (1, 1)
        window = operation.attribute("kernel_shape", ())
        whole = value.axes == PICTURE and window == (value.sizes["H"], value.sizes["W"])
        usual = not operation.attribute("ceil_mode", 0)
        return _pooled(op, value, POINT) if plain and whole and usual else None

    return of


def _reduce(op: NodeOp) -> Callable[[Operation, Value], Made | None]:
    def of(operation: Operation, value: Value) -> Made | None:
        axes = onnx_constants.axes_of(_constants(operation), operation.node.attributes)
        if value.axes is None or axes is None or sorted(value.index(axis) for axis in axes) != ["H", "W"]:
            return None
        kept = operation.attribute("keepdims", 1)
        left = tuple("1" if axis in ("H", "W") else axis for axis in value.axes if kept or axis not in ("H", "W"))
        return _pooled(op, value, left)

    return of


def _constants(operation: Operation) -> list[Array | None]:
    return [operation.constant(at) for at in range(len(operation.node.inputs))]


# One number by another ------------------------------------------------------------------------------------------------


def _arithmetic(operation: Operation) -> Made | None:
    op = _ARITHMETIC[operation.node.op_type]
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
    return _node(op, value, **_tensors(operation, constant=(at, numbers)))


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


def _clip(operation: Operation, value: Value) -> Made | None:
    limits: dict[str, float | None] = {}
    for at, (ours, theirs) in enumerate((("low", "min"), ("high", "max")), 1):
        limit = operation.constant(at) if operation.given(at) else operation.node.attributes.get(theirs)
        if operation.given(at) and (limit is None or np.size(limit) != 1):
            return None
        number = None if limit is None else float(np.asarray(limit).reshape(()))
        limits[ours] = None if number is None or abs(number) >= _LIMIT else number
    return _node("clip", value, limits)


def _limit(ours: str) -> Callable[[Operation, Value], Made | None]:
    """``Min`` and ``Max`` of a value and one number."""

    def of(operation: Operation, value: Value) -> Made | None:
        limit = operation.numbers(1)
        if limit is None or limit.size != 1 or len(operation.node.inputs) != 2 or limit.ndim > len(value.axes or ()):
            return None
        return _node("clip", value, {"low": None, "high": None, ours: float(limit.reshape(()))})

    return of


def _power(operation: Operation, value: Value) -> Made | None:
    exponent = operation.constant(1)
    if exponent is None or exponent.size != 1 or exponent.ndim > len(value.axes or ()):
        return None
    sources = {"exponent": operation.sources[operation.given(1)]}
    return _node("power", value, {"exponent": float(exponent.reshape(()))}, sources=sources)


def _softmax(op: NodeOp) -> Callable[[Operation, Value], Made | None]:
    def of(operation: Operation, value: Value) -> Made | None:
        axis = operation.attribute("axis", 1 if operation.opset < 13 else -1)
        axes = value.axes or ()
        over = axes[axis % len(axes) :] if operation.opset < 13 and axes else (value.index(axis),)
        return _node(op, value) if sorted(over, reverse=True)[:1] == ["C"] and set(over) <= {"C", "1"} else None

    return of


def _swish(operation: Operation, value: Value) -> Made:
    plain = operation.attribute("alpha", 1.0) == 1.0
    return _node("activation", value, {"function": "swish" if plain else "swish with a factor"})


# What moves numbers, or does nothing ----------------------------------------------------------------------------------


def _concatenate(operation: Operation, value: Value) -> Made | None:
    values = [operation.value(at) for at in range(len(operation.node.inputs))]
    axis = operation.attribute("axis", 0)
    if any(each is None or each.axes != value.axes for each in values) or value.index(axis) != "C":
        return None
    channels = [each.sizes["C"] for each in values if each is not None]
    if not all(isinstance(each, int) for each in channels):
        return None
    total = sum(each for each in channels if isinstance(each, int))
    inputs = tuple(each.node for each in values if each is not None)
    return Node("", "", "concatenate", inputs), replace(value, sizes={**value.sizes, "C": total})


def _same(operation: Operation, value: Value) -> Made | None:
    return _neutral(value, value)


def _dropout(operation: Operation, value: Value) -> Made | None:
    training = operation.constant(2)
    return None if operation.given(2) and (training is None or training.any()) else _neutral(value, value)


def _cast(operation: Operation, value: Value) -> Made | None:
    return _neutral(value, value) if operation.attribute("to", 0) in _FLOATS else None


def _transpose(operation: Operation, value: Value) -> Made | None:
    return _neutral(value, value.transposed(operation.node.attributes.get("perm")))  # type: ignore[arg-type]


def _squeeze(operation: Operation, value: Value) -> Made | None:
    return _neutral(value, value.squeezed(onnx_constants.axes_of(_constants(operation), operation.node.attributes)))


def _unsqueeze(operation: Operation, value: Value) -> Made | None:
    return _neutral(value, value.unsqueezed(onnx_constants.axes_of(_constants(operation), operation.node.attributes)))


def _flatten(operation: Operation, value: Value) -> Made | None:
    return _neutral(value, value.flattened(operation.attribute("axis", 1)))


def _reshape(operation: Operation, value: Value) -> Made | None:
    sides = operation.constant(1)
    if sides is None or sides.ndim != 1 or sides.size > 8:
        return None
    wanted = [each if isinstance(each, str) else int(each) for each in sides]
    return _neutral(value, value.reshaped(wanted, zero_copies=not operation.attribute("allowzero", 0)))


_LAYERS: dict[str, Callable[[Operation, Value], Made | None]] = {
    "Conv": _convolution,
    "Gemm": _matrix,
    "MatMul": _matrix,
    "BatchNormalization": _batch_norm,
    "Pad": _pad,
    "GlobalAveragePool": _global_pool("mean"),
    "GlobalMaxPool": _global_pool("max"),
    "AveragePool": _window_pool("mean"),
    "MaxPool": _window_pool("max"),
    "ReduceMean": _reduce("mean"),
    "ReduceMax": _reduce("max"),
    "Clip": _clip,
    "Min": _limit("high"),
    "Max": _limit("low"),
    "Pow": _power,
    "Softmax": _softmax("softmax"),
    "LogSoftmax": _softmax("log_softmax"),
    "Swish": _swish,
    "Concat": _concatenate,
    "Identity": _same,
    "Dropout": _dropout,
    "Cast": _cast,
    "Transpose": _transpose,
    "Squeeze": _squeeze,
    "Unsqueeze": _unsqueeze,
    "Flatten": _flatten,
    "Reshape": _reshape,
}

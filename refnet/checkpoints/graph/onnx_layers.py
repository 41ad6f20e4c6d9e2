"""What one operation of ONNX is in the common vocabulary, if it is known for certain."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np

from refnet.architecture.padding import NO_PADS, Pads
from refnet.checkpoints.graph import onnx_constants
from refnet.checkpoints.graph.graph import Node, NodeOp
from refnet.checkpoints.graph.onnx_arithmetic import (
    ACTIVATIONS,
    ARITHMETIC,
    arithmetic,
    clip,
    limit,
    power,
    softmax,
    swish,
)
from refnet.checkpoints.graph.onnx_operation import Made, Operation, constants_of, made, neutral, tensors_of
from refnet.checkpoints.graph.onnx_values import PICTURE, POINT, VECTOR, Side, Value, along_channels

_FLOATS = (1, 11)  # a cast to these changes no number of the networks here


def layer(operation: Operation) -> Made | None:
    """Read one node whose first input depends on the picture; None if it is not known to be what it must be."""
    kind = operation.node.op_type
    if kind in ARITHMETIC:
        return arithmetic(operation)
    value = operation.value()
    if value is None:
        return None
    if kind in ACTIVATIONS:
        return made("activation", value, {"function": ACTIVATIONS[kind]})
    function = _LAYERS.get(kind)
    return function(operation, value) if function else None


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
    node, _ = made("depthwise" if depthwise else "convolution", value, settings, **tensors_of(operation, **where))
    axes = value.axes
    if axes == POINT and ((R, S) != (1, 1) or stride != (1, 1) or around not in ("same", NO_PADS)):
        return None
    sizes = _sizes(value, K, (R, S), stride, dilation, around)
    return node, Value("", axes, sizes)


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
    node, _ = made("dense", value, **tensors_of(operation, **where))
    return node, Value("", value.axes, {**value.sizes, "C": kernel.shape[1]})


def _batch_norm(operation: Operation, value: Value) -> Made | None:
    arrays = {leaf: operation.numbers(at) for leaf, at in (("gamma", 1), ("beta", 2), ("mean", 3), ("variance", 4))}
    where = {leaf: (at, array) for at, (leaf, array) in enumerate(arrays.items(), 1) if array is not None}
    eps = operation.attribute("epsilon", 1e-5)
    usual = operation.attribute("training_mode", 0) == 0 and operation.attribute("spatial", 1) == 1
    wrong = len(where) < 4 or any(array.shape != (value.sizes["C"],) for _, array in where.values())
    if wrong or eps is None or not usual or (value.axes or ())[:2] != VECTOR:
        return None
    return made("batch_norm", value, {"eps": eps}, **tensors_of(operation, **where))


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
    node, _ = made("pad", value, {"pads": Pads(*around["H"], *around["W"])})
    return node, Value("", value.axes, sizes)


# One number of each channel -------------------------------------------------------------------------------------------


def _global_pool(op: NodeOp) -> Callable[[Operation, Value], Made | None]:
    def of(operation: Operation, value: Value) -> Made | None:
        return _pooled(op, value, POINT) if value.axes == PICTURE else None

    return of


def _pooled(op: NodeOp, value: Value, axes: tuple[str, ...]) -> Made:
    node, _ = made(op, value)
    return node, Value("", axes, {axis: value.sizes[axis] for axis in VECTOR})


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
        axes = onnx_constants.axes_of(constants_of(operation), operation.node.attributes)
        if value.axes is None or axes is None or sorted(value.index(axis) for axis in axes) != ["H", "W"]:
            return None
        kept = operation.attribute("keepdims", 1)
        left = tuple("1" if axis in ("H", "W") else axis for axis in value.axes if kept or axis not in ("H", "W"))
        return _pooled(op, value, left)

    return of


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
    return neutral(value, value)


def _dropout(operation: Operation, value: Value) -> Made | None:
    training = operation.constant(2)
    return None if operation.given(2) and (training is None or training.any()) else neutral(value, value)


def _cast(operation: Operation, value: Value) -> Made | None:
    return neutral(value, value) if operation.attribute("to", 0) in _FLOATS else None


def _transpose(operation: Operation, value: Value) -> Made | None:
    return neutral(value, value.transposed(operation.node.attributes.get("perm")))  # type: ignore[arg-type]


def _squeeze(operation: Operation, value: Value) -> Made | None:
    return neutral(value, value.squeezed(onnx_constants.axes_of(constants_of(operation), operation.node.attributes)))


def _unsqueeze(operation: Operation, value: Value) -> Made | None:
    return neutral(value, value.unsqueezed(onnx_constants.axes_of(constants_of(operation), operation.node.attributes)))


def _flatten(operation: Operation, value: Value) -> Made | None:
    return neutral(value, value.flattened(operation.attribute("axis", 1)))


def _reshape(operation: Operation, value: Value) -> Made | None:
    sides = operation.constant(1)
    if sides is None or sides.ndim != 1 or sides.size > 8:
        return None
    wanted = [each if isinstance(each, str) else int(each) for each in sides]
    return neutral(value, value.reshaped(wanted, zero_copies=not operation.attribute("allowzero", 0)))


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
    "Clip": clip,
    "Min": limit("high"),
    "Max": limit("low"),
    "Pow": power,
    "Softmax": softmax("softmax"),
    "LogSoftmax": softmax("log_softmax"),
    "Swish": swish,
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

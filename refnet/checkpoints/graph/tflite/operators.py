"""What each of TensorFlow Lite's operators is in our vocabulary; None where it is nothing there."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from itertools import islice
from typing import Any, NamedTuple

import numpy as np

from refnet.architecture.padding import NO_PADS, Pads
from refnet.arrays import Array
from refnet.checkpoints.graph.graph import NodeOp
from refnet.checkpoints.graph.tflite.shapes import Sides, convolved, joined, one_pixel, padded, reshaped, whole
from refnet.checkpoints.readers.tflite.schema import SAME
from refnet.checkpoints.readers.tflite.tflite_file import Model, Operator

MAX_PAD = 64
# Their axes in the order of ours.
OHWI: tuple[int, ...] = (1, 2, 3, 0)
DEPTHWISE: tuple[int, ...] = (0, 1, 2)  # of 1HWC
# Activations by themselves, and as the last thing that another operator does.
FUNCTIONS = {
    "LOGISTIC": "sigmoid", "RELU": "relu", "RELU6": "relu6", "TANH": "tanh", "HARD_SWISH": "hard_swish",
    "RELU_N1_TO_1": "relu_n1_to_1", "RELU_0_TO_1": "relu_0_to_1", "ELU": "elu", "GELU": "gelu",
    "LEAKY_RELU": "leaky_relu", "SIGN_BIT": "sign_bit",
}  # fmt: skip
ARITHMETIC: dict[str, NodeOp] = {"ADD": "add", "MUL": "multiply", "SUB": "subtract", "DIV": "divide"}
POOLS: dict[str, NodeOp] = {"MEAN": "mean", "REDUCE_MAX": "max", "AVERAGE_POOL_2D": "mean", "MAX_POOL_2D": "max"}


class Work(NamedTuple):
    """One thing that an operator does."""

    op: NodeOp
    settings: Mapping[str, Any] = {}
    tensors: Mapping[str, Array] = {}
    sources: Mapping[str, int] = {}  # numbers of tensors


class Translation(NamedTuple):
    """What an operator does, one after the other, and the sides of its output."""

    works: tuple[Work, ...]
    sides: Sides


@dataclass
class Scope:
    """What is known of a graph's tensors, by their numbers.

    Attributes
    ----------
    made
        Which node makes a tensor.
    sides
        Of what is made.
    values
        Of constants, 16-bit floats widened.
    lists
        Whole numbers that the graph computes to say how to reshape, as far as they are followed.
    """

    model: Model
    made: dict[int, str] = field(default_factory=dict)
    sides: dict[int, Sides] = field(default_factory=dict)
    values: dict[int, Array] = field(default_factory=dict)
    lists: dict[int, Sides] = field(default_factory=dict)
    _turned: dict[tuple[int, tuple[int, ...]], Array] = field(default_factory=dict)

    def floats(self, number: int, rank: int) -> Array | None:
        """A constant of 32-bit floats."""
        found = self.values.get(number)
        return None if found is None or found.ndim != rank or found.dtype != np.float32 else found

    def turned(self, number: int, axes: tuple[int, ...]) -> Array:
        """A constant with its axes in another order, those of length 1 in front left out; made once."""
        key = (number, axes)
        if key not in self._turned:
            array = self.values[number]
            kept = array.reshape(array.shape[array.ndim - len(axes) :])
            self._turned[key] = np.ascontiguousarray(kept.transpose(axes))
        return self._turned[key]


def translate(scope: Scope, operator: Operator) -> Translation | None:
    """Say what an operator of one output does; None if that is nothing in our vocabulary."""
    data = [number for number in operator.inputs if number in scope.made]
    if operator.kind in FUNCTIONS and data == list(operator.inputs):
        return Translation((_function(operator.kind),), scope.sides[data[0]])
    rule = RULES.get(operator.kind)
    if rule is None or not data or (operator.inputs[0] != data[0] and operator.kind not in ("ADD", "MUL")):
        return None
    found = rule(scope, operator, data[0])
    fused = operator.settings.get("fused_activation_function", "NONE")
    if found is None or fused == "NONE":
        return found
    return Translation((*found.works, _function(fused)), found.sides)


def _function(kind: str) -> Work:
    return Work("activation", {"function": FUNCTIONS[kind]})


def _pair(operator: Operator, name: str, end: str = "") -> tuple[int, int]:
    """A setting for height and width; strides of 0 make no picture, and are left for the plan to refuse."""
    return max(operator.settings[f"{name}_h{end}"], 1), max(operator.settings[f"{name}_w{end}"], 1)


def _convolution(scope: Scope, operator: Operator, data: int) -> Translation | None:
    before, depthwise = scope.sides[data], operator.kind == "DEPTHWISE_CONV_2D"
    kernel = scope.floats(operator.inputs[1], 4) if len(operator.inputs) in (2, 3) else None
    if kernel is None or len(before) != 4 or before[3] is None or kernel.size == 0:
        return None
    stride, same = _pair(operator, "stride"), operator.settings["padding"] == SAME
    settings: dict[str, Any] = {
        "stride": stride,
        "dilation": _pair(operator, "dilation", "_factor"),
        "pads": "same" if same else NO_PADS,
    }
    if depthwise:
        if kernel.shape[0] != 1 or kernel.shape[3] != before[3]:
            return None  # several of each channel
        channels, axes = before[3], DEPTHWISE
    else:
        settings["groups"], rest = divmod(before[3], kernel.shape[3])
        if rest:
            return None
        channels, axes = kernel.shape[0], OHWI
    work = _with_weights(scope, operator, Work("depthwise" if depthwise else "convolution", settings), axes, channels)
    after = convolved(before, (kernel.shape[1], kernel.shape[2]), stride, same=same)
    return None if work is None else Translation((work,), (before[0], *after, channels))


def _dense(scope: Scope, operator: Operator, data: int) -> Translation | None:
    before = scope.sides[data]
    kernel = scope.floats(operator.inputs[1], 2) if len(operator.inputs) in (2, 3) else None
    if kernel is None or not one_pixel(before) or before[-1] != kernel.shape[1] or operator.settings["weights_format"]:
        return None
    work = _with_weights(scope, operator, Work("dense"), (1, 0), kernel.shape[0])
    between = before[1:-1] if operator.settings["keep_num_dims"] else ()
    return None if work is None else Translation((work,), (before[0], *between, kernel.shape[0]))


def _with_weights(scope: Scope, operator: Operator, work: Work, axes: tuple[int, ...], channels: int) -> Work | None:
    sources = {"kernel": operator.inputs[1]}
    tensors = {"kernel": scope.turned(operator.inputs[1], axes)}
    if len(operator.inputs) == 3 and operator.inputs[2] != -1:
        bias = scope.floats(operator.inputs[2], 1)
        if bias is None or bias.shape != (channels,):
            return None
        sources["bias"], tensors["bias"] = operator.inputs[2], bias
    return work._replace(tensors=tensors, sources=sources)


def _arithmetic(scope: Scope, operator: Operator, data: int) -> Translation | None:
    if len(operator.inputs) != 2:
        return None
    op, before = ARITHMETIC[operator.kind], scope.sides[data]
    others = [number for number in operator.inputs if number not in scope.made]
    if not others:
        sides = joined(*(scope.sides[number] for number in operator.inputs))
        return None if sides is None else Translation((Work(op),), sides)
    constant = scope.values.get(others[0])
    if constant is None or constant.dtype != np.float32 or constant.ndim > len(before):
        return None
    if constant.size != 1 and (constant.size != before[-1] or constant.shape[-1] != constant.size):
        return None  # another number for each pixel
    value = constant.reshape(() if constant.size == 1 else constant.size)
    return Translation((Work(op, {}, {"constant": value}, {"constant": others[0]}),), before)


def _reduction(scope: Scope, operator: Operator, data: int) -> Translation | None:
    before, axes = scope.sides[data], scope.values.get(operator.inputs[-1])
    if len(before) != 4 or len(operator.inputs) != 2 or axes is None or axes.dtype.kind != "i":
        return None
    if sorted(int(axis) % 4 for axis in islice(axes.flat, 5)) != [1, 2]:
        return None
    between = (1, 1) if operator.settings["keep_dims"] else ()
    return Translation((Work(POOLS[operator.kind]),), (before[0], *between, before[3]))


def _pool(scope: Scope, operator: Operator, data: int) -> Translation | None:
    before, settings = scope.sides[data], operator.settings
    window = (settings["filter_height"], settings["filter_width"])
    if not whole(before, window, _pair(operator, "stride"), same=settings["padding"] == SAME):
        return None
    return Translation((Work(POOLS[operator.kind]),), (before[0], 1, 1, before[3]))


def _pad(scope: Scope, operator: Operator, data: int) -> Translation | None:
    before, around = scope.sides[data], scope.values.get(operator.inputs[1] if len(operator.inputs) > 1 else -1)
    filling = scope.values.get(operator.inputs[2]) if len(operator.inputs) > 2 else np.zeros(1)
    if around is None or around.shape != (4, 2) or len(before) != 4 or filling is None or filling.any():
        return None
    if around[0].any() or around[3].any() or around.min() < 0 or around.max() > MAX_PAD:
        return None
    pads = Pads(*around[1:3].reshape(4).tolist())
    return Translation((Work("pad", {"pads": pads}),), padded(before, pads))


def _softmax(scope: Scope, operator: Operator, data: int) -> Translation | None:
    sides, beta = scope.sides[data], np.float32(operator.settings.get("beta", 1))
    if not one_pixel(sides):
        return None
    last = Work("softmax" if operator.kind == "SOFTMAX" else "log_softmax")
    first = Work("multiply", {}, {"constant": np.asarray(beta)})  # what the numbers are multiplied with before
    return Translation((last,) if beta == 1 else (first, last), sides)


def _reshape(scope: Scope, operator: Operator, data: int) -> Translation | None:
    after = reshaped(scope.sides[data], _target(scope, operator, data))
    return None if after is None else Translation((Work("neutral"),), after)


def _target(scope: Scope, operator: Operator, data: int) -> Sides | None:
    """What is to be reshaped to what."""
    before = scope.sides[data]
    if operator.kind == "SQUEEZE":
        listed = {axis % len(before) for axis in operator.settings["squeeze_dims"]}
        return None if not listed else tuple(side for axis, side in enumerate(before) if axis not in listed)
    if len(operator.inputs) < 2:
        return tuple(operator.settings["new_shape"]) or None
    shape = scope.values.get(operator.inputs[1])
    if shape is None or shape.dtype.kind != "i":
        return scope.lists.get(operator.inputs[1])
    return tuple(int(side) for side in islice(shape.flat, 8))


def _cast(scope: Scope, operator: Operator, data: int) -> Translation | None:
    """Of a picture's bytes; of anything else it may lose digits."""
    exact = scope.model.tensors[data].dtype in ("uint8", "float32")
    return Translation((Work("neutral"),), scope.sides[data]) if exact and len(operator.inputs) == 1 else None


def _concatenation(scope: Scope, operator: Operator, _: int) -> Translation | None:
    if any(number not in scope.made for number in operator.inputs):
        return None
    sides = [scope.sides[number] for number in operator.inputs]
    widths = [each[-1] for each in sides if one_pixel(each) and each[:-1] == sides[0][:-1]]
    if len(widths) < len(sides) or operator.settings["axis"] not in (-1, len(sides[0]) - 1):
        return None
    return Translation((Work("concatenate"),), (*sides[0][:-1], sum(width or 0 for width in widths)))


Rule = Callable[[Scope, Operator, int], Translation | None]
RULES: dict[str, Rule] = {
    **dict.fromkeys(("CONV_2D", "DEPTHWISE_CONV_2D"), _convolution),
    "FULLY_CONNECTED": _dense,
    **dict.fromkeys(ARITHMETIC, _arithmetic),
    **dict.fromkeys(("MEAN", "REDUCE_MAX"), _reduction),
    **dict.fromkeys(("AVERAGE_POOL_2D", "MAX_POOL_2D"), _pool),
    **dict.fromkeys(("PAD", "PADV2"), _pad),
    **dict.fromkeys(("SOFTMAX", "LOG_SOFTMAX"), _softmax),
    **dict.fromkeys(("RESHAPE", "SQUEEZE"), _reshape),
    "CAST": _cast,
    "CONCATENATION": _concatenation,
}

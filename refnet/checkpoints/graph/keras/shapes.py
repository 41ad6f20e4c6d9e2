"""Sizes of what the layers of a Keras model make, as far as its configuration tells them."""

from __future__ import annotations

import math

from refnet.architecture.padding import Pads
from refnet.checkpoints.graph.keras.parts import Part, Shape

_KEEPING = ("batch_norm", "activation", "softmax", "log_softmax", "subtract", "divide", "add")


def shape_of(part: Part, inputs: tuple[Shape, ...]) -> Shape:
    """Shape of what a node makes of tensors of these shapes, without the batch; empty where that is unknown."""
    first = inputs[0] if inputs else ()
    match part.op:
        case "input":
            found: Shape = tuple(part.settings["shape"])
        case "neutral":
            found = tuple(part.settings.get("shape", first))
        case "dense":
            found = (*first[:-1], part.tensors["kernel"].shape[-1])
        case "convolution" | "depthwise" if len(first) == 3:
            found = (*_sides(part, first), part.tensors["kernel"].shape[-1])
        case "mean" | "max":
            found = ((1, 1) if part.settings.get("keepdims") else ()) + first[-1:]
        case "pad" if len(first) == 3:
            found = _padded(Pads(*part.settings["pads"]), first)
        case "concatenate":
            last = [shape[-1] for shape in inputs]
            found = (*first[:-1], None if None in last else sum(size for size in last if size))
        case "multiply":
            found = max(inputs, key=lambda shape: [1 << 30 if size is None else size for size in shape])
        case op:
            found = first if op in _KEEPING else ()
    return found


def _padded(around: Pads, shape: Shape) -> Shape:
    H, W, C = shape
    height = None if H is None else H + around.top + around.bottom
    return height, None if W is None else W + around.left + around.right, C


def _sides(part: Part, shape: Shape) -> tuple[int | None, int | None]:
    """Height and width behind a convolution."""
    found: list[int | None] = []
    for axis in (0, 1):
        side, kernel = shape[axis], part.tensors["kernel"].shape[axis]
        stride, dilation = part.settings["stride"][axis], part.settings["dilation"][axis]
        if side is None:
            found.append(None)
        elif part.settings["pads"] == "same":
            found.append(math.ceil(side / stride))
        else:
            found.append(max((side - (kernel - 1) * dilation - 1) // stride + 1, 0))
    return found[0], found[1]

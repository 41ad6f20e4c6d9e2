"""What one call of a layer is made of: nodes in a row, without their names."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from refnet.arrays import Array
from refnet.checkpoints.graph.graph import NodeOp
from refnet.checkpoints.graph.keras.calls import Call, Value
from refnet.checkpoints.graph.keras.settings import UnlikeError

Shape = tuple[int | None, ...]  # (H, W, C), or (C,); empty if unknown


@dataclass(frozen=True)
class Part:
    """A node to be; the first of a row reads what the call reads, each other the one before."""

    op: NodeOp
    settings: Mapping[str, Any] = field(default_factory=dict)
    tensors: Mapping[str, Array] = field(default_factory=dict)
    leaves: Mapping[str, str] = field(default_factory=dict)  # the layer's variables that the tensors are


@dataclass
class Context:
    """What a layer's parts depend on beside its settings."""

    call: Call
    shapes: tuple[Shape, ...]  # of its inputs
    variables: Mapping[str, Array]
    used: set[str] = field(default_factory=set)

    @property
    def settings(self) -> Mapping[str, Any]:
        """Of the layer."""
        return self.call.layer.settings

    def variable(self, leaf: str, rank: int) -> Array:
        """A variable of the layer."""
        self.used.add(leaf)
        found = self.variables.get(leaf)
        if found is None:
            raise UnlikeError(f"the file has no {leaf} for it")
        if found.ndim != rank or found.dtype.kind != "f":
            raise UnlikeError(f"its {leaf} is {found.dtype}{list(found.shape)}")
        return found

    def one_input(self) -> Shape:
        """The shape of its only input."""
        if len(self.tensors()) != 1 or len(self.call.inputs) != 1:
            raise UnlikeError(f"it reads {len(self.call.inputs)} tensors; want one")
        return self.shapes[0]

    def tensors(self) -> list[Value]:
        """What it reads, if that is all it is called with: in a list, or one after the other."""
        arguments = self.call.arguments
        listed = arguments[0] if len(arguments) == 1 and isinstance(arguments[0], list) else arguments
        return list(listed) if all(isinstance(each, Value) for each in listed) else []

    def cut(self, start: str, end: str, then: str = "") -> str:
        """What to do in Keras to be rid of the layer; ``start`` and ``end`` of the new model in terms of this one."""
        if "/" in self.call.path:
            return "in Keras, make a model without it"
        layer = f"model.get_layer({self.call.path[:80]!r})"
        model = f"keras.Model({start.format(layer)}, {end.format(layer)})"
        return f"in Keras, cut it off, {model}.save('cut.keras'){then}"

    def last_axis(self, axis: Any) -> bool:
        """Whether this is the channels' axis."""
        rank = len(self.shapes[0]) + 1 if self.shapes and self.shapes[0] else 0
        listed = axis if isinstance(axis, list | tuple) else [axis]
        return len(listed) == 1 and type(listed[0]) is int and (listed[0] == -1 or (rank > 0 and listed[0] == rank - 1))


def constant(op: NodeOp, numbers: Any) -> Part:
    """An operation with a constant, one number or one for each channel."""
    array = np.asarray(numbers, np.float64)
    if array.ndim > 1:
        raise UnlikeError(f"its constant has the shape {list(array.shape)}; want one number or one for each channel")
    return Part(op, tensors={"constant": array})


def is_one_pixel(shape: Shape) -> bool:
    """Whether a tensor is a vector, or a picture of one pixel."""
    return len(shape) == 1 or (len(shape) == 3 and shape[:2] == (1, 1))

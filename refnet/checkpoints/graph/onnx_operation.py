"""One node of an ONNX graph with what is known of its inputs, and how a node of ours is made of it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from refnet.arrays import Array
from refnet.checkpoints.graph.graph import Node, NodeOp
from refnet.checkpoints.graph.onnx_values import Value
from refnet.checkpoints.readers.onnx_file import OnnxNode

Made = tuple[Node, Value]


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


def made(op: NodeOp, value: Value, settings: Mapping[str, Any] | None = None, **more: Any) -> Made:
    """Make a node that reads a value, whose axes stay what they are."""
    return Node("", "", op, (value.node,), settings or {}, **more), value


def neutral(value: Value, becomes: Value | None) -> Made | None:
    """Make a node that changes no number, if it is certain what its value becomes."""
    return None if becomes is None else (Node("", "", "neutral", (value.node,)), becomes)


def tensors_of(operation: Operation, **where: tuple[int, Array]) -> dict[str, Any]:
    """Tensors and their names in the file."""
    return {
        "tensors": {leaf: array for leaf, (_, array) in where.items()},
        "sources": {leaf: operation.sources[operation.given(at)] for leaf, (at, _) in where.items()},
    }


def constants_of(operation: Operation) -> list[Array | None]:
    """What is known of each input."""
    return [operation.constant(at) for at in range(len(operation.node.inputs))]

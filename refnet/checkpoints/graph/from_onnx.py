"""The program of an ONNX file in the common vocabulary."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np

from refnet.arrays import Array
from refnet.checkpoints.graph import onnx_constants, onnx_layers
from refnet.checkpoints.graph.graph import Graph, Node
from refnet.checkpoints.graph.onnx_operation import Operation
from refnet.checkpoints.graph.onnx_values import Side, Value
from refnet.checkpoints.readers.onnx_file import Input, Model, OnnxNode
from refnet.checkpoints.state_dict import widen
from refnet.errors import CheckpointError

MAX_NODES = 1 << 15  # of B7 as PyTorch exports it they are about 2,000
# Elements that operations of constants may read in all: so many, and so many times those of the file.
MAX_COMPUTED, SHARE_COMPUTED = 1 << 24, 8
_FLOATS = (1, 10, 11, 16)
_WHOLE = (2, 3)  # of 8 bits
_REASONS = {
    "Pad": "it pads by more than zeros, or by what it computes from the size that comes; export it for one size",
    "QuantizeLinear": "a quantised network is not the published one",
    "DequantizeLinear": "a quantised network is not the published one",
}


def graph_of(model: Model) -> Graph:
    """Read a model's nodes; what is not known to change no number, or to be a layer of the network, is ``foreign``."""
    return _Reader(model).graph()


class _Reader:
    """Goes through the nodes in their order and knows what each value is."""

    def __init__(self, model: Model) -> None:
        self.model = model
        self.nodes: dict[str, Node] = {}
        self.values: dict[str, Value] = {}
        self.constants: dict[str, Array] = {name: widen(array) for name, array in model.constants.items()}
        self.sources = {name: name for name in model.constants}
        self.elements = MAX_COMPUTED + SHARE_COMPUTED * sum(array.size for array in model.constants.values())

    def graph(self) -> Graph:
        if len(self.model.nodes) > MAX_NODES:
            raise CheckpointError(f"the graph has {len(self.model.nodes)} nodes, more than any network here")
        if self.model.opset < 7:
            raise CheckpointError(
                f"the graph is of ONNX's version {self.model.opset} of operations, before 7; "
                "onnx.version_converter.convert_version brings it to a later one"
            )
        for each in self.model.inputs:
            self._input(each)
        for node in self.model.nodes:
            self._node(node)
        for name in self.model.outputs:
            if name not in self.nodes:
                raise CheckpointError(f"the output {name[:80]!r} of the graph does not depend on a picture")
        return Graph(self.nodes, self.model.outputs)

    def _input(self, given: Input) -> None:
        sides = given.shape or ()
        if given.element in _WHOLE:
            raise CheckpointError(
                f"the input {given.name[:80]!r} is of whole numbers of 8 bits; networks here take floats, normalised "
                "outside or by themselves: export it with an input of float32"
            )
        axes = _axes(given) if given.element in _FLOATS else None
        sizes: dict[str, Side] = {}
        if axes is not None:
            named = [f"any {axis}" if side is None else side for axis, side in zip(axes, sides, strict=True)]
            sizes = dict(zip(axes, named, strict=True))
        height, width, channels = (
            side if isinstance(side := sizes.get(axis), int) else None for axis in ("H", "W", "C")
        )
        self._keep(
            Node(given.name, "input", "input", settings={"shape": (height, width, channels)}),
            Value(given.name, axes, sizes),
        )

    def _keep(self, node: Node, value: Value) -> None:
        if not node.name or node.name in self.nodes or node.name in self.constants:
            raise CheckpointError(f"the graph makes the value {node.name[:80]!r} twice, or has no name for it")
        self.nodes[node.name] = node
        self.values[node.name] = value

    def _node(self, node: OnnxNode) -> None:
        if node.op_type == "Constant":
            self._constant(node)
            return
        for name in node.inputs:
            if name and name not in self.values and name not in self.constants:
                raise CheckpointError(f"node {_name(node)} reads {name[:80]!r}, which nothing before it makes")
        if not any(name in self.values for name in node.inputs) and self._computed(node):
            return
        if node.op_type == "Shape" and self._shape(node):
            return
        if node.op_type == "CastLike" and len(node.inputs) == 2 and node.inputs[0] in self.constants:
            self._define(node.outputs[0], self.constants[node.inputs[0]], self.sources[node.inputs[0]])
            return
        read = [name for name in node.inputs if name]
        made = None
        if node.outputs and not any(node.outputs[1:]):
            operation = Operation(node, self.values, self.constants, self.sources, self.model.opset)
            made = onnx_layers.layer(operation)
        for output in filter(None, node.outputs):
            if made is None:
                inputs = tuple(name for name in read if name in self.values)
                settings = {"reason": _REASONS[node.op_type]} if node.op_type in _REASONS else {}
                self._keep(Node(output, node.op_type, "foreign", inputs, settings), Value(output, None, {}))
            else:
                parsed, value = made
                self._keep(replace(parsed, name=output, kind=node.op_type), replace(value, node=output))

    def _constant(self, node: OnnxNode) -> None:
        value: Any = next(iter(node.attributes.values()), None)
        found = value if isinstance(value, np.ndarray) else None
        if isinstance(value, int | float | tuple) and not isinstance(value, bool):
            kind = np.float32 if "float" in next(iter(node.attributes)) else np.int64
            found = np.array(value, kind)
        if found is not None and len(node.attributes) == 1 and len(node.outputs) == 1:
            self._define(node.outputs[0], widen(found), node.outputs[0])

    def _computed(self, node: OnnxNode) -> bool:
        """Compute what depends on constants alone."""
        inputs = [self.constants.get(name) for name in node.inputs]
        self.elements -= sum(each.size for each in inputs if each is not None)
        if self.elements < 0:
            raise CheckpointError("the graph computes from its constants again and again; no network needs that")
        found: Array | None
        if node.op_type == "Shape" and inputs and inputs[0] is not None:
            found = _part(onnx_constants.sides(inputs[0].shape), node)
        else:
            given = [each for each, name in zip(inputs, node.inputs, strict=True) if name or each is None]
            found = onnx_constants.compute(node.op_type, given, node.attributes)
        if found is None or len(node.outputs) != 1:
            return False
        self._define(node.outputs[0], found, self.sources.get(node.inputs[0], "") if node.inputs else "")
        return True

    def _shape(self, node: OnnxNode) -> bool:
        value = self.values[node.inputs[0]] if node.inputs else None
        if value is None or value.axes is None:
            return False
        self._define(node.outputs[0], _part(onnx_constants.sides(value.shape()), node), "")
        return True

    def _define(self, name: str, array: Array, source: str) -> None:
        if not name or name in self.constants or name in self.values:
            raise CheckpointError(f"the graph makes the value {name[:80]!r} twice, or has no name for it")
        self.constants[name] = array
        self.sources[name] = source or name


def _part(sides: Array, node: OnnxNode) -> Array:
    """The sides from start to end."""
    start, end = node.attributes.get("start", 0), node.attributes.get("end")
    return sides[slice(start if isinstance(start, int) else 0, end if isinstance(end, int) else None)]


def _axes(given: Input) -> tuple[str, ...] | None:
    """How a picture lies in an input: with the channels first, or last where only that can be."""
    if given.shape is None or len(given.shape) != 4:
        return None
    last = given.shape[1] != 3 and given.shape[3] == 3
    return ("N", "H", "W", "C") if last else ("N", "C", "H", "W")


def _name(node: OnnxNode) -> str:
    return repr((node.name or (node.outputs or ("",))[0])[:80])

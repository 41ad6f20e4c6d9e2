"""What a TensorFlow Lite file computes, from pictures on: its graph, and what is noted beside it."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from refnet.checkpoints.graph.graph import Graph, Node, NodeOp, Program
from refnet.checkpoints.graph.tflite.build import graph
from refnet.checkpoints.pixel_range import wants_unit
from refnet.checkpoints.readers.tflite import metadata
from refnet.checkpoints.readers.tflite.metadata import Metadata
from refnet.checkpoints.readers.tflite.tflite_file import Model
from refnet.errors import CheckpointError
from refnet.preprocessing.normalise import Normalisation

FROM_KERAS = "keras"
LITE = "lite"
LITE_TOLD = (
    "the graph does not change pixels: they are taken to be (x - 127) / 128, as all publishers of Lites have them"
)
SHOWN = 3
_SIGNS: dict[NodeOp, tuple[str, int]] = {
    "multiply": ("multiply", 1),
    "divide": ("divide", 1),
    "subtract": ("subtract", 1),
    "add": ("subtract", -1),
}


def from_tflite(model: Model, *, is_stated: bool = False) -> Program:
    """Make the graph of a file, and find out how pictures come to it, unless the caller states whose it is.

    Examples
    --------
    >>> from refnet.checkpoints.readers.tflite import tflite_file
    >>> from_tflite(tflite_file.read("tests/data/tflite/plain.tflite")).publisher
    'keras'
    """
    found = graph(model)
    noted = metadata.parse(model.notes[metadata.NOTE]) if metadata.NOTE in model.notes else Metadata()
    if noted.steps:
        raise CheckpointError(
            f"its metadata ask for {noted.steps[0]} of what the graph computes, which refnet has not; "
            "where it was made, convert the model without it"
        )
    told = (*_on_numbers(model), *on_files(noted))
    if noted.mean is not None and noted.deviation is not None:
        found = _normalised(found, noted)
    return Program(found, None if is_stated else _publisher(found), told)


def _publisher(found: Graph) -> str | None:
    """Whose conventions hold for pictures, as far as the graph tells."""
    operations = _on_pixels(found)
    if operations:
        return None if wants_unit(operations) else FROM_KERAS
    functions = {node.settings["function"] for node in found.nodes.values() if node.op == "activation"}
    has_six = functions <= {"relu6", "sigmoid"} and "relu6" in functions
    return LITE if has_six else None  # all publishers of Lites have pixels of one kind


def _on_numbers(model: Model) -> tuple[str, ...]:
    short = sum(tensor.dtype == "float16" for tensor in model.tensors)
    return (f"{short} tensors have 16-bit floats; they are 32-bit ones now, which is exact",) if short else ()


def on_files(noted: Metadata) -> tuple[str, ...]:
    """Say what is packed behind a graph, and not read."""
    if not noted.files:
        return ()
    shown = ", ".join(noted.files[:SHOWN]) + ", …" * (len(noted.files) > SHOWN)
    return (f"files packed behind the graph, which unzip takes out, are not read ({shown}); labels can be given",)


def _on_pixels(found: Graph) -> Normalisation:
    """Arithmetic with constants that pixels meet first."""
    (entry,) = (node for node in found.nodes.values() if node.op == "input")
    at = entry.name
    operations: list[tuple[str, tuple[float, float, float]]] = []
    while len(users := [node for node in found.nodes.values() if at in node.inputs]) == 1:
        (node,) = users
        constant = node.tensors.get("constant")
        if node.op in _SIGNS and constant is not None and constant.size in (1, 3):
            name, sign = _SIGNS[node.op]
            red, green, blue = (float(number) for number in np.broadcast_to(sign * constant, 3))
            operations.append((name, (red, green, blue)))
        elif node.op != "neutral":
            break
        at = node.name
    return tuple(operations)


def _normalised(found: Graph, noted: Metadata) -> Graph:
    """The graph with what is noted between the picture and all that reads it."""
    (entry,) = (node for node in found.nodes.values() if node.op == "input")
    mean, deviation = np.array(noted.mean, np.float32), np.array(noted.deviation, np.float32)
    added = [
        Node("metadata/mean", "NormalizationOptions", "subtract", (entry.name,), {}, {"constant": mean}),
        Node("metadata/std", "NormalizationOptions", "divide", ("metadata/mean",), {}, {"constant": deviation}),
    ]
    nodes: dict[str, Node] = {}
    for name, node in found.nodes.items():
        inputs = tuple(added[-1].name if each == entry.name else each for each in node.inputs)
        nodes[name] = replace(node, inputs=inputs)
        if name == entry.name:
            nodes |= {each.name: each for each in added}
    if len(nodes) != len(found.nodes) + len(added):
        raise CheckpointError("the graph has names that its metadata need")
    return Graph(nodes, found.outputs)

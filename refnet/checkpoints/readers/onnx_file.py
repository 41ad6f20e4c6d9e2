"""ONNX files to their nodes and constants, without the onnx package: with protobuf 37 MB, for one message format.

The file is a protocol buffer, defined in onnx.proto: a model with one graph, and in it the operations (nodes) and
the constants by name (initialisers). PyTorch exports weights under the names of their parameters, and one of several
equal tensors only; nodes of the kind ``Identity`` give it the other names.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path

import numpy as np

from refnet.arrays import Array
from refnet.checkpoints.readers import file_bytes, onnx_tensor, protobuf
from refnet.checkpoints.readers.onnx_tensor import Beside
from refnet.checkpoints.readers.protobuf import Message
from refnet.errors import CheckpointError

MAX_ATTRIBUTES = 64  # of a node
MAX_LIST = 1 << 12  # numbers in an attribute, sides of a shape
CONSTANT = "a constant of the graph: a whole number, a scalar or nothing at all, which no weight is"

# Numbers of fields: of ModelProto, GraphProto, NodeProto, AttributeProto, ValueInfoProto and down to its dimensions.
_OPSETS, _GRAPH, _METADATA, _FUNCTIONS = 8, 7, 14, 25
_NODE, _INITIALIZER, _INPUTS, _OUTPUTS, _SPARSE = 1, 5, 11, 12, 15
_INPUT, _OUTPUT, _NAME, _OP_TYPE, _ATTRIBUTE, _DOMAIN = 1, 2, 3, 4, 5, 7
_FLOAT, _INT, _TEXT, _TENSOR, _FLOATS, _INTS, _KIND = 2, 3, 4, 5, 7, 8, 20
_TYPE, _TENSOR_TYPE, _ELEMENT, _SHAPE, _SIDE = 2, 1, 1, 2, 1
_FIELDS = {1: _FLOAT, 2: _INT, 3: _TEXT, 4: _TENSOR, 6: _FLOATS, 7: _INTS}  # by the number of a kind
OTHER = "another kind of attribute"  # a graph, a list of texts

Attribute = int | float | str | Array | tuple[int, ...] | tuple[float, ...]
Side = int | str | None  # of a shape: a number, a name for any, or nothing said


@dataclass(frozen=True)
class OnnxNode:
    """One operation. An input that is left out is an empty name."""

    name: str
    op_type: str
    inputs: tuple[str, ...]
    outputs: tuple[str, ...]
    attributes: Mapping[str, Attribute] = field(default_factory=dict, repr=False)


@dataclass(frozen=True)
class Input:
    """What a graph takes: the number of ONNX's type, and its sides, None if it has no shape."""

    name: str
    element: int
    shape: tuple[Side, ...] | None


@dataclass(frozen=True)
class Model:
    """One ONNX file.

    Attributes
    ----------
    tensors
        The weights: name to array, in the file's order, names by ``Identity`` last (the same array then);
        C-contiguous. NumPy has no bfloat16: see ``refnet.checkpoints.state_dict.BFLOAT16``.
    dropped
        Name and reason for each constant that is none.
    metadata
        What the exporter noted beside the graph.
    constants
        All initialisers by name.
    nodes
        In the file's order, each after those whose outputs it reads.
    inputs, outputs
        Of the graph; inputs without those that are initialisers.
    opset
        Version of the standard operations; 0 where the file states none.
    beside
        SHA-256 of each other file that has values of tensors, by its name.
    """

    tensors: dict[str, Array] = field(repr=False)
    dropped: tuple[tuple[str, str], ...] = ()
    metadata: dict[str, str] = field(default_factory=dict)
    constants: dict[str, Array] = field(default_factory=dict, repr=False)
    nodes: tuple[OnnxNode, ...] = field(default=(), repr=False)
    inputs: tuple[Input, ...] = ()
    outputs: tuple[str, ...] = ()
    opset: int = 0
    beside: dict[str, str] = field(default_factory=dict)


def read(path: str | Path) -> Model:
    """Read an ONNX file, and what lies beside it with values of its tensors."""
    return file_bytes.parse_file(path, lambda data: load(data, Path(path).parent))


def load(data: bytes, folder: Path | None = None) -> Model:
    """Read an ONNX file's bytes; ``folder`` is where the files beside it are."""
    try:
        model = protobuf.parse(memoryview(data))
    except CheckpointError as error:
        raise CheckpointError(f"not an ONNX file, or cut short: {error}") from None
    graphs = protobuf.messages(model, _GRAPH)
    if len(graphs) != 1:
        raise CheckpointError(f"not an ONNX file: it has {len(graphs)} graphs, not one")
    graph = protobuf.parse(graphs[0])
    if protobuf.messages(graph, _SPARSE):
        raise CheckpointError("the graph has sparse constants; the weights of a checkpoint are dense")
    beside = Beside(folder)
    constants: dict[str, Array] = {}
    for each in protobuf.messages(graph, _INITIALIZER):
        tensor = protobuf.parse(each)
        name = onnx_tensor.name_of(tensor)
        _check_new(constants, name)
        constants[name] = onnx_tensor.value_of(tensor, beside)
    nodes = tuple(_node(protobuf.parse(each), beside) for each in protobuf.messages(graph, _NODE))
    found = dict(constants)
    for node in nodes:
        if node.op_type == "Identity" and node.inputs and node.inputs[0] in found and node.outputs:
            _check_new(found, node.outputs[0])
            found[node.outputs[0]] = found[node.inputs[0]]
    return Model(
        tensors={name: array for name, array in found.items() if _is_weight(array)},
        dropped=tuple((name, CONSTANT) for name, array in found.items() if not _is_weight(array)),
        metadata=_metadata(model),
        constants=constants,
        nodes=nodes,
        inputs=tuple(each for each in _inputs(graph) if each.name not in constants),
        outputs=tuple(protobuf.text(protobuf.parse(each), 1) for each in protobuf.messages(graph, _OUTPUTS)),
        opset=_opset(model),
        beside=beside.digests(),
    )


def _is_weight(array: Array) -> bool:
    return array.dtype.kind in "fV" and array.ndim > 0 and array.size > 0


def _check_new(found: Mapping[str, Array], name: str) -> None:
    if not name:
        raise CheckpointError("the graph has a constant without a name")
    if name in found:
        raise CheckpointError(f"the graph has two constants of the name {name[:80]!r}")


def _metadata(model: Message) -> dict[str, str]:
    entries = [protobuf.parse(entry) for entry in protobuf.messages(model, _METADATA)]
    return {protobuf.text(entry, 1): protobuf.text(entry, 2) for entry in entries}


def _opset(model: Message) -> int:
    """Version of the operations whose domain has no name, or ONNX's own one."""
    opsets = [protobuf.parse(each) for each in protobuf.messages(model, _OPSETS)]
    return max((protobuf.integer(each, 2) for each in opsets if protobuf.text(each, 1) in ("", "ai.onnx")), default=0)


def _node(message: Message, beside: Beside) -> OnnxNode:
    domain, kind = protobuf.text(message, _DOMAIN), protobuf.text(message, _OP_TYPE)
    stated = protobuf.messages(message, _ATTRIBUTE)
    if len(stated) > MAX_ATTRIBUTES:
        raise CheckpointError(f"a node {kind[:80]!r} has {len(stated)} attributes; ONNX's have a few")
    attributes = {protobuf.text(each, 1): each for each in map(protobuf.parse, stated)}
    if len(attributes) < len(stated) or "" in attributes:
        raise CheckpointError(f"a node {kind[:80]!r} has an attribute without a name, or two of one name")
    return OnnxNode(
        name=protobuf.text(message, _NAME),
        op_type=kind if domain in ("", "ai.onnx") else f"{domain}.{kind}",
        inputs=_texts(message, _INPUT),
        outputs=_texts(message, _OUTPUT),
        attributes={name: _attribute(each, beside) for name, each in attributes.items()},
    )


def _texts(message: Message, number: int) -> tuple[str, ...]:
    return tuple(protobuf.text({1: [each]}, 1) for each in protobuf.messages(message, number))


def _attribute(message: Message, beside: Beside) -> Attribute:
    """Value of an attribute; files of the first years do not state its kind."""
    filled = [number for number in _FIELDS.values() if message.get(number)]
    stated = protobuf.integer(message, _KIND)
    number = _FIELDS.get(stated, 0) if stated else (filled or [0])[0]
    value: Attribute = OTHER
    if number == _FLOAT:
        value = _float(message.get(_FLOAT, [0])[-1])
    elif number == _INT:
        value = protobuf.integer(message, _INT)
    elif number == _TEXT:
        value = protobuf.text(message, _TEXT)
    elif number == _TENSOR and len(tensors := protobuf.messages(message, _TENSOR)) == 1:
        value = onnx_tensor.value_of(protobuf.parse(tensors[0]), beside)
    elif number == _INTS:
        numbers = tuple(islice(protobuf.numbers(message, _INTS), MAX_LIST + 1))
        value = tuple(each - (each >> 63 << 64) for each in numbers) if len(numbers) <= MAX_LIST else OTHER
    elif number == _FLOATS:
        parts = tuple(islice((each for one in message.get(_FLOATS, []) for each in _split(one)), MAX_LIST + 1))
        value = parts if len(parts) <= MAX_LIST else OTHER
    return value


def _float(bits: int | protobuf.Bytes) -> float:
    """A float32 by its bits, as the shortest decimal of it, which is what people wrote: 0.001."""
    if not isinstance(bits, int) or bits >> 32:
        raise CheckpointError("an attribute that is a number has other bits than one")
    return float(str(np.float32(struct.unpack("<f", bits.to_bytes(4, "little"))[0])))


def _split(value: int | protobuf.Bytes) -> Iterator[float]:
    if isinstance(value, int):
        yield _float(value)
    else:
        yield from (_float(int.from_bytes(value[at : at + 4], "little")) for at in range(0, len(value), 4))


def _inputs(graph: Message) -> list[Input]:
    found = []
    for each in protobuf.messages(graph, _INPUTS):
        message = protobuf.parse(each)
        tensor = _inner(_inner(message, _TYPE), _TENSOR_TYPE)
        shape: tuple[Side, ...] | None = None
        if protobuf.messages(tensor, _SHAPE):
            sides = protobuf.messages(_inner(tensor, _SHAPE), _SIDE)
            if len(sides) > onnx_tensor.MAX_RANK:
                raise CheckpointError(f"an input has {len(sides)} axes")
            shape = tuple(_side(protobuf.parse(side)) for side in sides)
        found.append(Input(protobuf.text(message, 1), protobuf.integer(tensor, _ELEMENT), shape))
    return found


def _inner(message: Message, number: int) -> Message:
    """The one message in a field; an empty one where there is none."""
    found = protobuf.messages(message, number)
    return protobuf.parse(found[0]) if len(found) == 1 else {}


def _side(message: Message) -> Side:
    if message.get(1):
        side = protobuf.integer(message, 1)
        return side if 0 < side < 1 << 31 else None
    return protobuf.text(message, 2) or None

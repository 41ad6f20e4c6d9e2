"""The weights in ONNX files to arrays, without the onnx package: with protobuf 37 MB, for one message format.

The file is a protocol buffer, defined in onnx.proto: a model with one graph, and in it the operations (nodes) and
the constants by name (initialisers). PyTorch exports weights under the names of their parameters, and one of several
equal tensors only; nodes of the kind ``Identity`` give it the other names. It also folds batch norms into the
convolutions unless told otherwise: then the published numbers are gone, and the file is refused.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from refnet.arrays import Array
from refnet.checkpoints.readers import file_bytes, protobuf
from refnet.checkpoints.readers.protobuf import Message
from refnet.checkpoints.state_dict import BFLOAT16
from refnet.errors import CheckpointError

MAX_RANK = 8
MAX_ELEMENTS = 1 << 31
CONSTANT = "a constant of the graph: a whole number, a scalar or nothing at all, which no weight is"

# Numbers of fields: of ModelProto, GraphProto, NodeProto, TensorProto.
_GRAPH, _METADATA = 7, 14
_NODE, _INITIALIZER, _SPARSE = 1, 5, 15
_INPUT, _OUTPUT, _OP_TYPE = 1, 2, 4
_DIMS, _DATA_TYPE, _SEGMENT, _NAME, _EXTERNAL, _LOCATION = 1, 2, 3, 8, 13, 14
_FLOATS, _INT_32S, _DOUBLES, _RAW = 4, 5, 10, 9
_VALUES = (4, 5, 6, 7, 9, 10, 11)


class Kind(NamedTuple):
    """How one of ONNX's types is read, and which field may have its values in place of the raw bytes."""

    name: str
    dtype: np.dtype[Any]
    values: int


KINDS = {
    1: Kind("float32", np.dtype("<f4"), _FLOATS),
    10: Kind("float16", np.dtype("<f2"), _INT_32S),
    11: Kind("float64", np.dtype("<f8"), _DOUBLES),
    16: Kind("bfloat16", BFLOAT16, _INT_32S),
}
WHOLE = (6, 7, 9)  # int32, int64, bool: shapes, axes and conditions


@dataclass(frozen=True)
class Model:
    """The weights of one ONNX file.

    Attributes
    ----------
    tensors
        Name to array, in the file's order, names by ``Identity`` last (the same array then); C-contiguous.
        NumPy has no bfloat16: see ``refnet.checkpoints.state_dict.BFLOAT16``.
    dropped
        Name and reason for each constant that was left out.
    metadata
        What the exporter noted beside the graph.
    """

    tensors: dict[str, Array] = field(repr=False)
    dropped: tuple[tuple[str, str], ...] = ()
    metadata: dict[str, str] = field(default_factory=dict)


def read(path: str | Path) -> Model:
    """Read the weights of an ONNX file."""
    return file_bytes.parse_file(path, load)


def load(data: bytes) -> Model:
    """Read the weights from the bytes of an ONNX file."""
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
    other_names = _other_names(graph)
    found: dict[str, Array | None] = {}
    for tensor in protobuf.messages(graph, _INITIALIZER):
        name, array = _constant(protobuf.parse(tensor))
        _add(found, name, array)
    for name, first in other_names:
        if first in found:
            _add(found, name, found[first])
    return Model(
        tensors={name: array for name, array in found.items() if array is not None},
        dropped=tuple((name, CONSTANT) for name, array in found.items() if array is None),
        metadata=_metadata(model),
    )


def _other_names(graph: Message) -> list[tuple[str, str]]:
    """Each name that is another one's by ``Identity``, with the other one; and check that nothing is folded."""
    found = []
    kinds = set()
    for each in protobuf.messages(graph, _NODE):
        node = protobuf.parse(each)
        kind = protobuf.text(node, _OP_TYPE)
        kinds.add(kind)
        if kind == "Identity":
            found.append((protobuf.text(node, _OUTPUT), protobuf.text(node, _INPUT)))
    if "Conv" in kinds and "BatchNormalization" not in kinds:
        raise CheckpointError(
            "the graph's batch norms are folded into its convolutions, so the published numbers are not in the file; "
            "convert the checkpoint it was exported from, or export it by torch.onnx.export with dynamo=False, "
            "do_constant_folding=False (or dynamo=True, optimize=False)"
        )
    return found


def _add(found: dict[str, Array | None], name: str, array: Array | None) -> None:
    if not name:
        raise CheckpointError("the graph has a constant without a name")
    if name in found:
        raise CheckpointError(f"the graph has two constants of the name {name[:80]!r}")
    found[name] = array


def _metadata(model: Message) -> dict[str, str]:
    entries = [protobuf.parse(entry) for entry in protobuf.messages(model, _METADATA)]
    return {protobuf.text(entry, 1): protobuf.text(entry, 2) for entry in entries}


def _constant(tensor: Message) -> tuple[str, Array | None]:
    """Name and value of an initialiser; no value if no weight is like that."""
    name = protobuf.text(tensor, _NAME)
    try:
        return name, _value(tensor)
    except CheckpointError as error:
        raise CheckpointError(f"{name[:80]!r}: {error}") from None


def _value(tensor: Message) -> Array | None:
    if any(tensor.get(field, [0]) != [0] for field in (_LOCATION, _EXTERNAL, _SEGMENT)):
        raise CheckpointError(
            "its values are in another file; put all in one with onnx.save(onnx.load(PATH), NEW_PATH), "
            "or export with external_data=False"
        )
    number, shape = protobuf.integer(tensor, _DATA_TYPE), _shape(tensor)
    if number in WHOLE or not shape or 0 in shape:
        return None
    if number not in KINDS:
        known = ", ".join(kind.name for kind in KINDS.values())
        raise CheckpointError(
            f"it is of ONNX's type {number}, not {known}; a quantised network is not the published one"
        )
    kind = KINDS[number]
    values = _bytes(tensor, kind)
    if len(values) != math.prod(shape) * kind.dtype.itemsize:
        raise CheckpointError(f"{kind.name}{list(shape)} is not of {len(values)} bytes; the file is damaged")
    return np.frombuffer(values, kind.dtype).reshape(shape).copy()


def _shape(tensor: Message) -> tuple[int, ...]:
    shape = tuple(islice(protobuf.numbers(tensor, _DIMS), MAX_RANK + 1))
    # NumPy refuses a side out of any use beside a side of 0 too.
    if len(shape) > MAX_RANK or math.prod(max(side, 1) for side in shape) > MAX_ELEMENTS:
        raise CheckpointError(f"the shape {list(shape)} is impossible")
    return shape


def _bytes(tensor: Message, kind: Kind) -> protobuf.Bytes:
    """Bytes of a tensor's values, from the one field that has them."""
    filled = [field for field in _VALUES if tensor.get(field)]
    if filled == [_RAW] and len(raw := protobuf.messages(tensor, _RAW)) == 1:
        return raw[0]
    if filled != [kind.values]:
        raise CheckpointError(f"its values are in the fields {filled}, not all in {_RAW} or in {kind.values}")
    if kind.values == _INT_32S:
        return np.fromiter(_bits(protobuf.numbers(tensor, _INT_32S)), "<u2").tobytes()
    return _joined(tensor[kind.values], kind.dtype.itemsize)


def _bits(numbers: Iterable[int]) -> Iterator[int]:
    """Numbers that are the bits of 16-bit floats."""
    for number in numbers:
        if number >> 16:
            raise CheckpointError(f"{number} is not the bits of a 16-bit float")
        yield number


def _joined(values: list[int | protobuf.Bytes], size: int) -> bytes:
    """Floats that come packed, or one by one as numbers of their bits."""
    if any(isinstance(value, int) and value >> 8 * size for value in values):
        raise CheckpointError(f"a number does not fit {size} bytes")
    return b"".join(value.to_bytes(size, "little") if isinstance(value, int) else value for value in values)

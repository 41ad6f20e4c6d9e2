"""TensorFlow Lite files to tensors and operators, without TensorFlow: the schema's version 3, as far as it is needed.

The file is a flatbuffer (``flatbuffer.py``), defined in TensorFlow's schema.fbs: a model with its graphs, and the
constants of all graphs as buffers of plain bytes, little-endian, in C order. A quantised tensor has a scale and a zero
point; here they are only read.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from refnet.arrays import Array
from refnet.checkpoints.readers import file_bytes
from refnet.checkpoints.readers.flatbuffer import Flatbuffer, Table
from refnet.checkpoints.readers.tflite.schema import ACTIVATIONS, CUSTOM, FUSED, OPTIONS, Option, operator_name
from refnet.errors import CheckpointError

IDENTIFIER = b"TFL3"  # from the fourth byte on
VERSION = 3
MAX_RANK = 8
MAX_ELEMENTS = 1 << 31
MAX_NAME = 1 << 13  # the converter joins the names of all that it made one operator of
MAX_SHARING = 4  # times the file's length: what all constants may add up to, which may share bytes

# TensorFlow's TensorType; those with a NumPy dtype can be read.
TYPES = (
    "float32", "float16", "int32", "uint8", "int64", "string", "bool", "int16", "complex64", "int8", "float64",
    "complex128", "uint64", "resource", "variant", "uint32", "uint16", "int4", "bfloat16", "int2", "uint4",
)  # fmt: skip
READABLE = ("float16", "float32", "float64", "int8", "int16", "int32", "int64", "uint8", "uint16", "uint32", "uint64")


class Quantisation(NamedTuple):
    """How whole numbers stand for others: ``(q - zero_point) * scale``, of one scale or one along an axis."""

    scale: Array
    zero_point: Array
    axis: int


@dataclass(frozen=True)
class Tensor:
    """One tensor of the graph.

    Attributes
    ----------
    name
        As the converter called it; not unique.
    dtype
        Its name in NumPy, or in TensorFlow where NumPy has none.
    shape
        With -1 for a side that any picture or batch may have.
    value
        Of a constant; C-contiguous, and not to be written to.
    quantisation
        None for numbers that stand for themselves.
    strange
        What else a tensor may be, in words: a variable, sparse; else empty.
    """

    name: str
    dtype: str
    shape: tuple[int, ...]
    value: Array | None = field(default=None, repr=False)
    quantisation: Quantisation | None = None
    strange: str = ""


@dataclass(frozen=True)
class Operator:
    """One operation; its tensors by number, -1 where an optional one is left out.

    Attributes
    ----------
    kind
        ``CONV_2D``; of a custom operation its own name.
    settings
        What is set, by the schema's names; ``fused_activation_function`` by its name.
    """

    kind: str
    inputs: tuple[int, ...]
    outputs: tuple[int, ...]
    settings: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Model:
    """What a file holds: one graph, and notes beside it by name."""

    tensors: tuple[Tensor, ...]
    operators: tuple[Operator, ...]
    inputs: tuple[int, ...]
    outputs: tuple[int, ...]
    notes: Mapping[str, bytes] = field(default_factory=dict, repr=False)


def is_tflite(head: bytes) -> bool:
    """Whether a file that begins so is TensorFlow Lite's."""
    return head[4:8] == IDENTIFIER


def read(path: str | Path) -> Model:
    """Read a TensorFlow Lite file.

    Examples
    --------
    >>> model = read("tests/data/tflite/plain.tflite")
    >>> model.operators[3].kind, model.operators[3].settings["stride_h"]
    ('CONV_2D', 2)
    """
    return file_bytes.parse_file(path, load)


def load(data: bytes) -> Model:
    """Read the bytes of a TensorFlow Lite file."""
    if not is_tflite(data[:8]):
        raise CheckpointError(f"not a TensorFlow Lite file: its bytes 4 to 8 are not {IDENTIFIER!r}")
    model = Flatbuffer(data).root()
    version = int(model.number(0, "I"))
    if version != VERSION:
        raise CheckpointError(f"of the version {version} of TensorFlow Lite's format; {VERSION} is read")
    graphs = model.count(2)
    if graphs != 1:
        raise CheckpointError(
            f"it has {graphs or 0} graphs; a network is one: in TensorFlow, convert the model with one signature"
        )
    codes = [_operator_code(code) for code in model.tables(1)]
    buffers = [_buffer(buffer, data) for buffer in model.tables(4)]
    (graph,) = model.tables(2)
    tensors = tuple(_tensors(graph, buffers, MAX_SHARING * len(data)))
    return Model(
        tensors=tensors,
        operators=tuple(_operators(graph, codes, len(tensors))),
        inputs=_numbers_of_tensors(graph, 1, len(tensors)),
        outputs=_numbers_of_tensors(graph, 2, len(tensors)),
        notes={note.text(0): bytes(_of(buffers, int(note.number(1, "I")), "buffer")) for note in model.tables(6)},
    )


def _operator_code(code: Table) -> str:
    # Numbers above 127 came later, in a wider field.
    number = max(int(code.number(0, "b")), int(code.number(3, "i")))
    return code.text(1)[:80] if number == CUSTOM else operator_name(number)


def _buffer(buffer: Table, file: bytes) -> memoryview:
    """The bytes of a constant: in the flatbuffer or, of a file larger than 2 GB, behind it."""
    start, size = int(buffer.number(1, "Q")), int(buffer.number(2, "Q"))
    if start <= 1:
        return buffer.data(0)
    if start + size > len(file):
        raise CheckpointError("it is cut short: a constant lies behind its end")
    return memoryview(file)[start : start + size]


def _tensors(graph: Table, buffers: list[memoryview], allowance: int) -> Iterator[Tensor]:
    for number, stated in enumerate(graph.tables(0)):
        name = stated.text(3)
        if len(name) > MAX_NAME:
            raise CheckpointError(f"tensor {number} has a name of {len(name)} letters, more than {MAX_NAME}")
        data = _of(buffers, int(stated.number(2, "I")), "buffer")
        allowance -= len(data)
        if allowance < 0:
            raise CheckpointError(f"its constants share bytes: they add up to more than {MAX_SHARING} times its length")
        try:
            yield _tensor(stated, name, data)
        except CheckpointError as error:
            raise CheckpointError(f"tensor {number}, {name[:80]!r}: {error}") from None


def _tensor(stated: Table, name: str, data: memoryview) -> Tensor:
    shape, signature = (tuple(stated.numbers(number, "<i4").tolist()) for number in (0, 7))
    if max(len(shape), len(signature)) > MAX_RANK or min(shape + signature, default=0) < -1:
        raise CheckpointError(f"the shape {list(signature or shape)[:20]} is impossible")
    kind = int(stated.number(1, "b"))
    dtype = TYPES[kind] if 0 <= kind < len(TYPES) else f"number {kind}"
    found = Tensor(name, dtype, signature if len(signature) == len(shape) else shape)
    strange = "a variable" if stated.number(5, "B") else ""
    if stated.table(6) is not None:
        strange = "sparse"
    elif stated.number(10, "I"):
        strange = "in another file"
    value = _value(data, dtype, shape) if data and not strange and dtype in READABLE else None
    return Tensor(name, dtype, found.shape, value, _quantisation(stated.table(4)), strange)


def _value(data: memoryview, dtype: str, shape: tuple[int, ...]) -> Array:
    kind = np.dtype(dtype).newbyteorder("<")
    elements = math.prod(max(side, 1) for side in shape)  # NumPy refuses a side out of any use beside a side of 0 too
    if min(shape, default=0) < 0 or elements > MAX_ELEMENTS or math.prod(shape) * kind.itemsize != len(data):
        raise CheckpointError(f"{dtype}{list(shape)} is not of {len(data)} bytes")
    return np.frombuffer(data, kind).reshape(shape)


def _quantisation(stated: Table | None) -> Quantisation | None:
    if stated is None or not stated.count(2):
        return None  # ranges alone, which a converter noted
    return Quantisation(stated.numbers(2, "<f4"), stated.numbers(3, "<i8"), int(stated.number(6, "i")))


def _operators(graph: Table, codes: list[str], tensors: int) -> Iterator[Operator]:
    for number, stated in enumerate(graph.tables(3)):
        kind = _of(codes, int(stated.number(0, "I")), "operator code")
        inputs, outputs = (_numbers_of_tensors(stated, part, tensors, least=-1) for part in (1, 2))
        try:
            yield Operator(kind, inputs, outputs, _settings(kind, stated))
        except CheckpointError as error:
            raise CheckpointError(f"operator {number}, {kind}: {error}") from None


def _settings(kind: str, stated: Table) -> dict[str, Any]:
    number, options = OPTIONS.get(kind, (0, ()))
    if not options:
        return {}
    there, table = int(stated.number(3, "B")), stated.table(4)
    if there not in (0, number) or (there == 0) != (table is None):
        raise CheckpointError(f"its options are of the kind {there}, not {number}")
    return {option.name: _setting(option, table) for option in options}


def _setting(option: Option, table: Table | None) -> Any:
    if option.code == "vector":
        return () if table is None else tuple(table.numbers(option.field, "<i4").tolist())
    value = option.default if table is None else table.number(option.field, option.code, option.default)
    return _of(ACTIVATIONS, int(value), "activation") if option.name == FUSED else value


def _numbers_of_tensors(table: Table, part: int, tensors: int, least: int = 0) -> tuple[int, ...]:
    numbers = tuple(table.numbers(part, "<i4").tolist())
    if any(not least <= number < tensors for number in numbers):
        raise CheckpointError(f"it is damaged: a tensor's number is not in {least} to {tensors - 1}")
    return numbers


def _of(items: Any, number: int, what: str) -> Any:
    if not 0 <= number < len(items):
        raise CheckpointError(f"it is damaged: there is no {what} {number} among {len(items)}")
    return items[number]

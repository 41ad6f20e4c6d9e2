"""Writes a model of TensorFlow Lite as the bytes of a file: what ``checkpoints/readers/tflite`` reads."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final

import numpy as np

from refnet.checkpoints.readers.tflite.schema import ACTIVATIONS, FUSED, NAMES, OPTIONS, Option
from refnet.checkpoints.readers.tflite.tflite_file import (
    IDENTIFIER,
    TYPES,
    VERSION,
    Model,
    Operator,
    Quantisation,
    Tensor,
)
from refnet.export.tflite.flatbuffer import Bytes, Number, Part, Table, flatbuffer
from refnet.version import __version__

ALIGN = 16  # bytes; engines read constants where they lie
LAST_OF_A_BYTE = 127  # operators with larger numbers came later, in a wider field
# Which version of an operator knows int8, or int32 biases of them; 1 for all others.
VERSIONS: Final = {
    "CONV_2D": 3, "DEPTHWISE_CONV_2D": 3, "FULLY_CONNECTED": 4, "ADD": 2, "MUL": 2, "MEAN": 2, "AVERAGE_POOL_2D": 2,
    "LOGISTIC": 2, "SOFTMAX": 2, "PAD": 2, "DEQUANTIZE": 2, "QUANTIZE": 1, "RESHAPE": 1,
}  # fmt: skip


def content(model: Model) -> bytes:
    """All bytes of a file.

    Examples
    --------
    >>> from refnet.checkpoints.readers.tflite import tflite_file
    >>> model = tflite_file.read("tests/data/integers/swish.tflite")
    >>> tflite_file.load(content(model)).operators == model.operators
    True
    """
    kinds = list(dict.fromkeys(operator.kind for operator in model.operators))
    constants = [number for number, tensor in enumerate(model.tensors) if tensor.value is not None]
    buffers = {number: place for place, number in enumerate(constants, start=1)}  # the first is of all that has none
    graph = Table(
        {
            0: [_tensor(tensor, buffers.get(number, 0)) for number, tensor in enumerate(model.tensors)],
            1: _numbers(model.inputs),
            2: _numbers(model.outputs),
            3: [_operator(operator, kinds) for operator in model.operators],
            4: "main",
        }
    )
    notes = dict(enumerate(model.notes.items(), start=len(constants) + 1))
    root = Table(
        {
            0: Number("I", VERSION),
            1: [_code(kind) for kind in kinds],
            2: [graph],
            3: f"refnet {__version__}",
            4: [Table({}), *_buffers(model, constants)],
            6: [Table({0: name, 1: Number("I", place)}) for place, (name, _) in notes.items()] or None,
        }
    )
    return flatbuffer(root, IDENTIFIER)


def _buffers(model: Model, constants: list[int]) -> Iterator[Table]:
    for number in constants:
        value = model.tensors[number].value
        assert value is not None
        plain = np.ascontiguousarray(value, value.dtype.newbyteorder("<"))
        yield Table({0: Bytes(memoryview(plain.tobytes()), ALIGN)})
    for note in model.notes.values():
        yield Table({0: Bytes(memoryview(note), ALIGN)})


def _tensor(tensor: Tensor, buffer: int) -> Table:
    return Table(
        {
            0: _numbers(tuple(max(side, 1) for side in tensor.shape)),
            1: Number("b", TYPES.index(tensor.dtype)),
            2: Number("I", buffer),
            3: tensor.name,
            4: None if tensor.quantisation is None else _quantisation(tensor.quantisation),
            7: _numbers(tensor.shape) if min(tensor.shape, default=0) < 0 else None,
        }
    )


def _quantisation(stated: Quantisation) -> Table:
    return Table({2: stated.scale.astype("<f4"), 3: stated.zero_point.astype("<i8"), 6: Number("i", stated.axis)})


def _code(kind: str) -> Table:
    number = NAMES.index(kind)
    narrow = min(number, LAST_OF_A_BYTE)
    return Table({0: Number("b", narrow), 2: Number("i", VERSIONS.get(kind, 1)), 3: Number("i", number)})


def _operator(operator: Operator, kinds: list[str]) -> Table:
    number, options = OPTIONS.get(operator.kind, (0, ()))
    settings = {option.field: _setting(option, operator.settings.get(option.name)) for option in options}
    return Table(
        {
            0: Number("I", kinds.index(operator.kind)),
            1: _numbers(operator.inputs),
            2: _numbers(operator.outputs),
            3: Number("B", number) if options else None,
            4: Table(settings) if options else None,
        }
    )


def _setting(option: Option, value: Any) -> Part | None:
    if option.code == "vector":
        return _numbers(value or ())
    if option.name == FUSED:
        return Number("b", ACTIVATIONS.index(value or "NONE"))
    return Number(option.code, option.default if value is None else value)


def _numbers(numbers: tuple[int, ...]) -> Part:
    return np.array(numbers, "<i4")

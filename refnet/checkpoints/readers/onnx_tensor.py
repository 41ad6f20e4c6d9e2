"""One tensor of an ONNX file: its values lie in the message, or in a file beside the model."""

from __future__ import annotations

import hashlib
import math
from collections.abc import Iterable, Iterator
from itertools import islice
from pathlib import Path, PurePosixPath
from typing import Any, NamedTuple

import numpy as np

from refnet.arrays import Array
from refnet.checkpoints.readers import protobuf
from refnet.checkpoints.readers.protobuf import Message
from refnet.checkpoints.state_dict import BFLOAT16
from refnet.errors import CheckpointError
from refnet.files import opening

MAX_RANK = 8
MAX_ELEMENTS = 1 << 31
MAX_BYTES = 1 << 32  # of all files beside a model
MAX_SHARING = 2  # times the files' length: what tensors may add up to

# Numbers of fields of TensorProto.
_DIMS, _DATA_TYPE, _SEGMENT, _NAME, _EXTERNAL, _LOCATION = 1, 2, 3, 8, 13, 14
_FLOATS, _INT_32S, _INT_64S, _DOUBLES, _RAW = 4, 5, 7, 10, 9
_VALUES = (4, 5, 6, 7, 9, 10, 11)


class Kind(NamedTuple):
    """How one of ONNX's types is read, and which field may have its values in place of the raw bytes."""

    name: str
    dtype: np.dtype[Any]
    values: int


KINDS = {
    1: Kind("float32", np.dtype("<f4"), _FLOATS),
    6: Kind("int32", np.dtype("<i4"), _INT_32S),
    7: Kind("int64", np.dtype("<i8"), _INT_64S),
    9: Kind("bool", np.dtype("?"), _INT_32S),
    10: Kind("float16", np.dtype("<f2"), _INT_32S),
    11: Kind("float64", np.dtype("<f8"), _DOUBLES),
    16: Kind("bfloat16", BFLOAT16, _INT_32S),
}
WHOLE = (6, 7, 9)  # shapes, axes and conditions


class Beside:
    """The files beside a model that hold its tensors' values; none outside its folder is opened.

    ``folder`` is None where the model comes from no file.
    """

    def __init__(self, folder: Path | None) -> None:
        self.folder = folder
        self._files: dict[str, memoryview] = {}
        self._handed_out = 0  # bytes

    def digests(self) -> dict[str, str]:
        """SHA-256 of each file that was read, by its name."""
        return {name: hashlib.sha256(data).hexdigest() for name, data in self._files.items()}

    def values(self, entries: dict[str, str], size: int) -> memoryview:
        """The bytes of a tensor of ``size`` bytes, from where its entries say."""
        name = entries.get("location", "")
        data = self._file(name)
        start, length = (_number(entries.get(key, str(usual))) for key, usual in (("offset", 0), ("length", size)))
        if length != size or start + size > len(data):
            raise CheckpointError(
                f"its {size} bytes are said to be {length} from {start} of {name[:80]!r}, which has {len(data)}; "
                "the file is damaged or another model's"
            )
        self._handed_out += size
        if self._handed_out > MAX_SHARING * sum(map(len, self._files.values())):
            raise CheckpointError(f"tensors share the bytes of {name[:80]!r} again and again; no checkpoint needs that")
        return data[start : start + size]

    def _file(self, name: str) -> memoryview:
        if name not in self._files:
            path = self._path(name)
            size = path.stat().st_size
            if sum(map(len, self._files.values())) + size > MAX_BYTES:
                raise CheckpointError(f"{name[:80]!r} beside the model has {size} bytes, more than any checkpoint")
            self._files[name] = memoryview(opening.read_bytes(path, size))
        return self._files[name]

    def _path(self, name: str) -> Path:
        """Where a file beside the model is, if it is one."""
        if self.folder is None:
            raise CheckpointError(f"its values are in another file, {name[:80]!r}")
        parts = PurePosixPath(name).parts
        inside = bool(parts) and not any(part in ("/", "..") or set(part) & set("\\:\0") for part in parts)
        path = self.folder / name
        if not (inside and path.resolve().is_relative_to(self.folder.resolve())):
            raise CheckpointError(
                f"its values are said to be in {name[:80]!r}, outside the model's folder, where no file is read; "
                "put all in one with onnx.save(onnx.load(PATH), NEW_PATH)"
            )
        if not path.is_file():
            raise CheckpointError(
                f"its values are in {name[:80]!r}, which is not beside the model; put both files in one folder"
            )
        return path


def name_of(tensor: Message) -> str:
    """What a tensor is called; a constant in a node has no name."""
    return protobuf.text(tensor, _NAME)


def value_of(tensor: Message, beside: Beside) -> Array:
    """The numbers of a tensor."""
    try:
        return _value(tensor, beside)
    except CheckpointError as error:
        raise CheckpointError(f"{name_of(tensor)[:80]!r}: {error}") from None


def _value(tensor: Message, beside: Beside) -> Array:
    if tensor.get(_SEGMENT):
        raise CheckpointError("it is one of several pieces; put all in one with onnx.save(onnx.load(PATH), NEW_PATH)")
    number, shape = protobuf.integer(tensor, _DATA_TYPE), _shape(tensor)
    if number not in KINDS:
        known = ", ".join(kind.name for kind in KINDS.values())
        raise CheckpointError(
            f"it is of ONNX's type {number}, not {known}; a quantised network is not the published one"
        )
    kind = KINDS[number]
    size = math.prod(shape) * kind.dtype.itemsize
    values = _external(tensor, beside, size) if _is_external(tensor) else _bytes(tensor, kind, size)
    if len(values) != size:
        raise CheckpointError(f"{kind.name}{list(shape)} is not of {len(values)} bytes; the file is damaged")
    return np.frombuffer(values, kind.dtype).reshape(shape).copy()


def _shape(tensor: Message) -> tuple[int, ...]:
    shape = tuple(islice(protobuf.numbers(tensor, _DIMS), MAX_RANK + 1))
    # NumPy refuses a side out of any use beside a side of 0 too.
    if len(shape) > MAX_RANK or math.prod(max(side, 1) for side in shape) > MAX_ELEMENTS:
        raise CheckpointError(f"the shape {list(shape)} is impossible")
    return shape


def _is_external(tensor: Message) -> bool:
    return any(tensor.get(field, [0]) != [0] for field in (_LOCATION, _EXTERNAL))


def _external(tensor: Message, beside: Beside, size: int) -> memoryview:
    entries = [protobuf.parse(entry) for entry in protobuf.messages(tensor, _EXTERNAL)]
    if protobuf.integer(tensor, _LOCATION) != 1 or any(tensor.get(field) for field in _VALUES):
        raise CheckpointError("its values are both here and in another file")
    return beside.values({protobuf.text(entry, 1): protobuf.text(entry, 2) for entry in entries}, size)


def _number(text: str) -> int:
    if not (text.isascii() and text.isdigit() and len(text) < 20):
        raise CheckpointError(f"the place {text[:80]!r} in another file is no number")
    return int(text)


def _bytes(tensor: Message, kind: Kind, size: int) -> protobuf.Bytes:
    """Bytes of a tensor's values, from the one field that has them."""
    filled = [field for field in _VALUES if tensor.get(field)]
    if not (filled or size):
        return b""
    if filled == [_RAW] and len(raw := protobuf.messages(tensor, _RAW)) == 1:
        return raw[0]
    if filled != [kind.values]:
        raise CheckpointError(f"its values are in the fields {filled}, not all in {_RAW} or in {kind.values}")
    if kind.dtype.kind in "ib":
        signed = (number - (number >> 63 << 64) for number in protobuf.numbers(tensor, kind.values))
        return np.fromiter(_bounded(signed, kind.dtype), kind.dtype).tobytes()
    if kind.values == _INT_32S:
        return np.fromiter(_bits(protobuf.numbers(tensor, _INT_32S)), "<u2").tobytes()
    return _joined(tensor[kind.values], kind.dtype.itemsize)


def _bounded(numbers: Iterable[int], dtype: np.dtype[Any]) -> Iterator[int]:
    least, most = (0, 1) if dtype.kind == "b" else (int(np.iinfo(dtype).min), int(np.iinfo(dtype).max))
    for number in numbers:
        if not least <= number <= most:
            raise CheckpointError(f"{number} is not of the type {dtype}")
        yield number


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

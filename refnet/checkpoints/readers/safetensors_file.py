"""Safetensors files to arrays; the safetensors package (0.8.0) takes the last of two tensors of one name, unsaid.

It also has no bfloat16 for NumPy, and copies every tensor. Here the header is checked, so that every wrong file is
refused with a reason, and aligned arrays are views of the file's bytes. The file is eight bytes with the length of
the header (little-endian), the header (JSON: name to dtype, shape and place), then the elements of all tensors without
gaps.
"""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from refnet.arrays import Array
from refnet.checkpoints.readers import file_bytes
from refnet.checkpoints.state_dict import BFLOAT16
from refnet.errors import CheckpointError
from refnet.files import strict_json

MAX_HEADER = 1 << 24  # that of B7 has 150,000 bytes
MAX_RANK = 8
MAX_EMPTY = 1 << 40  # product of the other sides of a tensor without elements
DTYPES: dict[str, np.dtype[Any]] = {
    "F64": np.dtype("<f8"),
    "F32": np.dtype("<f4"),
    "F16": np.dtype("<f2"),
    "BF16": BFLOAT16,
    "I64": np.dtype("<i8"),
    "I32": np.dtype("<i4"),
    "I16": np.dtype("<i2"),
    "I8": np.dtype("i1"),
    "U8": np.dtype("u1"),
    "BOOL": np.dtype("?"),
}


class HeaderEntry(NamedTuple):
    """What the header says of one tensor; its bytes are those from ``begin`` to before ``end`` after the header."""

    dtype: np.dtype[Any]
    shape: tuple[int, ...]
    begin: int
    end: int


def read(path: str | Path) -> dict[str, Array]:
    """Read a safetensors file."""
    return file_bytes.parse_file(path, load)


def read_all(path: str | Path) -> tuple[dict[str, Array], dict[str, str]]:
    """Read a safetensors file, and the texts in it."""
    return file_bytes.parse_file(path, lambda data: (load(data), _entries(data)[2]))


def load(data: bytes) -> dict[str, Array]:
    """Read the bytes of a safetensors file, in the order of the bytes: arrays that cannot be written to."""
    entries, start, _ = _entries(data)
    return {name: _array(data, entry, start) for name, entry in entries.items()}


def _array(data: bytes, entry: HeaderEntry, start: int) -> Array:
    count = math.prod(entry.shape)
    if count == 0:
        return np.empty(entry.shape, entry.dtype)
    array = np.frombuffer(data, entry.dtype, count, start + entry.begin).reshape(entry.shape)
    if entry.dtype == np.bool_:
        array = array.view(np.uint8) != 0  # any byte but 0 is true
    return np.require(array, requirements="A")  # few headers are unpadded


def _entries(data: bytes) -> tuple[dict[str, HeaderEntry], int, dict[str, str]]:
    """Check the header against the file: its entries in the order of the bytes, where these begin, and its texts."""
    length = int.from_bytes(data[:8], "little")
    if len(data) < 8 or length > len(data) - 8:
        raise CheckpointError(f"not a safetensors file, or cut short: a header of {length} bytes in {len(data)}")
    if length > MAX_HEADER:
        raise CheckpointError(f"the header has {length} bytes, more than that of any EfficientNet")
    header = _header(data[8 : 8 + length])
    metadata = header.pop("__metadata__", {})
    if not (isinstance(metadata, dict) and all(isinstance(value, str) for value in metadata.values())):
        raise CheckpointError("__metadata__ is not texts by name")
    entries = {name: _entry(name, stated) for name, stated in header.items()}
    entries = dict(sorted(entries.items(), key=lambda item: item[1].begin))
    place = 0
    for name, entry in entries.items():
        if entry.begin != place:
            raise CheckpointError(
                f"{name[:80]!r} begins at byte {entry.begin}, where the tensor before ends at {place}"
            )
        place = entry.end
    if place != len(data) - 8 - length:
        raise CheckpointError(f"the tensors have {place} bytes, the file {len(data) - 8 - length} for them: cut short?")
    return entries, 8 + length, metadata


def _header(text: bytes) -> dict[str, Any]:
    try:
        header: Any = strict_json.parse(text.decode())
    except ValueError as error:
        raise CheckpointError(f"the header is not JSON: {error!s:.200}") from None
    if not (text.startswith(b"{") and isinstance(header, dict)):
        raise CheckpointError("the header is not a JSON object")
    return header


def _entry(name: str, stated: object) -> HeaderEntry:
    """Check one tensor's own words against each other."""
    match stated:
        case {"dtype": str(dtype), "shape": [*shape], "data_offsets": [begin, end], **rest} if not rest:
            numbers = all(type(number) is int and number >= 0 for number in (*shape, begin, end))
            if numbers and len(shape) <= MAX_RANK:
                if dtype not in DTYPES:
                    raise CheckpointError(f"{name[:80]!r} is {dtype[:20]!r}, not one of {', '.join(DTYPES)}")
                size = math.prod(shape) * DTYPES[dtype].itemsize
                sides = math.prod(side or 1 for side in shape)
                if end - begin != size or (size == 0 and sides > MAX_EMPTY):
                    raise CheckpointError(f"{name[:80]!r}: {dtype} {shape} at bytes {begin} to {end} cannot be")
                return HeaderEntry(DTYPES[dtype], tuple(shape), begin, end)
    raise CheckpointError(f"{name[:80]!r} is not described by a dtype, a shape and two data_offsets")

"""What the index of a TensorFlow checkpoint says: how many shards there are, and where which tensor is.

The index is a table (``sstable.py``). Its first key is empty: how many shards there are, and of which byte order.
Each other key is a tensor's name; its value says the dtype, the shape, and which bytes of which shard. Both are
protocol buffers, defined in TensorFlow's tensor_bundle.proto. A variable that was saved in slices has a key for
each slice too, beginning with a zero byte: such a tensor is listed, but cannot be read.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from refnet.checkpoints.readers import protobuf
from refnet.checkpoints.readers.tensorflow import sstable
from refnet.errors import CheckpointError

MAX_SHARDS = 1 << 10
MAX_RANK = 8
MAX_ELEMENTS = 1 << 31

# TensorFlow's types.proto; the numbers with a NumPy dtype can be read.
DTYPES = {
    1: "float32", 2: "float64", 3: "int32", 4: "uint8", 5: "int16", 6: "int8", 7: "string", 8: "complex64",
    9: "int64", 10: "bool", 14: "bfloat16", 17: "uint16", 18: "complex128", 19: "float16", 20: "resource",
    21: "variant", 22: "uint32", 23: "uint64",
}  # fmt: skip
READABLE = ("float16", "float32", "float64", "int8", "int16", "int32", "int64", "uint8", "uint16", "uint32", "uint64")

_HEADER = b""
_SLICE = b"\0"

Table = dict[bytes, bytes]


@dataclass(frozen=True)
class IndexEntry:
    """What the index says of one tensor.

    Attributes
    ----------
    dtype
        Its name in NumPy, or in TensorFlow where NumPy has none.
    shape
        ``()`` for a scalar.
    shard, offset, size
        Which bytes of which shard.
    crc
        Their masked CRC-32C.
    sliced
        Whether it was saved in slices: ``shard`` to ``crc`` mean nothing then.
    """

    dtype: str
    shape: tuple[int, ...]
    shard: int = 0
    offset: int = 0
    size: int = 0
    crc: int = 0
    sliced: bool = False


def parse(data: bytes) -> Table:
    """Read the table of an index."""
    table = sstable.parse(data)
    if _HEADER not in table:
        raise CheckpointError("the index has no header")
    return table


def shard_count(table: Table) -> int:
    """How many shards the checkpoint has."""
    header = protobuf.parse(table[_HEADER])
    count, byte_order = protobuf.integer(header, 1), protobuf.integer(header, 2)
    if not 1 <= count <= MAX_SHARDS:
        raise CheckpointError(f"the index states {count} shards; want 1 to {MAX_SHARDS}")
    if byte_order != 0:
        raise CheckpointError("the checkpoint is of a big-endian machine; only little-endian ones are read")
    for version in protobuf.messages(header, 3):
        if protobuf.integer(protobuf.parse(version), 2) > 1:  # min_consumer
            raise CheckpointError("the checkpoint is of a later version of the format than 1")
    return count


def entries(table: Table, sizes: Sequence[int]) -> dict[str, IndexEntry]:
    """Judge what the index says of each tensor."""
    found = {}
    for key, value in table.items():
        if key != _HEADER and not key.startswith(_SLICE):
            name = _name(key)
            try:
                found[name] = _entry(protobuf.parse(value), sizes)
            except CheckpointError as error:
                raise CheckpointError(f"{name!r}: {error}") from None
    _check_apart(found)
    return found


def _name(key: bytes) -> str:
    try:
        return key.decode()
    except UnicodeDecodeError:
        raise CheckpointError(f"the index has a name that is not UTF-8: {key[:80]!r}") from None


def _entry(message: protobuf.Message, sizes: Sequence[int]) -> IndexEntry:
    """Judge what the index says of one tensor."""
    number, shard, offset, size, crc = (protobuf.integer(message, field) for field in (1, 3, 4, 5, 6))
    dtype = DTYPES.get(number, f"number {number}")
    shape = _shape(protobuf.messages(message, 2))
    if protobuf.messages(message, 7):
        return IndexEntry(dtype, shape, sliced=True)
    if not (0 <= shard < len(sizes) and offset >= 0 and size >= 0 and offset + size <= sizes[shard]):
        raise CheckpointError(
            f"{size} bytes from {offset} on are not in shard {shard} of {len(sizes)}; it is cut short"
        )
    if dtype in READABLE and math.prod(shape) * np.dtype(dtype).itemsize != size:
        raise CheckpointError(f"{dtype}{list(shape)} is not of {size} bytes")
    return IndexEntry(dtype, shape, shard=shard, offset=offset, size=size, crc=crc)


def _shape(found: list[protobuf.Bytes]) -> tuple[int, ...]:
    if len(found) > 1:
        raise CheckpointError("more than one shape")
    message = protobuf.parse(found[0]) if found else {}
    axes = protobuf.messages(message, 2)
    if protobuf.integer(message, 3) or len(axes) > MAX_RANK:  # unknown_rank
        raise CheckpointError(f"a shape of unknown rank, or of {len(axes)} axes where {MAX_RANK} is plenty")
    shape = tuple(protobuf.integer(protobuf.parse(axis), 1) for axis in axes)
    # NumPy refuses a side out of any use beside a side of 0 too.
    if min(shape, default=0) < 0 or math.prod(max(side, 1) for side in shape) > MAX_ELEMENTS:
        raise CheckpointError(f"the shape {list(shape)} is impossible")
    return shape


def _check_apart(found: dict[str, IndexEntry]) -> None:
    """No two tensors share bytes: a small file cannot make large arrays."""
    stored = sorted((e.shard, e.offset, e.size, name) for name, e in found.items() if not e.sliced and e.size)
    for (shard, offset, size, name), (other_shard, other_offset, _, other) in pairwise(stored):
        if shard == other_shard and offset + size > other_offset:
            raise CheckpointError(f"{name!r} and {other!r} share bytes")

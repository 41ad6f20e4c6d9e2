"""Sorted string tables, as LevelDB and TensorFlow write them; no library but TensorFlow reads a single one.

Byte strings by key, in ascending order of keys:

::

    table    data blocks, a block of metadata, an index block, 48 bytes of footer
    footer   handle of the metadata, handle of the index, zeros up to byte 40, magic number
    handle   offset and size of a block, without its trailer
    block    entries, restart points (uint32 each), their count (uint32)
    trailer  after each block: kind of compression (1 byte), masked CRC-32C of block and kind (uint32)
    entry    bytes shared with the key before, bytes not shared, bytes of value; those of the key, those of the value
    index    for each data block a key not below its last one, and its handle

Numbers in handles and entries are variable-length ones, the others little-endian. A restart point is the
offset of an entry with its whole key, for searches by halves; here everything is read in order.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from refnet.checkpoints.readers.protobuf import varint
from refnet.checkpoints.readers.tensorflow.crc32c import masked_crc32c
from refnet.errors import CheckpointError

MAGIC = 0xDB4775248B80FB57
FOOTER = 48
TRAILER = 5
MAX_TABLE = 1 << 24  # B7 with all its optimiser's variables takes 160 kB
MAX_ENTRIES = 1 << 16  # and 3,500
MAX_KEY = 1 << 10  # shared beginnings cost a file nothing, but memory each time they are repeated

_RAW, _SNAPPY = 0, 1


class Handle(NamedTuple):
    """Where a block is."""

    offset: int
    size: int

    @property
    def end(self) -> int:
        """Where its trailer ends."""
        return self.offset + self.size + TRAILER


def parse(table: bytes) -> dict[bytes, bytes]:
    """Read a whole table."""
    if not FOOTER <= len(table) <= MAX_TABLE:
        raise CheckpointError(f"a table of {len(table)} bytes: want {FOOTER} to {MAX_TABLE}")
    footer = table[-FOOTER:]
    if int.from_bytes(footer[-8:], "little") != MAGIC:
        raise CheckpointError("not a table of TensorFlow's V2 checkpoints: it does not end with their magic number")
    metadata, at = _handle(footer, 0)
    index, _ = _handle(footer, at)
    _block(table, metadata)  # says nothing that is needed, but may be damaged as well
    found: dict[bytes, bytes] = {}
    end, last = 0, b""
    for bound, value in _entries(_block(table, index)):
        handle, _ = _handle(value, 0)
        if handle.offset < end:
            raise CheckpointError("a table's blocks are not one after the other")
        end = handle.end
        for key, entry in _entries(_block(table, handle)):
            if (found and key <= last) or key > bound or len(found) == MAX_ENTRIES:
                raise CheckpointError(f"a table's keys are not in order, or more than {MAX_ENTRIES}")
            found[key] = entry
            last = key
    return found


def _handle(data: bytes, start: int) -> tuple[Handle, int]:
    offset, at = varint(data, start)
    size, at = varint(data, at)
    return Handle(offset, size), at


def _block(table: bytes, handle: Handle) -> bytes:
    """Contents of a block, its checksum proven."""
    if handle.end > len(table) - FOOTER:
        raise CheckpointError("a table's block reaches outside the table; it is cut short or damaged")
    block = table[handle.offset : handle.end - TRAILER]
    kind = table[handle.end - TRAILER]
    if kind == _SNAPPY:
        raise CheckpointError("a table's block is compressed by snappy; TensorFlow writes checkpoints uncompressed")
    if kind != _RAW:
        raise CheckpointError(f"a table's block is of the unknown compression {kind}")
    stated = int.from_bytes(table[handle.end - TRAILER + 1 : handle.end], "little")
    if masked_crc32c(block + bytes([kind])) != stated:
        raise CheckpointError("a table's block does not have its checksum; the file is damaged")
    return block


def _entries(block: bytes) -> Iterator[tuple[bytes, bytes]]:
    """Keys and values of a block, in the file's order."""
    count = int.from_bytes(block[-4:], "little")
    end = len(block) - 4 * (count + 1)
    if len(block) < 8 or count == 0 or end < 0:
        raise CheckpointError("a table's block has no room for its restart points")
    restarts = {int.from_bytes(block[i : i + 4], "little") for i in range(end, len(block) - 4, 4)}
    key = b""
    whole = {0}  # where entries with their whole key begin
    at = 0
    while at < end:
        start = at
        shared, at = varint(block, at)
        rest, at = varint(block, at)
        size, at = varint(block, at)
        if shared > len(key) or shared + rest > MAX_KEY or at + rest + size > end:
            raise CheckpointError("a table's entry reaches outside its block, or has an impossible key")
        if shared == 0:
            whole.add(start)
        key = key[:shared] + block[at : at + rest]
        at += rest + size
        yield key, block[at - size : at]
    if not restarts <= whole:
        raise CheckpointError("a table's restart points are not where entries with whole keys begin")

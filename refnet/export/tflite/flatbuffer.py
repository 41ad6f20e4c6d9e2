"""Writes flatbuffers, without their schemas: what ``checkpoints/readers/flatbuffer.py`` reads.

Parts are written in the order in which they are met, so that what a part points to always lies behind it, as the format
wants; each table has its list of fields in front. Equal parts give equal bytes. A package does the same, but it is
no larger to write than to depend on.
"""

from __future__ import annotations

import struct
from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np

from refnet.arrays import Array
from refnet.errors import InputError

OFFSET = 4  # bytes of an offset, and of a vector's length
MAX_BYTES = (1 << 31) - 1  # what an offset of 32 bits with a sign reaches


class Number(NamedTuple):
    """A number of a table, of a kind as ``struct`` writes it."""

    code: str
    value: float


class Table(NamedTuple):
    """A table: its fields by number, of which those that are None stay out."""

    fields: Mapping[int, Part | None]


class Bytes(NamedTuple):
    """A vector of plain bytes, which begins at a multiple of ``align``."""

    content: memoryview
    align: int = 1


Part = Number | Table | Bytes | Array | str | Sequence[Table]


def flatbuffer(root: Table, identifier: bytes) -> bytes:
    """All bytes of a file.

    Examples
    --------
    >>> from refnet.checkpoints.readers.flatbuffer import Flatbuffer
    >>> content = flatbuffer(Table({0: Number("I", 3), 2: "name", 5: np.array([1, 2], "<i4")}), b"TFL3")
    >>> table = Flatbuffer(content).root()
    >>> table.number(0, "I"), table.text(2), table.numbers(5, "<i4"), content[4:8]
    (3, 'name', array([1, 2], dtype=int32), b'TFL3')
    """
    return bytes(_Writer(identifier).all_of(root))


class _Writer:
    """What is written so far, and which offsets still have to be."""

    def __init__(self, identifier: bytes) -> None:
        self.data = bytearray(OFFSET) + identifier
        self.waiting: list[tuple[int, Part]] = []

    def all_of(self, root: Table) -> bytearray:
        self.waiting.append((0, root))
        while self.waiting:
            at, part = self.waiting.pop()
            struct.pack_into("<I", self.data, at, self._append(part) - at)
            if len(self.data) > MAX_BYTES:
                raise InputError(f"a file of TensorFlow Lite has at most {MAX_BYTES:,} bytes")
        return self.data

    def _append(self, part: Part) -> int:
        """Write a part; where it begins."""
        match part:
            case Table():
                return self._table(part)
            case str():
                text = part.encode()
                return self._vector(len(text), text + b"\0", 1)
            case Bytes():
                return self._vector(len(part.content), part.content, part.align)
            case np.ndarray():
                return self._vector(part.size, part.tobytes(), part.itemsize)
            case Number():
                raise TypeError("a number stands in its table")
            case _:
                return self._tables(part)

    def _vector(self, count: int, content: bytes | memoryview, align: int) -> int:
        self._align(max(align, OFFSET), before=OFFSET)
        start = len(self.data)
        self.data += struct.pack("<I", count)
        self.data += content
        return start

    def _tables(self, tables: Sequence[Table]) -> int:
        start = self._vector(len(tables), bytes(OFFSET * len(tables)), OFFSET)
        places = range(start + OFFSET, start + OFFSET * (len(tables) + 1), OFFSET)
        self.waiting += reversed(list(zip(places, tables, strict=True)))
        return start

    def _table(self, table: Table) -> int:
        """The list of fields, then the table: first the way back to the list, then the fields, the widest first."""
        fields = {number: part for number, part in table.fields.items() if part is not None}
        codes = {number: part.code if isinstance(part, Number) else "I" for number, part in fields.items()}
        places, end = {}, OFFSET
        for number in sorted(fields, key=lambda number: -struct.calcsize(f"<{codes[number]}")):
            size = struct.calcsize(f"<{codes[number]}")
            end += -end % size
            places[number] = end
            end += size
        listed = [places.get(number, 0) for number in range(max(fields, default=-1) + 1)]
        head = struct.pack(f"<{2 + len(listed)}H", 2 * (2 + len(listed)), end, *listed)
        self._align(8, before=len(head))
        start = len(self.data) + len(head)
        self.data += head + struct.pack("<i", len(head)) + bytes(end - OFFSET)
        for number, part in fields.items():
            at = start + places[number]
            if isinstance(part, Number):
                struct.pack_into(f"<{part.code}", self.data, at, part.value)
            else:
                self.waiting.append((at, part))
        return start

    def _align(self, to: int, *, before: int) -> None:
        """Fill up so that what comes ``before`` bytes later begins at a multiple."""
        self.data += bytes(-(len(self.data) + before) % to)

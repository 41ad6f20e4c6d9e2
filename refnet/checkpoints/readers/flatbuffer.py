"""The wire format of flatbuffers, without their schemas, so that no package of them is needed.

A file is tables, which point forward to vectors, texts and other tables. A table points back to the list of where its
fields are, and many tables share one such list. What a field means is for the caller to say, level by level: there is
no recursion. Parts may be shared, so a small file can describe endless trees: what is read of a file, in bytes and
each time anew, is bounded by the file's length.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from functools import cache
from typing import Any

import numpy as np
import numpy.typing as npt

from refnet.errors import CheckpointError

ALLOWANCE = 32  # times the file's length; an EfficientNet's needs less than 8 times what is no weight
LOOK = 16  # bytes that looking at anything counts for, however small it is
MINIMUM = 1 << 16
_SIZES = struct.Struct("<HH")  # of a table's list of fields, of the table
OFFSET = 4  # bytes of an offset, and of a vector's length


class Flatbuffer:
    """The bytes of a file, and how many of them may still be read.

    Parameters
    ----------
    data
        All of the file.
    """

    def __init__(self, data: bytes | memoryview) -> None:
        self.data = memoryview(data)
        self._left = max(MINIMUM, ALLOWANCE * len(self.data))

    def root(self) -> Table:
        """The table that all others hang from."""
        return Table(self, self.follow(0))

    def number(self, code: str, at: int) -> Any:
        """Read one number, of a kind as ``struct`` writes it."""
        form = _form(code)
        self.take(at, form.size)
        return form.unpack_from(self.data, at)[0]

    def follow(self, at: int) -> int:
        """Where the offset at a place leads."""
        distance = int(self.number("I", at))
        if distance < OFFSET:
            raise CheckpointError("an offset leads nowhere")
        return at + distance

    def vector(self, at: int, size: int) -> tuple[int, int]:
        """How many elements of some bytes a vector has, and where they begin."""
        count = int(self.number("I", at))
        self.take(at + OFFSET, count * size)
        return count, at + OFFSET

    def take(self, at: int, size: int) -> None:
        """Check that these bytes are there, and that there is no end of reading."""
        if not 0 <= at <= at + size <= len(self.data):
            raise CheckpointError("it is cut short or damaged: an offset leads out of the file")
        self._left -= size + LOOK
        if self._left < 0:
            raise CheckpointError("its parts are shared so often that reading has no end")


@cache
def _form(code: str) -> struct.Struct:
    return struct.Struct(f"<{code}")


class Table:
    """One table: its fields by number, each with a default where the file leaves it out.

    Parameters
    ----------
    buffer
        The file.
    at
        Where it begins.
    """

    def __init__(self, buffer: Flatbuffer, at: int) -> None:
        self._buffer = buffer
        self._at = at
        fields = at - int(buffer.number("i", at))
        if fields < 0:
            raise CheckpointError("it is damaged: a table has no list of fields")
        buffer.take(fields, _SIZES.size)
        size, self._size = _SIZES.unpack_from(buffer.data, fields)
        if size < 4 or size % 2 or self._size < OFFSET:
            raise CheckpointError("it is damaged: a table's list of fields is impossible")
        buffer.take(fields, size)
        buffer.take(at, self._size)
        self._fields = _form(f"{size // 2 - 2}H").unpack_from(buffer.data, fields + 4)

    def _place(self, field: int, size: int) -> int | None:
        offset = self._fields[field] if field < len(self._fields) else 0
        if offset == 0:
            return None
        if offset + size > self._size:
            raise CheckpointError("it is damaged: a field is outside its table")
        return self._at + offset

    def _target(self, field: int) -> int | None:
        place = self._place(field, OFFSET)
        return None if place is None else self._buffer.follow(place)

    def number(self, field: int, code: str, default: float = 0) -> Any:
        """Value of a field that is one number."""
        place = self._place(field, _form(code).size)
        return default if place is None else self._buffer.number(code, place)

    def table(self, field: int) -> Table | None:
        """Value of a field that is a table."""
        target = self._target(field)
        return None if target is None else Table(self._buffer, target)

    def tables(self, field: int) -> Iterator[Table]:
        """Value of a field that is a vector of tables, one by one."""
        target = self._target(field)
        if target is not None:
            count, start = self._buffer.vector(target, OFFSET)
            for number in range(count):
                yield Table(self._buffer, self._buffer.follow(start + OFFSET * number))

    def count(self, field: int) -> int | None:
        """How many elements a vector has; None where the field is left out."""
        target = self._target(field)
        return None if target is None else int(self._buffer.number("I", target))

    def data(self, field: int) -> memoryview:
        """Value of a field that is a vector of bytes, as a view."""
        target = self._target(field)
        if target is None:
            return memoryview(b"")
        count, start = self._buffer.vector(target, 1)
        return self._buffer.data[start : start + count]

    def numbers(self, field: int, dtype: str) -> npt.NDArray[Any]:
        """Value of a field that is a vector of numbers, ``<i4``."""
        target = self._target(field)
        kind = np.dtype(dtype)
        if target is None:
            return np.empty(0, kind)
        count, start = self._buffer.vector(target, kind.itemsize)
        return np.frombuffer(self._buffer.data, kind, count, start).copy()

    def text(self, field: int) -> str:
        """Value of a field that is a text, empty where it is left out."""
        try:
            return bytes(self.data(field)).decode()
        except UnicodeDecodeError:
            raise CheckpointError("it is damaged: a name is not UTF-8") from None

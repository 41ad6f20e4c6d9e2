"""Texts as attributes of HDF5 files, read without the HDF5 library, which takes 4 GB for a file of 5 kB that says so.

Measured with h5py 3.16 and HDF5 2.0: for a text of variable length it fills as much memory as the reference says before
it looks for the text (5 s for 4 GB, then an error), and h5py gives nobody the reference to judge it first. Here
nothing is taken before it is found. Read are object headers of version 1, which all but files of special
make have: a chain of blocks of messages, an attribute in each message of kind 12. HDF5's format specification calls
these things so: https://support.hdfgroup.org/documentation/hdf5/latest/_f_m_t3.html
"""

from __future__ import annotations

import math
import struct
from collections.abc import Iterator

from refnet.files.hdf5 import RefusedError

MAX_MESSAGES = 1 << 17  # in all headers of a file; that of a B7 has 30,000
MAX_HEAPED = 1 << 16  # texts of variable length
MAX_TEXTS = 1 << 13  # in one list

_HEADER = struct.Struct("<B7xI4x")  # version, …, size of the first block
_MESSAGE = struct.Struct("<HHB3x")  # kind, size, flags
_CONTINUATION, _ATTRIBUTE, _SHARED = 0x10, 0x0C, 0x02
_REFERENCE = struct.Struct("<IQI")  # length, address of the heap, number in it
_HEAP = struct.Struct("<4sB3xQ")  # signature, version, size
_HEAPED = struct.Struct("<H6xQ")  # number, size
_FIXED, _VARIABLE = 3, 9  # classes of types


class Attributes:
    """The attributes of all objects of one file."""

    def __init__(self, data: bytes) -> None:
        self._data = memoryview(data)
        self._heaps: dict[int, dict[int, memoryview]] = {}
        self._messages = 0
        self._heaped = 0
        self._handed_out = 0  # bytes of texts from heaps

    def of(self, address: int) -> dict[str, memoryview]:
        """Find the attributes of the object whose header is at this address: name to what ``texts`` reads."""
        found = {}
        try:
            for body in self._attributes(address):
                name_size, start = struct.unpack_from("<H", body, 2)[0], 9 if body[0] == 3 else 8
                name = bytes(body[start : start + name_size]).partition(b"\0")[0]
                found[name.decode("utf-8", "replace")] = body
        except (struct.error, IndexError):
            raise RefusedError("the header of a group is cut short") from None
        return found

    def texts(self, attribute: memoryview, limit: int, most: int = MAX_TEXTS) -> list[str]:
        """Read a list of at most so many texts, or one text, of at most ``limit`` bytes each."""
        try:
            return [text.decode() for text in self._texts(attribute, limit, most)]
        except (struct.error, IndexError):
            raise RefusedError("an attribute is cut short") from None
        except UnicodeDecodeError:
            raise RefusedError("a text is not UTF-8") from None

    def _attributes(self, address: int) -> Iterator[memoryview]:
        version, size = _HEADER.unpack(self._part(address, _HEADER.size))
        if version != 1:
            raise RefusedError("a group has a header of another version than Keras writes")
        blocks = [(address + _HEADER.size, size)]
        while blocks:
            block = self._part(*blocks.pop(0))
            place = 0
            while place + _MESSAGE.size <= len(block):
                self._messages += 1
                if self._messages > MAX_MESSAGES:
                    raise RefusedError(f"more than {MAX_MESSAGES} messages in headers; no network needs so many")
                kind, length, flags = _MESSAGE.unpack_from(block, place)
                place += _MESSAGE.size + length
                body = block[place - length : place]
                if kind == _CONTINUATION:
                    blocks.append(struct.unpack("<QQ", body[:16]))
                elif kind == _ATTRIBUTE:
                    if flags & _SHARED:
                        raise RefusedError("an attribute is kept elsewhere and shared, which Keras does not do")
                    yield body

    def _texts(self, body: memoryview, limit: int, most: int) -> list[bytes]:
        version, flags, *sizes = struct.unpack_from("<BB3H", body)
        if version not in (1, 2, 3) or (flags & 1 and version > 1):
            raise RefusedError("an attribute is not described as Keras's are")
        place = 9 if version == 3 else 8
        starts = []
        for size in sizes:
            starts.append(place)
            place += -(-size // 8) * 8 if version == 1 else size
        count = _count(body[starts[2] :])
        if count == 0:
            return []  # of numbers, as Keras stores a list without elements
        kind, bits, size = struct.unpack_from("<BB2xI", body, starts[1])
        is_variable = kind & 15 == _VARIABLE and bits & 15 == 1
        if count > most or not (is_variable or (kind & 15 == _FIXED and size <= limit)):
            raise RefusedError(f"an attribute is not a list of at most {most} texts of {limit} bytes")
        if is_variable:
            places = range(place, place + count * _REFERENCE.size, _REFERENCE.size)
            return [self._heap_text(*_REFERENCE.unpack_from(body, at), limit=limit) for at in places]
        elements = body[place : place + count * size]
        if len(elements) < count * size:
            raise RefusedError("an attribute is cut short")
        return [bytes(elements[i * size : (i + 1) * size]).rstrip(b"\0 ") for i in range(count)]

    def _heap_text(self, length: int, address: int, number: int, *, limit: int) -> bytes:
        if length == 0:
            return b""
        if address not in self._heaps:
            self._heaps[address] = dict(self._heap(address))
        text = self._heaps[address].get(number, memoryview(b""))
        if length > limit or len(text) != length:
            raise RefusedError(f"a text of {length} bytes is not where the file says, or longer than {limit}")
        self._handed_out += length
        if self._handed_out > len(self._data):
            raise RefusedError("attributes refer to the same texts again and again, more than the file has bytes")
        return bytes(text).rstrip(b"\0")

    def _heap(self, address: int) -> Iterator[tuple[int, memoryview]]:
        """Find all texts of a heap by their numbers."""
        signature, version, size = _HEAP.unpack(self._part(address, _HEAP.size))
        if (signature, version) != (b"GCOL", 1):
            raise RefusedError("a text is not where the file says")
        heap = self._part(address, size)
        place = _HEAP.size
        while place + _HEAPED.size <= len(heap):
            self._heaped += 1
            if self._heaped > MAX_HEAPED:
                raise RefusedError(f"more than {MAX_HEAPED} texts; no network needs so many")
            number, length = _HEAPED.unpack_from(heap, place)
            if number == 0:
                return  # what follows is free
            place += _HEAPED.size
            yield number, heap[place : place + length]
            place += -(-length // 8) * 8

    def _part(self, start: int, size: int) -> memoryview:
        if start + size > len(self._data):
            raise RefusedError(f"byte {start + size} of a file of {len(self._data)}: damaged or cut short")
        return self._data[start : start + size]


def _count(space: memoryview) -> int:
    """Number of elements of a list, 1 for a scalar."""
    version, rank, _, kind = struct.unpack_from("<4B", space)
    if version not in (1, 2) or rank > 1:
        raise RefusedError("an attribute is not a list")
    if version == 2 and kind == 2:
        return 0  # a space without elements
    return math.prod(struct.unpack_from(f"<{rank}Q", space, 8 if version == 1 else 4))

"""What all file formats of one tensor share: what is written and read, and the errors of what cannot be read."""

from __future__ import annotations

import hashlib
import math
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import IO, Any, NamedTuple, Protocol

import numpy as np

from refnet.architecture.step import Shape
from refnet.arrays import Array
from refnet.errors import InputError
from refnet.golden.axes import stored_axes
from refnet.golden.dtypes import USUAL, WORDS
from refnet.golden.manifest import MAX_ELEMENTS, TensorEntry
from refnet.memory import lack

BLOCK = 1 << 22  # bytes read or written at once

# A port may fill up its channels; what is much longer than expected is not its tensor.
LONGER = 8
ALWAYS_READ = 1 << 16  # elements


class UnreadableError(InputError):
    """One tensor of a recording that is not what its file format says; the others may be fine."""


def sliced_name(name: str, part: Sequence[tuple[int, int]], between: str = ":") -> str:
    """Name a piece of a tensor as an index of it.

    Examples
    --------
    >>> sliced_name("stem", [(0, 1), (0, 8)]), sliced_name("stem", [(0, 1), (0, 8)], "-"), sliced_name("stem", [])
    ('stem[0:1,0:8]', 'stem[0-1,0-8]', 'stem')
    """
    bounds = ",".join(f"{start}{between}{end}" for start, end in part)
    return f"{name}[{bounds}]" if bounds else name


class Heading(NamedTuple):
    """What a file can say of its tensor: the axes are those of the file, inner axes of tiles in lower case."""

    name: str
    axes: str
    shape: Shape
    dtype: str

    @classmethod
    def of(cls, entry: TensorEntry) -> Heading:
        """Take it from an entry of a manifest; of a piece, the name says which."""
        return cls(
            sliced_name(entry.name, entry.part), *stored_axes(entry.axes, entry.shape, entry.layout), entry.dtype
        )

    def holds(self, count: int) -> bool:
        """Whether the shape has so many elements."""
        return math.prod(self.shape) == count

    def line(self) -> str:
        """Put it into one line, which ``read_heading`` reads.

        Examples
        --------
        >>> Heading("stem", "NCHWc", (1, 2, 8, 8, 16), "float16").line()
        'stem: float16 N C H W c [1, 2, 8, 8, 16], the last axis varies fastest'
        """
        return f"{self.name}: {self.dtype} {' '.join(self.axes)} {list(self.shape)}, the last axis varies fastest"


_HEADING = re.compile(r"(\S+): (\w+) ([A-Za-z ]{0,20}) \[([\d, ]{0,100})\], the last axis")


def read_heading(text: str) -> Heading | None:
    """Find the line of a heading in a comment; None if there is none that makes sense.

    Examples
    --------
    >>> read_heading("// stem: float16 N C [1, 2], the last axis varies fastest")
    Heading(name='stem', axes='NC', shape=(1, 2), dtype='float16')
    """
    found = _HEADING.search(text)
    if not found or found[2] not in WORDS:
        return None
    shape = tuple(int(length) for length in re.findall(r"\d+", found[4]))
    return Heading(found[1], found[3].replace(" ", ""), shape, found[2])


@dataclass(frozen=True)
class ReadHints:
    """What is known of a tensor before it is read.

    Attributes
    ----------
    where
        How errors name it.
    dtype
        What the numbers are said to be, where the file itself cannot tell; None if nobody said.
    expected
        Number of elements, or None; what is much longer is refused.
    """

    where: str
    dtype: str | None = None
    expected: int | None = None

    def unreadable(self, what: str) -> UnreadableError:
        """Make the error that says what is wrong with this file."""
        return UnreadableError(f"{self.where}: {what}")

    def known_dtype(self, itemsize: int, told: str | None = None) -> str:
        """Name the numbers that words of so many bytes hold, by what is said and what the file itself tells."""
        possible = [dtype for dtype, words in WORDS.items() if words.itemsize == itemsize]
        if not possible:
            raise self.unreadable(f"words of {itemsize} bytes; want 1, 2, 4 or 8")
        for dtype in (self.dtype, told):
            if dtype in possible:
                return dtype
        if itemsize in USUAL:
            return USUAL[itemsize]
        if self.dtype is not None:
            raise self.unreadable(f"words of {itemsize} bytes; want {self.dtype}")
        raise InputError(f"{self.where}: {' or '.join(possible)}? the file does not tell; state the dtype")

    def check_count(self, count: int, itemsize: int = 1) -> None:
        """Refuse far more elements than are expected, or than there is memory for."""
        limit = MAX_ELEMENTS if self.expected is None else LONGER * self.expected + ALWAYS_READ
        if count > limit:
            why = "the most that are read" if self.expected is None else f"where {self.expected} are expected"
            raise self.unreadable(f"more than {limit} elements, {why}")
        if missing := lack(2 * count * itemsize):  # as they lie there, and as floats
            raise self.unreadable(f"{count} elements, for which is needed {missing}")


@dataclass(frozen=True, kw_only=True)
class TensorFile(ReadHints):
    """An open file to read a tensor from: at its beginning, of ``size`` bytes; it may be a stream that cannot seek."""

    file: IO[bytes]
    size: int


class StoredWords(NamedTuple):
    """A tensor's words as they lie in a file, little-endian, and what the file tells of them."""

    words: Array
    dtype: str
    shape: Shape | None
    is_typed: bool = True  # else nobody says the dtype, which is the usual one of such words


class OutputFile(Protocol):
    """Whatever bytes can be written to."""

    def write(self, data: Any, /) -> int:
        """Write all of them."""
        ...


@dataclass(frozen=True)
class Format:
    """A way to write one tensor into a file.

    Attributes
    ----------
    suffix
        Of the file's name.
    write
        Writes a heading and the words in stored order.
    read
        Reads words back.
    """

    suffix: str
    write: Callable[[OutputFile, Array, Heading], None]
    read: Callable[[TensorFile], StoredWords]


def blocks(words: Array, elements: int) -> list[Array]:
    """Cut words into pieces of so many elements at most, as one axis, little-endian."""
    flat = np.ascontiguousarray(words, words.dtype.newbyteorder("<")).reshape(-1)
    return [flat[start : start + elements] for start in range(0, flat.size, elements)]


def read_into(opened: TensorFile, words: Array, begun: bytes = b"") -> None:
    """Fill an array with the bytes of a file, of which some are read already."""
    view = words.reshape(-1).view(np.uint8).data
    view[: len(begun)] = begun
    at = len(begun)
    while at < len(view):
        block = opened.file.read(min(BLOCK, len(view) - at))
        if not block:
            raise opened.unreadable(f"ends after {at} of {len(view)} bytes; record it again")
        view[at : at + len(block)] = block
        at += len(block)


def sha256_of(words: Array) -> str:
    """SHA-256 of all words in stored order, little-endian."""
    digest = hashlib.sha256()
    for block in blocks(words, BLOCK):
        digest.update(block.view(np.uint8).data)
    return digest.hexdigest()

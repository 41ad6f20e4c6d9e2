"""How the arguments of a pickle's opcodes are written; each function takes one off the stream."""

from __future__ import annotations

import io
import struct
import sys
from collections.abc import Callable
from typing import Any

from refnet.errors import CheckpointError

CUT_SHORT = "the pickle is malformed: it is cut short"


def take(stream: io.BytesIO, count: int) -> bytes:
    """Take that many bytes."""
    data = stream.read(min(count, sys.maxsize))
    if len(data) < count:
        raise CheckpointError(CUT_SHORT)
    return data


def nothing(stream: io.BytesIO) -> None:
    """Take nothing: the opcode has no argument."""
    return


def unsigned(width: int) -> Callable[[io.BytesIO], int]:
    """Take a number of ``width`` bytes."""
    return lambda stream: int.from_bytes(take(stream, width), "little")


def signed_32(stream: io.BytesIO) -> int:
    """Take a number of four bytes that may be negative."""
    return int.from_bytes(take(stream, 4), "little", signed=True)


def long(stream: io.BytesIO) -> int:
    """Take a number of up to 255 bytes."""
    return int.from_bytes(take(stream, take(stream, 1)[0]), "little", signed=True)


def double(stream: io.BytesIO) -> Any:
    """Take a float64."""
    return struct.unpack(">d", take(stream, 8))[0]


def raw(width: int) -> Callable[[io.BytesIO], bytes]:
    """Take bytes whose count comes first, a number of ``width`` bytes."""
    count = unsigned(width)
    return lambda stream: take(stream, count(stream))


def text(width: int) -> Callable[[io.BytesIO], str]:
    """Take a text whose length comes first, a number of ``width`` bytes."""
    data = raw(width)
    return lambda stream: decode(data(stream))


def old_text(width: int) -> Callable[[io.BytesIO], str | bytes]:
    """Take what Python 2 called a string: a text or bytes."""
    data = raw(width)

    def read(stream: io.BytesIO) -> str | bytes:
        found = data(stream)
        try:
            return found.decode()
        except UnicodeDecodeError:
            return found

    return read


def module_and_name(stream: io.BytesIO) -> str:
    """Take two lines, as "MODULE NAME"."""
    lines = stream.readline(), stream.readline()
    if not all(line.endswith(b"\n") for line in lines):
        raise CheckpointError(CUT_SHORT)
    return " ".join(decode(line[:-1]) for line in lines)


def decode(data: bytes) -> str:
    """Make text of UTF-8."""
    try:
        return data.decode()
    except UnicodeDecodeError:
        raise CheckpointError("the pickle is malformed: a text is not UTF-8") from None

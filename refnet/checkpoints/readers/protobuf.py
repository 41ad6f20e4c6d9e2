"""The wire format of protocol buffers, without their schemas, so that no package of them is needed (see onnx_file).

A message is numbers and bytes by field number.

What a field means, and whether its bytes are a message again, is for the caller to say, level by level: there
is no recursion. Work and memory are bounded by the length of the message. Of a memoryview, bytes are views as well:
a large message is not copied level by level.
"""

from __future__ import annotations

from collections.abc import Iterator

from refnet.errors import CheckpointError

MAX_VARINT = 10  # bytes of 7 bits each, for 64 bits
MAX_FIELDS = 1 << 16  # of one message; an ONNX graph of B7 has about 10,000

_VARINT, _FIXED_64, _BYTES, _FIXED_32 = 0, 1, 2, 5
_FIXED_SIZES = {_FIXED_64: 8, _FIXED_32: 4}

Bytes = bytes | memoryview
Message = dict[int, list[int | Bytes]]


def varint(data: Bytes, start: int) -> tuple[int, int]:
    r"""Read a number of 7 bits a byte, the lowest first, the top bit set on all bytes but the last.

    With it comes where the next item begins.

    Examples
    --------
    >>> varint(b"\xac\x02...", 0)
    (300, 2)
    """
    if start < len(data) and data[start] < 0x80:  # nearly all are so short
        return data[start], start + 1
    value = 0
    for count, byte in enumerate(data[start : start + MAX_VARINT]):
        value |= (byte & 0x7F) << 7 * count
        if byte < 0x80:
            if value >> 64:
                break
            return value, start + count + 1
    raise CheckpointError("a variable-length number is cut short or longer than 64 bits")


def parse(data: Bytes) -> Message:
    r"""Take a message apart.

    Examples
    --------
    >>> parse(b"\x08\x01\x12\x02hi\x08\x02")
    {1: [1, 2], 2: [b'hi']}
    """
    message: Message = {}
    at = count = 0
    while at < len(data):
        count += 1
        if count > MAX_FIELDS:
            raise CheckpointError(f"a message has more than {MAX_FIELDS} fields")
        tag, at = varint(data, at)
        number, kind = tag >> 3, tag & 7
        value: int | Bytes
        if kind == _VARINT:
            value, at = varint(data, at)
        elif kind == _BYTES:
            size, at = varint(data, at)
            value, at = _take(data, at, size)
        elif kind in _FIXED_SIZES:
            raw, at = _take(data, at, _FIXED_SIZES[kind])
            value = int.from_bytes(raw, "little")
        else:
            raise CheckpointError(f"a message has a field of the wire type {kind}, which is not in use")
        if number == 0:
            raise CheckpointError("a message has a field of the number 0")
        message.setdefault(number, []).append(value)
    return message


def integer(message: Message, field: int) -> int:
    """Value of a field that is a signed number of up to 64 bits, 0 where it is left out.

    Examples
    --------
    >>> integer({1: [(1 << 64) - 1]}, 1), integer({1: [5]}, 2)
    (-1, 0)
    """
    values = message.get(field, [0])
    if len(values) > 1 or not isinstance(values[0], int):
        raise CheckpointError(f"field {field} of a message is not one number")
    return values[0] - (values[0] >> 63 << 64)


def numbers(message: Message, field: int) -> Iterator[int]:
    r"""Values of a field that is a list of variable-length numbers, one by one or packed into bytes; without sign.

    Examples
    --------
    >>> list(numbers({1: [3, b"\x04\xac\x02"]}, 1))
    [3, 4, 300]
    """
    for value in message.get(field, []):
        if isinstance(value, int):
            yield value
        else:
            at = 0
            while at < len(value):
                number, at = varint(value, at)
                yield number


def text(message: Message, field: int) -> str:
    """Value of a field that is one text, empty where it is left out.

    Examples
    --------
    >>> text({1: [b"stem"]}, 1)
    'stem'
    """
    found = messages(message, field)
    try:
        if len(found) < 2:
            return bytes(found[0]).decode() if found else ""
    except UnicodeDecodeError:
        pass
    raise CheckpointError(f"field {field} of a message is not one text in UTF-8")


def messages(message: Message, field: int) -> list[Bytes]:
    """Values of a field that is a list of messages (or texts, or bytes), not yet taken apart."""
    values = message.get(field, [])
    found = [value for value in values if not isinstance(value, int)]
    if len(found) < len(values):
        raise CheckpointError(f"field {field} of a message is a number where a message is needed")
    return found


def _take(data: Bytes, start: int, size: int) -> tuple[Bytes, int]:
    end = start + size
    if end > len(data):
        raise CheckpointError("a message is cut short")
    return data[start:end], end

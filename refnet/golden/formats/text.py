"""Text, a few MiB at a time: lines, and what is wrong in which of them."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

import numpy as np

from refnet.arrays import Array
from refnet.golden.formats.tensor_file import BLOCK, TensorFile, UnreadableError


class Lines(NamedTuple):
    """Some whole lines of a file, and the number of the first."""

    text: bytes
    number: int


def read_lines(opened: TensorFile) -> Iterator[Lines]:
    """Read a file a few MiB at a time."""
    begun, number = b"", 1
    more = True
    while more:
        block = opened.file.read(BLOCK)
        more = len(block) == BLOCK
        begun += block
        end = begun.rfind(b"\n") + 1 if more else len(begun)
        text, begun = begun[:end], begun[end:]
        if len(begun) > BLOCK:
            raise opened.unreadable(f"line {number} has more than {BLOCK} characters; want one number a line")
        if text:
            yield _checked(opened, Lines(text, number))
            number += text.count(b"\n")


def _checked(opened: TensorFile, lines: Lines) -> Lines:
    if not lines.text.isascii() or b"\0" in lines.text:
        raise opened.unreadable(f"is no text, from line {lines.number} on")
    return lines


def without_comments(text: bytes, marker: bytes) -> bytes:
    r"""Take out what follows a marker on its line; an empty marker is none.

    Examples
    --------
    >>> without_comments(b"3f80 // one\n4000\n", b"//")
    b'3f80 \n4000\n'
    """
    return re.sub(re.escape(marker) + rb"[^\n]*", b"", text) if marker and marker in text else text


def collect(opened: TensorFile, parts: Iterator[Array], dtype: np.dtype[Any]) -> Array:
    """Join arrays that come one by one."""
    found, count = [np.empty(0, dtype)], 0
    for part in parts:
        count += part.size
        opened.check_count(count, dtype.itemsize)
        found.append(part)
    return np.concatenate(found)


def bad_token(opened: TensorFile, lines: Lines, is_good: Callable[[bytes], object], wanted: str) -> UnreadableError:
    """Find the first thing that is not good, for an error that names its line."""
    for number, line in enumerate(lines.text.split(b"\n"), lines.number):
        for token in line.split():
            if not is_good(token):
                return opened.unreadable(f"line {number}: {token.decode()!r:.60}; want {wanted}")
    return opened.unreadable(f"line {lines.number} or one after it: want {wanted}")

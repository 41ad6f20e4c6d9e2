"""Words as text: a number's bits in hexadecimal digits."""

from __future__ import annotations

import re
from collections.abc import Iterator
from itertools import chain, repeat
from typing import Any

import numpy as np

from refnet.arrays import Array
from refnet.golden.dtypes import WORDS
from refnet.golden.formats.tensor_file import Heading, StoredWords, TensorFile
from refnet.golden.formats.text import Lines, bad_token, collect

DIGITS = {2 * words.itemsize: np.dtype(f"<u{words.itemsize}") for words in WORDS.values()}

_OF_BYTE = np.array([list(b"%02x" % byte) for byte in range(256)], np.uint8)
_NO_DIGIT = 255
_VALUE = np.full(256, _NO_DIGIT, np.uint8)
for _digits in (b"0123456789abcdef", b"0123456789ABCDEF"):
    _VALUE[list(_digits)] = range(16)
_LEGAL = b"0123456789abcdefABCDEF \t\r\n"
_MOST_BLANKS = 8  # between two words, where they are read fast
_IS_BLANK = np.isin(np.arange(256), list(b" \t\r\n"))


def in_hexadecimal(words: Array, before: bytes, after: bytes) -> bytes:
    """Write each word in all its digits, the most significant first, between two texts.

    Examples
    --------
    >>> in_hexadecimal(np.array([0x3F80, 1], np.uint16), b"0x", b",")
    b'0x3f80,0x0001,'
    """
    end = len(before) + 2 * words.itemsize
    text = np.empty((words.size, end + len(after)), np.uint8)
    text[:, : len(before)] = list(before)
    text[:, end:] = list(after)
    big_endian = words.astype(words.dtype.newbyteorder(">")).view(np.uint8)
    text[:, len(before) : end] = _OF_BYTE[big_endian].reshape(words.size, -1)
    return text.tobytes()


def read_words(opened: TensorFile, pieces: Iterator[Lines], heading: Heading | None) -> StoredWords:
    """Read words that stand between white space; their width is that of the longest at the beginning."""
    first = next(pieces, Lines(b"", 1))
    digits = max(map(len, first.text.split()), default=0)
    told = heading.dtype if heading else None
    stated = opened.dtype or told
    if digits not in DIGITS and stated is not None:
        digits = 2 * WORDS[stated].itemsize
    if digits not in DIGITS:
        raise opened.unreadable(f"words of {digits} hexadecimal digits; want {', '.join(map(str, sorted(DIGITS)))}")
    dtype = opened.known_dtype(digits // 2, told)
    parts = (_from_hexadecimal(opened, lines, digits) for lines in chain([first], pieces))
    words = collect(opened, parts, DIGITS[digits])
    shape = heading.shape if heading and heading.holds(words.size) else None
    return StoredWords(words, dtype, shape, stated is not None)


def _from_hexadecimal(opened: TensorFile, lines: Lines, digits: int) -> Array:
    even = _even(lines.text, digits)
    if even is not None:
        return even
    tokens = lines.text.split()
    if max(map(len, tokens), default=0) <= digits and not lines.text.translate(None, _LEGAL):
        return np.array(list(map(int, tokens, repeat(16))), np.uint64).astype(DIGITS[digits])
    raise bad_token(
        opened, lines, re.compile(rb"[\dA-Fa-f]{1,%d}" % digits).fullmatch, f"a word of {digits} hexadecimal digits"
    )


def _even(text: bytes, digits: int) -> Array | None:
    """Read words that all have the same number of digits and of blanks after them; None if they do not."""
    text = text.strip()
    begin = text[digits : digits + _MOST_BLANKS]
    after = len(begin) - len(begin.lstrip())
    text += b" " * (-len(text) % (digits + after))
    table = np.frombuffer(text, np.uint8).reshape(-1, digits + after)
    values = _VALUE[table[:, :digits]]
    if not after or values.max(initial=0) == _NO_DIGIT or not _IS_BLANK[table[:, digits:]].all():
        return None
    pairs = values[:, 0::2] << np.uint8(4) | values[:, 1::2]
    words: np.dtype[Any] = DIGITS[digits].newbyteorder(">")
    return np.ascontiguousarray(pairs).view(words).reshape(-1).astype(DIGITS[digits])

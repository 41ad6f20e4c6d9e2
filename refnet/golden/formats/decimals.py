"""Numbers as decimal text: the shortest that is read back as the same float32 or float64.

A float16 or bfloat16 number is written as the float32 number that it is, since that is what text is read into. A NaN
keeps its sign; what else is in its bits is lost.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from fractions import Fraction
from itertools import chain

import numpy as np

from refnet.arrays import Array
from refnet.golden.dtypes import WHOLE, WORDS, decode, encode
from refnet.golden.formats.tensor_file import Format, Heading, OutputFile, StoredWords, TensorFile, blocks, read_heading
from refnet.golden.formats.text import Lines, bad_token, collect, read_lines, without_comments

ELEMENTS = 1 << 17  # in a piece
MAX_DIGITS = 100  # of a number
_WHOLE = re.compile(rb"-?\d{1,10}")


def in_decimal(words: Array, dtype: str) -> Array:
    """Write each number in the fewest digits that tell it from all others, filled up with NUL: u8[numbers, digits].

    Examples
    --------
    >>> table = in_decimal(np.array([0.1, -0.0, 1e20, -np.inf], np.float32).view(np.uint32), "float32")
    >>> [bytes(row).strip(bytes(1)) for row in table]
    [b'0.1', b'-0.0', b'1e+20', b'-inf']
    """
    numbers = decode(words, dtype)
    text = numbers.astype("S")
    if dtype not in WHOLE:
        text[np.isnan(numbers) & np.signbit(numbers)] = b"-nan"
    return text.view(np.uint8).reshape(words.size, -1)


def without_nul(table: Array) -> bytes:
    """Text of a table of characters."""
    text: bytes = table[table != 0].tobytes()
    return text


def read_numbers(opened: TensorFile, pieces: Iterator[Lines], dtype: str) -> Array:
    """Read numbers that stand between white space, each rounded once into ``dtype``."""
    return collect(opened, (_from_decimals(opened, lines, dtype) for lines in pieces), WORDS[dtype])


def _from_decimals(opened: TensorFile, lines: Lines, dtype: str) -> Array:
    tokens = lines.text.split()
    if dtype in WHOLE:
        return _whole(opened, lines, tokens, dtype)
    number = _number if b"x" in lines.text else float
    try:
        if b"_" in lines.text or max(map(len, tokens), default=0) > MAX_DIGITS:
            raise ValueError("Python would read it")
        numbers = np.array(list(map(number, tokens)), np.float64)
    except (ValueError, OverflowError):
        raise bad_token(opened, lines, _is_number, "a number such as -1.5e-3, inf or nan") from None
    return encode(numbers if dtype == "float64" else _never_a_tie(numbers, tokens), dtype)


def _whole(opened: TensorFile, lines: Lines, tokens: list[bytes], dtype: str) -> Array:
    limits = np.iinfo(dtype)

    def is_good(token: bytes) -> bool:
        return bool(_WHOLE.fullmatch(token)) and limits.min <= int(token) <= limits.max

    if all(map(is_good, tokens)):
        return encode(np.array(list(map(int, tokens)), dtype), dtype)
    raise bad_token(opened, lines, is_good, f"a whole number from {limits.min} to {limits.max}")


def _number(token: bytes) -> float:
    return float.fromhex(token.decode()) if b"x" in token else float(token)


def _is_number(token: bytes) -> bool:
    try:
        _number(token)
    except (ValueError, OverflowError):
        return False
    return b"_" not in token and len(token) <= MAX_DIGITS


def _never_a_tie(numbers: Array, tokens: list[bytes]) -> Array:
    """Move numbers that were rounded to float64, where this could make a tie for a narrower format, back off it."""
    low = numbers.view(np.uint64) & np.uint64((1 << 28) - 1)
    with np.errstate(over="ignore", under="ignore"):
        suspects = (low == 0) & np.isfinite(numbers) & (numbers.astype(np.float32) != numbers)
    for place in np.flatnonzero(suspects):
        if b"x" in tokens[place]:
            continue
        exact = Fraction(tokens[place].decode())
        if exact != Fraction(numbers[place]):
            numbers[place] = np.nextafter(numbers[place], np.inf if exact > Fraction(numbers[place]) else -np.inf)
    return numbers


def _write(file: OutputFile, words: Array, heading: Heading) -> None:
    file.write(f"# {heading.line()}\n".encode())
    for block in blocks(words, ELEMENTS):
        table = in_decimal(block, heading.dtype)
        file.write(without_nul(np.pad(table, ((0, 0), (0, 1)), constant_values=ord("\n"))))


def _read(opened: TensorFile) -> StoredWords:
    lines = read_lines(opened)
    first = next(lines, Lines(b"", 1))
    heading = read_heading(first.text.partition(b"\n")[0].decode()) if first.text.startswith(b"#") else None
    dtype = opened.dtype or (heading.dtype if heading else "float32")
    words = read_numbers(opened, (_without_signs(piece) for piece in chain([first], lines)), dtype)
    return StoredWords(words, dtype, heading.shape if heading and heading.holds(words.size) else None)


def _without_signs(lines: Lines) -> Lines:
    """Take out comments and commas."""
    return Lines(without_comments(lines.text, b"#").replace(b",", b" "), lines.number)


TXT = Format(".txt", _write, _read)

"""C headers: an array of a tensor's bits, or of its numbers, to be included in a program."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from itertools import chain

import numpy as np

from refnet.arrays import Array
from refnet.golden.dtypes import WHOLE
from refnet.golden.formats.decimals import in_decimal, read_numbers, without_nul
from refnet.golden.formats.hex_digits import in_hexadecimal, read_words
from refnet.golden.formats.tensor_file import Format, Heading, OutputFile, StoredWords, TensorFile, blocks, read_heading
from refnet.golden.formats.text import Lines, read_lines

IN_A_LINE = 8
ELEMENTS = 1 << 17  # in a piece, whole lines

# Everything is of bounded length, for the search begins anew at each name of a type.
_DECLARATION = re.compile(
    rb"\b(u?int8_t|uint16_t|u?int32_t|uint64_t|_Float16|__fp16|float|double)\s{1,99}(?:const\s{1,99})?\w{1,999}"
    rb"\s{0,99}(?:\[[^\]{}]{0,99}\]\s{0,99}){1,9}=\s{0,99}\{"
)
_WIDTHS = {b"uint8_t": 1, b"uint16_t": 2, b"uint32_t": 4, b"uint64_t": 8, b"int8_t": 1, b"int32_t": 4}
_SIGNED = {b"int8_t": "int8", b"int32_t": "int32"}
_DECIMAL = {b"uint8_t": "uint8", **_SIGNED}  # what may be written so
_NUMBERS = {b"float": "float32", b"double": "float64", b"_Float16": "float16", b"__fp16": "float16"}
_MACROS = {b"nan": b"NAN", b"-nan": b"-NAN", b"inf": b"INFINITY", b"-inf": b"-INFINITY"}
_COMMENT = re.compile(rb"/\*[^\n]*?\*/|(/\*[^\n]*)|//[^\n]*")  # one that is open stays, for it is wrong
_SUFFIX = re.compile(rb"(?<=[\d.])[fFlL]\b")
_BLANKS = bytes.maketrans(b",{}", b"   ")


def _write_bits(file: OutputFile, words: Array, heading: Heading) -> None:
    if heading.dtype in ("int8", "int32"):  # bits that C would have to narrow
        _write_numbers(file, words, heading)
        return
    _begin(file, words, heading, f"uint{8 * words.itemsize}_t", "stdint")
    _write_body(file, words, _words)


def _write_numbers(file: OutputFile, words: Array, heading: Heading) -> None:
    whole = heading.dtype in WHOLE
    c_type = f"{heading.dtype}_t" if whole else "double" if heading.dtype == "float64" else "float"
    suffix = b"f" if c_type == "float" else b"\0"
    _begin(file, words, heading, c_type, "stdint" if whole else "math")
    _write_body(file, words, lambda block: _literals(block, heading.dtype, suffix))


def _write_body(file: OutputFile, words: Array, text_of: Callable[[Array], bytes]) -> None:
    *before, last = blocks(words, ELEMENTS)
    for block in before:
        file.write(text_of(block))
    file.write(text_of(last).rstrip() + b"\n};\n\n#endif\n")


def _words(block: Array) -> bytes:
    text = bytearray(in_hexadecimal(block, b"0x", b", "))
    width = len(text) // block.size * IN_A_LINE
    text[width - 1 :: width] = b"\n" * (block.size // IN_A_LINE)
    return bytes(text)


def _literals(block: Array, dtype: str, suffix: bytes) -> bytes:
    text = in_decimal(block, dtype)
    digits = text.shape[1]
    table = np.empty((block.size, digits + 3), np.uint8)
    table[:, :digits] = text
    table[:, digits:] = list(suffix + b", ")
    table[IN_A_LINE - 1 :: IN_A_LINE, -1] = ord("\n")
    macros = {} if dtype in WHOLE else _MACROS
    for name, macro in macros.items():
        found = (text[:, : len(name)] == list(name)).all(1)
        table[found, : len(macro)] = list(macro)
        table[found, digits] = 0
    return without_nul(table)


def _begin(file: OutputFile, words: Array, heading: Heading, c_type: str, include: str) -> None:
    name = re.sub(r"\W+", "_", heading.name, flags=re.ASCII).strip("_")
    name = f"_{name}" if name[0].isdigit() else name
    guard = f"REFNET_{name.upper()}_H"
    file.write(
        f"#ifndef {guard}\n#define {guard}\n\n#include <{include}.h>\n\n/* {heading.line()} */\n"
        f"static const {c_type} {name}[{words.size}] = {{\n".encode()
    )


def _read(opened: TensorFile) -> StoredWords:
    pieces = read_lines(opened)
    first = next(pieces, Lines(b"", 1))
    found = _DECLARATION.search(first.text)
    if found is None:
        raise opened.unreadable("holds no array such as `static const uint32_t name[8] = {`")
    before = first.text[: found.end()]
    heading = read_heading(before.decode())
    rest = Lines(first.text[found.end() :], first.number + before.count(b"\n"))
    body = _body(opened, chain([rest], pieces))
    if found[1] in _NUMBERS:
        return _numbers(opened, body, heading, _NUMBERS[found[1]])
    start = next(body)
    if b"0x" not in start.text and found[1] in _DECIMAL:
        return _numbers(opened, chain([start], body), heading, _DECIMAL[found[1]])
    plain = (Lines(_without_prefix(lines.text), lines.number) for lines in chain([start], body))
    read = read_words(opened, plain, heading)
    if read.words.itemsize != _WIDTHS[found[1]]:
        raise opened.unreadable(f"words of {2 * read.words.itemsize} digits in an array of {found[1].decode()}")
    return read._replace(dtype=_SIGNED.get(found[1], read.dtype))


def _body(opened: TensorFile, pieces: Iterator[Lines]) -> Iterator[Lines]:
    """What is between the outer braces, without comments, commas and inner braces."""
    for lines in pieces:
        text = _COMMENT.sub(rb"\1", lines.text) if b"/" in lines.text else lines.text
        inside, end, after = text.partition(b"};")
        yield Lines(inside.translate(_BLANKS), lines.number)
        if end:
            if b"{" in after:
                raise opened.unreadable("holds more than one array")
            return
    raise opened.unreadable("ends before `};`; it is cut short, so record it again")


def _without_prefix(text: bytes) -> bytes:
    text = b" " + text
    for blank in (b" ", b"\n", b"\t"):
        text = text.replace(blank + b"0x", blank + b"  ")
    return text


def _numbers(opened: TensorFile, pieces: Iterator[Lines], heading: Heading | None, c_type: str) -> StoredWords:
    """Read literals. A float16 or bfloat16 number stands in an array of float."""
    told = opened.dtype or (heading.dtype if heading else None)
    dtype = told if c_type == "float32" and told in ("float16", "bfloat16") else c_type
    plain = (Lines(_SUFFIX.sub(b" ", lines.text), lines.number) for lines in pieces)
    words = read_numbers(opened, plain, dtype)
    return StoredWords(words, dtype, heading.shape if heading and heading.holds(words.size) else None)


C_BITS = Format(".h", _write_bits, _read)
C_NUMBERS = Format(".h", _write_numbers, _read)

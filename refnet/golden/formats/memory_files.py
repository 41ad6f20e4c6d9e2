"""Bits in hexadecimal digits for hardware: $readmemh, .mem and .coe, a word a line, most significant digit first."""

from __future__ import annotations

import re
from itertools import chain
from typing import NamedTuple

from refnet.arrays import Array
from refnet.golden.formats.hex_digits import in_hexadecimal, read_words
from refnet.golden.formats.tensor_file import Format, Heading, OutputFile, StoredWords, TensorFile, blocks, read_heading
from refnet.golden.formats.text import Lines, read_lines, without_comments

ELEMENTS = 1 << 18  # in a piece


class _Kind(NamedTuple):
    """What comes before the words, how errors name it, and what may stand between words: comments, separators."""

    preamble: re.Pattern[bytes]
    begins: str
    comment: bytes
    separators: bytes


_COMMENTS = rb"(?:[ \t]*(?://[^\n]*)?\r?\n)*"
_HEX = _Kind(re.compile(_COMMENTS), "comments", b"//", b"")
_MEM = _Kind(re.compile(_COMMENTS + rb"[ \t]*@0+(?=\s)"), "the address @0", b"//", b"")
_COE = _Kind(
    re.compile(
        rb"(?:\s|;[^\n]*\n)*memory_initialization_radix\s*=\s*16\s*;"
        rb"(?:\s|;[^\n]*\n)*memory_initialization_vector\s*=(?:[ \t]*\r?\n)?",
        re.IGNORECASE,
    ),
    "memory_initialization_radix=16; and memory_initialization_vector=",
    b"",
    b",;",
)


def _write_hex(file: OutputFile, words: Array, heading: Heading) -> None:
    file.write(f"// {heading.line()}\n".encode())
    _write_words(file, words)


def _write_mem(file: OutputFile, words: Array, heading: Heading) -> None:
    file.write(f"// {heading.line()}\n@0\n".encode())
    _write_words(file, words)


def _write_words(file: OutputFile, words: Array) -> None:
    for block in blocks(words, ELEMENTS):
        file.write(in_hexadecimal(block, b"", b"\n"))


def _write_coe(file: OutputFile, words: Array, heading: Heading) -> None:
    file.write(f"; {heading.line()}\n".encode())
    file.write(b"memory_initialization_radix=16;\nmemory_initialization_vector=\n")
    *before, last = blocks(words, ELEMENTS)
    for block in before:
        file.write(in_hexadecimal(block, b"", b",\n"))
    file.write(in_hexadecimal(last, b"", b",\n")[:-2] + b";\n")


def _read(opened: TensorFile, kind: _Kind) -> StoredWords:
    pieces = read_lines(opened)
    first = next(pieces, Lines(b"", 1))
    found = kind.preamble.match(first.text)
    if found is None:
        raise opened.unreadable(f"does not begin with {kind.begins}")
    rest = Lines(first.text[found.end() :], first.number + found[0].count(b"\n"))
    blanks = bytes.maketrans(kind.separators, b" " * len(kind.separators))
    plain = (
        Lines(without_comments(lines.text, kind.comment).translate(blanks), lines.number)
        for lines in chain([rest], pieces)
    )
    heading = read_heading(found[0].decode())
    return read_words(opened, plain, heading)


HEX = Format(".hex", _write_hex, lambda opened: _read(opened, _HEX))
MEM = Format(".mem", _write_mem, lambda opened: _read(opened, _MEM))
COE = Format(".coe", _write_coe, lambda opened: _read(opened, _COE))

"""Hexadecimal words: what $readmemh, .mem and .coe want to see, and what others write."""

from __future__ import annotations

import pytest
from helpers.generated_formats import back, refused, text_of

WORDS = [0x3F800000, 0, 0xC0490FDB]

HEX = """\
// a.b: float32 N C [1, 3], the last axis varies fastest
3f800000
00000000
c0490fdb
"""
MEM = HEX.replace("fastest\n", "fastest\n@0\n")
COE = """\
; a.b: float32 N C [1, 3], the last axis varies fastest
memory_initialization_radix=16;
memory_initialization_vector=
3f800000,
00000000,
c0490fdb;
"""


@pytest.mark.parametrize(("kind", "text"), [("hex", HEX), ("mem", MEM), ("coe", COE)])
def test_written(kind, text):
    assert text_of(kind, "float32", WORDS) == text
    assert back(kind, text) == (WORDS, "float32", (1, 3))


@pytest.mark.parametrize(
    ("kind", "text"),
    [
        ("hex", "3F800000 0 // two\r\n\r\nC0490FDB"), ("hex", "// no heading\n3f800000\n00000000\nc0490fdb"),
        ("mem", "@00000000\n3F800000\n00000000\nC0490FDB\n"), ("mem", "\n// theirs\n @0 3f800000 0\tc0490fdb\n"),
        ("coe", "Memory_Initialization_Radix = 16 ;\nmemory_initialization_vector = 3F800000, 0, C0490FDB ;"),
        ("coe", "; theirs\nmemory_initialization_radix=16;\nmemory_initialization_vector=\n3f800000 0\nc0490fdb;\n"),
    ],
)  # fmt: skip
def test_of_others(kind, text):
    assert back(kind, text) == (WORDS, "float32", None)


@pytest.mark.parametrize(("digits", "dtype"), [(2, "uint8"), (8, "float32"), (16, "float64")])
def test_width_is_dtype(digits, dtype):
    assert back("hex", f"{1:0{digits}x}\n" * 3) == ([1, 1, 1], dtype, None)


def test_stated_dtype():
    assert back("hex", "3f80\n4000\n", "bfloat16") == ([0x3F80, 0x4000], "bfloat16", None)
    assert back("hex", "0\n1\n", "float32") == ([0, 1], "float32", None)
    assert refused("hex", "3f80\n4000\n") == "here: float16 or bfloat16? the file does not tell; state the dtype"
    assert refused("hex", "3f80\n4000\n", "float32") == "here: words of 2 bytes; want float32"
    assert back("hex", text_of("hex", "float16", [1, 2]), "float32") == ([1, 2], "float16", (1, 2))  # it says so itself


def test_nothing():
    assert back("hex", "", "float32") == ([], "float32", None)


@pytest.mark.parametrize(
    ("kind", "text", "what"),
    [
        ("hex", "3f800000\nx\n", "line 2: 'x'; want a word of 8 hexadecimal digits"),
        ("hex", "// 1\n\n3f800000\n3f8_0000\n", "line 4: '3f8_0000'; want a word of 8 hexadecimal digits"),
        ("hex", "3f800000\n0x000000\n", "line 2: '0x000000'; want a word of 8 hexadecimal digits"),
        ("hex", "3f800000\n-0000001\n", "line 2: '-0000001'; want a word of 8 hexadecimal digits"),
        ("hex", "3f800000\n+1\n", "line 2: '+1'; want a word of 8 hexadecimal digits"),
        ("hex", "3f800000\n@2\n", "line 2: '@2'; want a word of 8 hexadecimal digits"),
        ("hex", "3f80000\n", "words of 7 hexadecimal digits; want 2, 4, 8, 16"),
        ("hex", "3f\n80\n\0\n", "is no text, from line 1 on"),
        ("hex", "3f\n80é\n", "is no text, from line 1 on"),
        ("mem", "3f800000\n", "does not begin with the address @0"),
        ("mem", "@10\n3f800000\n", "does not begin with the address @0"),
        (
            "coe",
            "memory_initialization_radix=2;\nmemory_initialization_vector=\n1;\n",
            "does not begin with memory_initialization_radix=16; and memory_initialization_vector=",
        ),
    ],
)
def test_refused(kind, text, what):
    assert refused(kind, text) == f"here: {what}"


def test_more_pieces_than_one():
    """A file of several MiB is read and written piece by piece; lines are counted through."""
    count = 1_200_000
    words = list(range(count))
    for kind in ("hex", "mem", "coe"):
        text = text_of(kind, "float32", words)
        assert back(kind, text)[0] == words
        assert back(kind, text.replace("\n", "\r\n"))[0] == words
        begins = text.count("\n") - count
        assert refused(kind, text.replace("00116fff", "00116ffg")).startswith(
            f"here: line {0x116FFF + begins + 1}: '00116ffg"
        )


def test_endless_line():
    assert refused("hex", "0" * (9 << 20)).startswith("here: line 1 has more than 4194304 characters")

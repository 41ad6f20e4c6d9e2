"""C headers: what a compiler takes, and what is read back."""

from __future__ import annotations

import shutil
import subprocess

import numpy as np
import pytest
from helpers.generated_formats import back, bytes_of, refused, text_of

BITS = """\
#ifndef REFNET_A_B_H
#define REFNET_A_B_H

#include <stdint.h>

/* a.b: bfloat16 N C [1, 9], the last axis varies fastest */
static const uint16_t a_b[9] = {
0x0000, 0x0001, 0x0002, 0x0003, 0x0004, 0x0005, 0x0006, 0x0007,
0x0008,
};

#endif
"""
NUMBERS = """\
#ifndef REFNET_A_B_H
#define REFNET_A_B_H

#include <math.h>

/* a.b: float32 N C [1, 6], the last axis varies fastest */
static const float a_b[6] = {
1.0f, -0.0f, 1e-45f, INFINITY, -INFINITY, NAN,
};

#endif
"""
WORDS = [0x3F800000, 0x80000000, 1, 0x7F800000, 0xFF800000, 0x7FC00000]


def test_bits():
    assert text_of("h", "bfloat16", range(9)) == BITS
    assert back("h", BITS) == (list(range(9)), "bfloat16", (1, 9))


def test_numbers():
    assert text_of("text", "float32", WORDS) == NUMBERS
    assert back("h", NUMBERS) == (WORDS, "float32", (1, 6))


@pytest.mark.parametrize("kind", ["h", "text"])
@pytest.mark.parametrize("dtype", ["float32", "float64", "uint8"])
def test_a_compiler_reads_the_same_bits(tmp_path, kind, dtype):
    rng = np.random.default_rng(1)
    numbers = rng.standard_normal(100) * 10.0 ** rng.integers(-45, 38, 100)
    with np.errstate(under="ignore"):
        array = rng.integers(0, 256, 100, np.uint8) if dtype == "uint8" else numbers.astype(dtype)
    (tmp_path / "x.h").write_bytes(bytes_of(kind, dtype, array.view(f"u{array.itemsize}")))
    (tmp_path / "x.c").write_text(
        '#include "x.h"\n#include <stdio.h>\nint main(void) { fwrite(a_b, 1, sizeof a_b, stdout); return 0; }\n'
    )
    compiler = shutil.which("cc")
    flags = ["-std=c99", "-Wall", "-Wextra", "-Wpedantic", "-Werror", "-o", "x", "x.c"]
    subprocess.run([compiler, *flags], cwd=tmp_path, check=True)
    assert subprocess.run([tmp_path / "x"], check=True, capture_output=True).stdout == array.tobytes()


@pytest.mark.parametrize(
    ("text", "words", "dtype"),
    [
        ("const float x[2][2] = {{1.f, 2}, // one\n{3.0F, /* four */ 4e0f}};", np.float32([1, 2, 3, 4]), "float32"),
        ("double x[] = { 1.5, 0x1.8p1 };", np.float64([1.5, 3]), "float64"),
        ("uint8_t const\nx [2] = {7,0xff};", np.uint8([7, 255]), "uint8"),
        ("static const uint8_t x[3]={\n7,\n8,\n255};", np.uint8([7, 8, 255]), "uint8"),
        ("const uint32_t x[2] = {0x3f800000,0x0};", np.float32([1, 0]), "float32"),
        ("_Float16 x[2] = {1.0f, 2.0};", np.float16([1, 2]), "float16"),
    ],
)
def test_of_others(text, words, dtype):
    assert back("h", text) == (words.view(f"u{words.itemsize}").tolist(), dtype, None)


@pytest.mark.parametrize(
    ("text", "what"),
    [
        ("int x;", "holds no array such as `static const uint32_t name[8] = {`"),
        ("const float x[2] = {1.0f,\n", "ends before `};`; it is cut short, so record it again"),
        ("const float x[1] = {1};\nconst float y[1] = {1};", "holds more than one array"),
        ("const float x[1] = {\n1.0f,\nNaN_,\n};", "line 3: 'NaN_'; want a number such as -1.5e-3, inf or nan"),
        ("uint32_t x[1] = {\n0x3f800000,\n10x3,};", "line 3: '10x3'; want a word of 8 hexadecimal digits"),
        ("uint32_t x[1] = {0x3f80, };", "words of 4 digits in an array of uint32_t"),
    ],
)
def test_refused(text, what):
    assert refused("h", text, "float16" if "words of" in what else None) == f"here: {what}"

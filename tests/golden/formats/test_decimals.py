"""Numbers in decimal: short, and rounded once on the way back."""

from __future__ import annotations

from fractions import Fraction

import numpy as np
import pytest
from helpers.generated_formats import back, refused, text_of
from hypothesis import given
from hypothesis import strategies as st

from refnet.golden.dtypes import decode, encode


def bits(values, dtype="float32"):
    return encode(np.array(values, np.float64), dtype).tolist()


def numbers_of(dtype, words):
    """What is written below the heading."""
    return text_of("txt", dtype, words).partition("\n")[2]


def test_written():
    values = [0.1, -0.0, 1e20, 1.17549435e-38, 1e-45, np.inf, -np.inf, np.nan]
    text = "0.1\n-0.0\n1e+20\n1.1754944e-38\n1e-45\ninf\n-inf\nnan\n"
    heading = "# a.b: float32 N C [1, 8], the last axis varies fastest\n"
    assert text_of("txt", "float32", bits(values)) == heading + text
    assert back("txt", heading + text) == (bits(values), "float32", (1, 8))
    assert back("txt", text, "float32") == (bits(values), "float32", None)
    assert numbers_of("float64", bits([0.1, 5e-324], "float64")) == "0.1\n5e-324\n"
    assert numbers_of("float16", [0x2E66]) == "0.099975586\n"  # as the float32 number that it is
    assert numbers_of("uint8", [0, 255]) == "0\n255\n"


def test_sign_of_nan():
    assert numbers_of("float32", [0xFFC00000, 0x7FC00001]) == "-nan\nnan\n"
    assert back("txt", "-nan\nnan\n") == ([0xFFC00000, 0x7FC00000], "float32", None)


@given(st.lists(st.integers(0, 2**32 - 1), min_size=1, max_size=50))
def test_every_float32_is_kept(words):
    words = [word for word in words if not np.isnan(decode(np.array([word], np.uint32), "float32")[0])] or [0]
    assert back("txt", text_of("txt", "float32", words))[0] == words


@given(st.integers(0x00000001, 0x7F000000), st.integers(1, 40), st.sampled_from([-1, 0, 1]))
def test_rounded_once(word, place, side):
    """Beside a tie of float32, nearer than float64 can tell."""
    low, high = (Fraction(float(x)) for x in decode(np.array([word, word + 1], np.uint32), "float32"))
    tie = (low + high) / 2
    scale = 10 ** (place + 60)
    digits = int(tie * scale)
    text = f"{digits + side}e-{place + 60}"
    exact = Fraction(text)
    nearest = word + 1 if exact > tie or (exact == tie and word % 2) else word
    if len(text) <= 100 and low <= exact <= high:
        assert back("txt", text)[0] == [nearest]


def test_of_others():
    text = "# theirs\n1.5, -2\t+.5e1 5.\r\n1e400 Infinity # end\n0x1.8p1"
    assert back("txt", text) == (bits([1.5, -2, 5, 5, np.inf, np.inf, 3]), "float32", None)


@pytest.mark.parametrize("word", ["1_0", "one", "1f", "0x", "1" * 101, "--1", "1e", "nan(1)"])
def test_refused(word):
    assert refused("txt", f"1\n\n2 {word}\n").startswith(f"here: line 3: {word[:59]!r:.60}"[:60])


def test_no_bytes():
    assert refused("txt", "1\n256\n", "uint8") == "here: line 2: '256'; want a whole number from 0 to 255"

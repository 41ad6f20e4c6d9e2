"""Encodings: the bits of narrow formats, against exact arithmetic."""

from __future__ import annotations

import math
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from refnet.golden import FLOATS
from refnet.golden.dtypes import WHOLE, WORDS, decode, encode

FLOAT32 = st.floats(width=32, allow_nan=False)
FLOAT64 = st.floats(allow_nan=False)


def test_the_names_are_those_that_can_be_encoded():
    assert tuple(WORDS) == FLOATS + WHOLE


def nearest(value: float, mantissa: int, least: int, largest: float) -> float:
    """Round to ``mantissa`` bits after the leading one, exponents from ``least``, ties to even, exactly."""
    if value == 0 or math.isinf(value):
        return value
    quantum = Fraction(2) ** (max(math.frexp(value)[1] - 1, least) - mantissa)
    rounded = round(Fraction(value) / quantum) * quantum
    return math.copysign(math.inf if abs(rounded) > largest else float(abs(rounded)), value)


FORMATS = {"float16": (10, -14, 65504.0), "bfloat16": (7, -126, float.fromhex("0x1.fep127"))}


@given(st.one_of(FLOAT32.map(np.float32), FLOAT64.map(np.float64)), st.sampled_from(list(FORMATS)))
def test_rounded_once(value, dtype):
    (found,) = decode(encode(np.array([value]), dtype), dtype)
    assert float(found) == nearest(float(value), *FORMATS[dtype])


def test_no_second_rounding_of_float64():
    above_a_tie = np.array([1 + 2.0**-8 + 2.0**-40])  # by way of float32 it would become the tie, and then 1
    assert decode(encode(above_a_tie, "bfloat16"), "bfloat16") == 1 + 2.0**-7


@pytest.mark.parametrize("dtype", FLOATS)
@pytest.mark.parametrize("values", [np.float32, np.float64])
def test_special_numbers(dtype, values):
    special = np.array([np.nan, np.inf, -np.inf, -0.0, 0.0], values)
    back = decode(encode(special, dtype), dtype)
    assert np.isnan(back[0])
    assert back[1:].tolist() == special[1:].tolist()
    assert np.signbit(back).tolist()[1:] == np.signbit(special).tolist()[1:]


@given(st.integers(0, 2**16 - 1), st.sampled_from(["float16", "bfloat16"]))
def test_every_word_is_kept(word, dtype):
    words = np.array([word], np.uint16)
    number = decode(words, dtype)
    if not np.isnan(number[0]):
        assert encode(number, dtype) == words


def test_bytes():
    assert encode(np.array([1, -2], np.float32), "float32").tolist() == [0x3F800000, 0xC0000000]
    assert encode(np.array([0, 255], np.uint8), "uint8").tolist() == [0, 255]

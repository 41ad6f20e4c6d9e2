"""Encodings: the bits of a number in a file, correctly rounded where the format is narrower than the number."""

from __future__ import annotations

from typing import Any

import numpy as np

#: Unsigned words that hold the bits of each format.
from refnet.arrays import Array

WORDS: dict[str, np.dtype[Any]] = {
    "float32": np.dtype("<u4"),
    "float64": np.dtype("<u8"),
    "float16": np.dtype("<u2"),
    "bfloat16": np.dtype("<u2"),
    "uint8": np.dtype("u1"),
    "int8": np.dtype("u1"),
    "int32": np.dtype("<u4"),
}

#: Formats of whole numbers: their bits are two's complement, and nothing is rounded into them.
WHOLE = ("uint8", "int8", "int32")

#: What words of so many bytes are taken for where nobody says.
USUAL = {1: "uint8", 4: "float32", 8: "float64"}


def encode(values: Array, dtype: str) -> Array:
    """Turn float32 or float64 numbers into words of a format, to nearest, ties to even; or whole ones into their own.

    Too large a number becomes an infinity. Subnormals are kept; a NaN stays a NaN.

    Examples
    --------
    >>> [hex(word) for word in encode(np.array([1, -2.5, 1e6], np.float32), "bfloat16")]
    ['0x3f80', '0xc020', '0x4974']
    """
    if dtype == "bfloat16":
        return _bfloat16(values)
    with np.errstate(over="ignore", under="ignore", invalid="ignore"):
        rounded = values.astype(dtype, casting="safe" if values.dtype.name in WHOLE else "same_kind", copy=False)
    return np.ascontiguousarray(rounded.astype(rounded.dtype.newbyteorder("<"), copy=False)).view(WORDS[dtype])


def decode(words: Array, dtype: str) -> Array:
    """Turn words of a format back into numbers: float64 for ``float64``, whole ones for themselves, else float32.

    Examples
    --------
    >>> decode(np.array([0x3F80, 0x4974], np.uint16), "bfloat16")
    array([1.00000e+00, 9.99424e+05], dtype=float32)
    """
    words = np.ascontiguousarray(words, WORDS[dtype])
    if dtype == "bfloat16":
        return (words.astype(np.uint32) << np.uint32(16)).view(np.float32)
    numbers = words.view(np.dtype(dtype).newbyteorder("<"))
    if dtype in WHOLE:
        return numbers
    return numbers.astype(np.float64 if dtype == "float64" else np.float32, copy=False)


def _bfloat16(values: Array) -> Array:
    bits = _to_odd(values) if values.dtype == np.float64 else np.ascontiguousarray(values).view(np.uint32)
    is_nan = (bits & np.uint32(0x7FFFFFFF)) > np.uint32(0x7F800000)
    with np.errstate(over="ignore"):
        rounded = (bits + np.uint32(0x7FFF) + (bits >> np.uint32(16) & np.uint32(1))) >> np.uint32(16)
    quiet = bits >> np.uint32(16) | np.uint32(0x40)
    return np.where(is_nan, quiet, rounded).astype(WORDS["bfloat16"])


def _to_odd(values: Array) -> Array:
    """Bits of float32 numbers on the way to a narrower format: inexact ones end in 1, so that no tie is made up."""
    with np.errstate(over="ignore", under="ignore", invalid="ignore"):
        near = values.astype(np.float32)
        bits = near.view(np.uint32)
        back = near.astype(np.float64)
        inexact = (back != values) & (bits & np.uint32(1) == 0) & ~np.isnan(values)
        too_large = np.abs(back) > np.abs(values)
    return np.where(inexact, np.where(too_large, bits - np.uint32(1), bits + np.uint32(1)), bits)

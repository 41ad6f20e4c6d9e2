"""Narrow number formats that a port may compute in: float16, bfloat16, tf32, int8; to nearest or toward zero."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from refnet.arrays import Array
from refnet.golden.dtypes import decode, encode

TF32_DROPPED = 13  # of the 23 bits of a float32's fraction
BFLOAT16_DROPPED = 16


def nearest(x: Array, dtype: str) -> Array:
    """Round to a format of ``refnet.golden.dtypes``, ties to even.

    Examples
    --------
    >>> nearest(np.array([1.001, 1e6], np.float32), "float16").tolist()
    [1.0009765625, inf]
    """
    return decode(encode(x, dtype), dtype)


def tf32(x: Array) -> Array:
    """Round to 10 bits of fraction with float32's range, ties away from zero, as NVIDIA's cvt.rna does.

    Examples
    --------
    >>> tf32(np.array([1.0006], np.float32)).tolist()
    [1.0009765625]
    """
    bits = x.astype(np.float32).view(np.uint32)
    return cut((bits + np.uint32(1 << (TF32_DROPPED - 1))).view(np.float32), TF32_DROPPED)


def cut(x: Array, dropped: int) -> Array:
    """Set the last bits of float32 numbers to zero: rounding toward zero.

    Examples
    --------
    >>> cut(np.array([1.9, -1.9], np.float32), 16).tolist()
    [1.8984375, -1.8984375]
    """
    bits = x.astype(np.float32).view(np.uint32)
    return (bits >> np.uint32(dropped) << np.uint32(dropped)).view(np.float32)


def int8(x: Array) -> Array:
    """Round to 255 levels, symmetric around zero, one scale for all of x.

    Examples
    --------
    >>> int8(np.array([127.0, 0.6, -3.2])).tolist()
    [127.0, 1.0, -3.0]
    """
    return _levels(x, np.max(np.abs(x), initial=0.0))


def int8_by_channel(x: Array) -> Array:
    """Round to 255 levels, symmetric around zero, one scale for each index of the last axis.

    Examples
    --------
    >>> int8_by_channel(np.array([[127.0, 254.0], [0.6, 3.2]])).tolist()
    [[127.0, 254.0], [1.0, 4.0]]
    """
    return _levels(x, np.max(np.abs(x), axis=tuple(range(x.ndim - 1)), initial=0.0))


def _levels(x: Array, largest: Any) -> Array:
    step = np.where(largest > 0, largest / 127, 1.0)
    rounded: Array = np.rint(x / step) * step
    return rounded


#: Formats by the name that a diagnosis calls them.
FORMATS: dict[str, Callable[[Array], Array]] = {
    "float16": lambda x: nearest(x, "float16"),
    "bfloat16": lambda x: nearest(x, "bfloat16"),
    "tf32": tf32,
    "bfloat16 toward zero": lambda x: cut(x, BFLOAT16_DROPPED),
    "tf32 toward zero": lambda x: cut(x, TF32_DROPPED),
}
#: The format of refnet.comparison.judgement.verdict whose roundings are as large.
JUDGED_AS = {
    "float16": "float16",
    "bfloat16": "bfloat16",
    "tf32": "float16",
    "bfloat16 toward zero": "bfloat16",
    "tf32 toward zero": "float16",
}

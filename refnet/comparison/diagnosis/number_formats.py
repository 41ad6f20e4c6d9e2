"""Narrow number formats that a port may compute in: float16, bfloat16, tf32, int8; to nearest or toward zero."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from refnet.arrays import Array
from refnet.golden.dtypes import decode, encode

Round = Callable[[Array], Array]

TF32_DROPPED = 13  # of the 23 bits of a float32's fraction
BFLOAT16_DROPPED = 16


def float16(x: Array) -> Array:
    """Round to 10 bits of fraction, with float16's range.

    Examples
    --------
    >>> float16(np.array([1.0006, 1e6], np.float32)).tolist()
    [1.0009765625, inf]
    """
    with np.errstate(over="ignore"):
        return x.astype(np.float16).astype(np.float32)


def bfloat16(x: Array) -> Array:
    """Round to 7 bits of fraction with float32's range, ties to even.

    Examples
    --------
    >>> bfloat16(np.array([1.005], np.float32)).tolist()
    [1.0078125]
    """
    bits = np.ascontiguousarray(x, np.float32).view(np.uint32)
    half = np.uint32((1 << (BFLOAT16_DROPPED - 1)) - 1) + (bits >> np.uint32(BFLOAT16_DROPPED) & np.uint32(1))
    return cut((bits + half).view(np.float32), BFLOAT16_DROPPED)


def nearest(x: Array, dtype: str) -> Array:
    """Round to a format of ``refnet.golden.dtypes``, ties to even; NaN stays NaN."""
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


def _away(x: Array) -> Array:
    return np.sign(x) * np.floor(np.abs(x) + 0.5)


#: How a number between two of a grid is rounded.
DIRECTIONS: dict[str, Round] = {
    "to nearest": np.rint,
    "down (floor)": np.floor,
    "toward zero (truncated)": np.trunc,
    "up (ceiling)": np.ceil,
    "to nearest, ties away from zero": _away,
    "to nearest, ties up": lambda x: np.floor(x + 0.5),
    "away from zero": lambda x: np.sign(x) * np.ceil(np.abs(x)),
    "to odd": lambda x: np.where(x == np.floor(x), x, 2 * np.floor(x / 2) + 1),
}


@dataclass(frozen=True)
class Grid:
    """Rounding to evenly spaced numbers, from the lowest to the highest of them.

    Examples
    --------
    >>> Grid(0.25, "down (floor)", high=1.0)(np.array([0.3, -0.3, 7.0])).tolist()
    [0.25, -0.5, 1.0]
    """

    step: Any  # one for all numbers, or for each channel
    direction: str = "to nearest"
    low: float = -np.inf
    high: float = np.inf

    def __call__(self, x: Array) -> Array:
        """Round."""
        on_grid: Array = DIRECTIONS[self.direction](x / self.step) * self.step
        return np.clip(on_grid, self.low, self.high) if np.isfinite([self.low, self.high]).any() else on_grid


@dataclass(frozen=True)
class ByChance:
    """Stochastic rounding to multiples of a number: up or down, the nearer the more often. Called, it takes the nearer.

    Examples
    --------
    >>> both = ByChance(0.5)
    >>> both.down(np.array([0.7])).tolist(), both.up(np.array([0.7])).tolist()
    ([0.5], [1.0])
    """

    step: float

    def __call__(self, x: Array) -> Array:
        """Round to the nearer."""
        return self._by(np.rint, x)

    def down(self, x: Array) -> Array:
        """Round to the lower."""
        return self._by(np.floor, x)

    def up(self, x: Array) -> Array:
        """Round to the higher."""
        return self._by(np.ceil, x)

    def _by(self, turn: Round, x: Array) -> Array:
        return turn(x / self.step) * self.step


def floats(kept: int, direction: str) -> Round:
    """Round to floats with so many bits of fraction.

    Examples
    --------
    >>> floats(2, "toward zero (truncated)")(np.array([1.9, -0.99])).tolist()
    [1.75, -0.875]
    """
    turn = DIRECTIONS[direction]

    def apply(x: Array) -> Array:
        mantissa, exponent = np.frexp(x.astype(np.float64))
        rounded: Array = np.ldexp(turn(mantissa * 2.0 ** (kept + 1)), exponent - kept - 1)
        return rounded

    return apply


#: Formats by the name that a diagnosis calls them.
FORMATS: dict[str, Round] = {
    "float16": float16,
    "bfloat16": bfloat16,
    "tf32": tf32,
    "bfloat16 toward zero": lambda x: cut(x, BFLOAT16_DROPPED),
    "tf32 toward zero": lambda x: cut(x, TF32_DROPPED),
}

"""Numbers for sentences, and least squares."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from refnet.arrays import Array

NICE = (0.0, 1.0, -1.0, 2.0, 0.5, -0.5, 3.0, 0.25, 0.75, 1.5, 4.0)


def fit(columns: Sequence[Array], wanted: Array) -> tuple[Array, float]:
    """Factors of the columns whose sum is nearest to what is wanted, and the rms of what is left."""
    a = np.stack([np.ravel(column) for column in columns], -1).astype(np.float64)
    b = np.ravel(wanted).astype(np.float64)
    sizes = np.sqrt(np.square(a).sum(0))
    sizes[sizes == 0] = 1
    a = a / sizes
    factors: Array = np.linalg.lstsq(a.T @ a, a.T @ b, rcond=1e-14)[0]
    rest = b - a @ factors
    return factors / sizes, float(np.sqrt(np.square(rest).mean()))


def nice(value: float, tolerance: float = 2e-3) -> float:
    """Round to a number that people write, if one is near: 0, 1, a half, a power of two, one of few digits.

    Examples
    --------
    >>> nice(0.99999), nice(-0.5001), nice(0.8000004), nice(0.123456789)
    (1.0, -0.5, 0.8, 0.123456789)
    """
    if not np.isfinite(value):
        return value
    for known in NICE:
        if abs(value - known) <= tolerance * max(abs(known), 1):
            return known
    for digits in range(1, 5):
        short = float(f"{value:.{digits}g}")
        if abs(value - short) <= tolerance * 1e-2 * abs(value):
            return short
    power = 2.0 ** np.rint(np.log2(abs(value))) * np.sign(value)
    return float(power) if abs(value - power) <= tolerance * 1e-2 * abs(value) else value


#: Numbers that mean something, and what.
CONSTANTS = (
    (math.log(2), "ln 2"), (1 / math.log(2), "1 / ln 2"), (math.log(10), "ln 10"), (1 / math.log(10), "1 / ln 10"),
    (math.pi, "pi"), (math.e, "e"), (math.sqrt(2), "the square root of 2"),
)  # fmt: skip


def said_number(value: float) -> str:
    """Write a number; of those that mean something, say what.

    Examples
    --------
    >>> said_number(0.25), said_number(-0.693147)
    ('0.25', '-0.693147 (-ln 2)')
    """
    sign = "-" if value < 0 else ""
    meaning = next((f" ({sign}{words})" for number, words in CONSTANTS if abs(abs(value) / number - 1) < 1e-4), "")
    return f"{value:.6g}{meaning}"


def listed(items: Sequence[object], most: int = 8) -> str:
    """Name the first of many."""
    words = ", ".join(map(str, items[:most]))
    return f"{words}, … ({len(items)} in all)" if len(items) > most else words

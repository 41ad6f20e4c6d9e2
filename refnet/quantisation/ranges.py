"""From what was seen of a tensor to the range that its codes are to cover, and from a range to a scale.

Nothing here depends on the machine: what is added up are whole numbers, or ``math.fsum`` adds it, which rounds once.
"""

from __future__ import annotations

import math
from fractions import Fraction
from typing import Literal, NamedTuple, get_args

import numpy as np

from refnet.arrays import Array
from refnet.errors import InputError
from refnet.preprocessing.normalise import Normalisation, normalise
from refnet.quantisation.observed import Observed
from refnet.reference.integers.fixed_point import half_away
from refnet.reference.integers.quantisation import Quantisation

Method = Literal["min-max", "percentile", "mse"]
METHODS: tuple[Method, ...] = get_args(Method)
PERCENTILE = 99.99
STEPS = 64  # that an end is moved in, from the outermost number to 0, to find the least squared error
CODES = 256


class Range(NamedTuple):
    """Real numbers that codes cover; 0 is one of them."""

    low: float
    high: float


def find_range(seen: Observed, method: Method, percentile: float = PERCENTILE) -> Range:
    """The range of a tensor by a method.

    ``min-max``: all that was seen. ``percentile``: as narrow as leaves that share of the numbers within, at each end.
    ``mse``: with the least expected squared error.

    Examples
    --------
    >>> seen = Observed(counting=True)
    >>> seen.add(np.array([100.0, *[1.0] * 99_999], np.float32))
    >>> find_range(seen, "min-max"), find_range(seen, "percentile")
    (Range(low=0.0, high=100.0), Range(low=0.0, high=1.00390625))
    """
    if method == "min-max":
        return Range(seen.low, seen.high)
    if method == "percentile":
        beyond = math.floor(int(seen.counts.sum()) * (1 - Fraction(str(percentile)) / 100))
        return Range(seen.end(beyond, low=True), seen.end(beyond))
    return _least_squares(seen)


def check_percentile(percentile: float) -> float:
    """Refuse a share that leaves no range.

    Examples
    --------
    >>> check_percentile(99.9)
    99.9
    """
    number = isinstance(percentile, int | float) and not isinstance(percentile, bool)
    if not (number and 50 < percentile <= 100):
        raise InputError(f"percentile {percentile!r:.80}: want a number above 50, at most 100, such as {PERCENTILE}")
    return percentile


def scale_of(low: float, high: float) -> Quantisation:
    """The codes of a range: 255 steps, with 0 on one of them; of an empty range steps of 1.

    Examples
    --------
    >>> scale_of(0.0, 6.0)
    Quantisation(scale=np.float32(0.023529412), zero_point=-128, dtype='int8')
    """
    scale = np.float32((high - low) / (CODES - 1)) or np.float32(1)
    zero_point = int(half_away(-CODES / 2 - low / np.float64(scale)))
    return Quantisation(scale, min(max(zero_point, -128), 127))


def of_pixels(normalisation: Normalisation, channels: int) -> Range:
    """The range of a network's input: what a recipe makes of pixels from 0 to 255.

    Examples
    --------
    >>> from refnet.preprocessing.normalise import NORMALISATIONS
    >>> scale_of(*of_pixels(NORMALISATIONS["tf-lite"], 3))
    Quantisation(scale=np.float32(0.0078125), zero_point=-1, dtype='int8')
    """
    ends = normalise(np.array([[[0.0] * 3, [255.0] * 3]], np.float32), normalisation)[..., : max(channels, 1)]
    return Range(min(0.0, float(ends.min())), max(0.0, float(ends.max())))


def _least_squares(seen: Observed) -> Range:
    """Move one end after the other, the high one twice, to where the squared error is least."""
    x, counts = seen.distribution()
    low, high = seen.low, seen.high
    for _ in range(2):
        if seen.high > 0:
            ends = [seen.high * step / STEPS for step in range(STEPS, 0, -1)]
            high = min(ends, key=lambda end: squared_error(x, counts, low, end))
        if seen.low < 0:
            ends = [seen.low * step / STEPS for step in range(STEPS, 0, -1)]
            low = min(ends, key=lambda end: squared_error(x, counts, end, high))
    return Range(low, high)


def squared_error(x: Array, counts: Array, low: float, high: float) -> float:
    """The squared error of codes that cover a range, expected over numbers x that come so often.

    Within the range it is scale**2 / 12, of a rounding that is as often small as large, and none of 0; beyond, the
    square of the distance to the end.

    Examples
    --------
    >>> squared_error(np.array([0.0, 1.0, 4.0]), np.array([5, 12, 1]), 0.0, 255.0)  # 13 * 1 / 12
    1.0833333333333333
    """
    scale = (high - low) / (CODES - 1)
    within = int(counts[(x >= low) & (x <= high) & (x != 0)].sum())
    beyond = np.maximum(x - high, low - x)
    out = beyond > 0
    return math.fsum([within * (scale * scale / 12), *(counts[out] * beyond[out] * beyond[out]).tolist()])

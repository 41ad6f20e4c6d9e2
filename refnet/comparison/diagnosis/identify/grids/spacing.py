"""Spacing: the distance of evenly spaced numbers, estimated from values that lie on such a grid."""

from __future__ import annotations

import numpy as np

from refnet.arrays import Array

MOST = 1 << 16  # values that are looked at
FEWEST = 3  # levels, below which any numbers lie on a grid
PARTS = (1, 2, 3, 4, 5, 6, 8)  # of the smallest gap that is seen: no two values need be neighbours on the grid
NEAR = 0.04  # of the distance: how far from a grid's numbers values may be
POWERS = range(-20, 4)
PHASE = 0.9  # of 1: from which on the values' phases on a grid are one
ROUGHLY = 0.8  # the same, of every so many-th value
EVERY = 8


def spacing(values: Array, blur: float = 0.0) -> float:
    """Find the largest distance of a grid that values lie on; 0 if there is none. ``blur`` is how exact they are.

    Examples
    --------
    >>> spacing(np.array([0.25, 1.5, -0.75, 1.0]))
    0.25
    >>> spacing(np.sqrt(np.arange(1.0, 100.0)))
    0.0
    """
    some = np.ravel(values)[:: max(values.size // MOST, 1)].astype(np.float64)
    largest = float(np.max(np.abs(some), initial=0.0))
    if not largest or not np.isfinite(largest):
        return 0.0
    blur = max(blur, 2.0**-23 * largest)
    return max(_refined(some, step, blur) for step in (*_by_gaps(some, blur), *_by_phase(some, blur), 0.0))


def _by_gaps(values: Array, blur: float) -> list[float]:
    """The smallest gap between values, and parts of it."""
    ordered = np.unique(np.abs(values))
    starts = np.flatnonzero(np.diff(ordered, prepend=-np.inf) > 2 * blur)
    levels = np.add.reduceat(ordered, starts) / np.diff(np.append(starts, len(ordered)))  # of each cluster its mean
    gaps = np.diff(np.append(0.0, levels[levels > 2 * blur]))
    if len(gaps) < FEWEST:
        return []
    smallest = float(np.min(gaps))
    return [smallest / parts for parts in PARTS]


def _by_phase(values: Array, blur: float) -> list[float]:
    """The largest power of two whose multiples nearly all values are."""
    for power in reversed(POWERS):
        step = 2.0**power
        if step <= 8 * blur:
            break
        if _phase(values[::EVERY], step) > ROUGHLY and _phase(values, step) > PHASE and np.ptp(values) > 2 * step:
            return [step]
    return []


def _phase(values: Array, step: float) -> float:
    """How nearly the values' phases on a grid are one: 1 if they are, 0 if they may be any."""
    return float(np.abs(np.exp(2j * np.pi * values / step).mean()))


def _refined(values: Array, step: float, blur: float) -> float:
    """The distance to more digits, from small values to large ones; 0 if the values do not lie on its grid."""
    if step <= 8 * blur:
        return 0.0
    sizes = np.abs(values)
    reach, largest = 4 * step, float(sizes.max())
    while True:
        here = sizes[sizes <= reach]
        turns = np.rint(here / step)
        if turns.any():
            step = float((here * turns).sum() / np.square(turns).sum())
        if reach >= largest:
            break
        reach *= 4
    off = np.abs(sizes / step - np.rint(sizes / step))
    power = 2.0 ** np.rint(np.log2(step))
    step = float(power) if abs(step / power - 1) < 1e-6 else step
    return step if np.mean(off < NEAR + blur / step) > PHASE else 0.0

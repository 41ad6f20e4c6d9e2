"""Tables: an activation that is looked up, at the nearest entry, at the one below, or on a line between two."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from itertools import product

import numpy as np

from refnet.arrays import Array

Curve = Callable[[Array], Array]
ENDS = (8.0, 6.0, 4.0, 5.0, 10.0, 3.0, 16.0, 7.0, 12.0, 2.0)
ENTRIES = tuple(2**power + more for power in range(3, 13) for more in (0, 1))
NEAR = 0.06  # relative, between an estimated distance of entries and one of a table that is tried
FEWEST = 64
JUMP = 3e-5  # of the range of y, from which on it is one


def tables(x: Array, y: Array, function: Curve) -> Iterator[tuple[str, Curve]]:
    """Tables of a function whose entries lie as far apart as a scatter shows: in words, and as a function."""
    if len(x) < FEWEST:
        return
    steps, chords = _by_steps(x, y), _by_curvature(x, y, function)
    for apart, ways in ((steps, ("nearest", "below")), (chords, ("line",))):
        if not apart:
            continue
        for (low, high), entries, way in product(_ranges(), ENTRIES, ways):
            for points in (entries, entries + 1):
                if abs((high - low) / (points - 1) / apart - 1) < NEAR:
                    at = np.linspace(low, high, points)[:entries]
                    yield _said(way, at), _looked_up(at, function, way)


def _ranges() -> Iterator[tuple[float, float]]:
    for end in ENDS:
        yield -end, end
        yield 0.0, end


def _said(way: str, at: Array) -> str:
    how = {
        "nearest": "the nearest is taken",
        "below": "the one below is taken (floor)",
        "line": "on a line between two",
    }
    distance = f"{at[1] - at[0]:.6g} apart"
    return (
        f"a lookup table of {len(at)} entries from {at[0]:.6g} to {at[-1]:.6g}, {distance}, {how[way]} ({_KIND[way]})"
    )


_KIND = {"nearest": "no interpolation", "below": "no interpolation", "line": "linear interpolation"}


def _looked_up(at: Array, function: Curve, way: str) -> Curve:
    values = function(at)
    if way == "line":
        return lambda x: np.interp(x, at, values).astype(x.dtype)
    turn = np.rint if way == "nearest" else np.floor

    def look_up(x: Array) -> Array:
        place = turn((x - at[0]) / (at[1] - at[0]))
        return np.asarray(values[np.clip(place, 0, len(at) - 1).astype(int)], x.dtype)

    return look_up


def _by_steps(x: Array, y: Array) -> float:
    """The distance of entries, where y is constant between jumps; 0 if it is not."""
    order = np.argsort(x, kind="stable")
    x, y = x[order], y[order]
    jumps = np.flatnonzero(np.abs(np.diff(y)) > JUMP * np.ptp(y))
    if not 4 < len(jumps) < len(x) / 4:
        return 0.0
    at = (x[jumps] + x[jumps + 1]) / 2
    gaps = np.diff(at)
    apart = float(np.median(gaps))
    if not apart:
        return 0.0
    steps = np.cumsum(np.maximum(np.rint(gaps / apart), 1))
    return float((at[-1] - at[0]) / steps[-1])


def _by_curvature(x: Array, y: Array, function: Curve) -> float:
    """The distance of entries by how far chords lie from the function: an eighth of its square, times the curvature."""
    small = 1e-3
    curvature = (function(x + small) - 2 * function(x) + function(x - small)) / small**2
    there = np.abs(curvature) > 0.3 * np.abs(curvature).max()
    if not there.any():
        return 0.0
    square = 8 * np.quantile(((y - function(x)) / curvature)[there], 0.99)
    return float(np.sqrt(square)) if square > 0 else 0.0

"""Ties: a computation that rounds inside gives one number or its neighbour where roundings before it decide which."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from itertools import product
from typing import Any

import numpy as np

from refnet.arrays import Array
from refnet.comparison.diagnosis.computation import Computation, evaluate, finish, total
from refnet.comparison.diagnosis.number_formats import FORMATS, ByChance, Round
from refnet.comparison.judgement.verdict import MAX_FACTOR, RMS_FACTOR, noise_floor, rms

INSIDE = ("between", "sums", "normed", "result")  # places of Precision whose numbers roundings before them may move
NUDGE = 2.0**-20  # relative, of a number and of its channel: what other orders of roundings may move it by


def rounds(c: Computation) -> bool:
    """Whether a computation rounds numbers that it has made itself."""
    return any(getattr(c.precision, place) for place in INSIDE)


def is_by_chance(c: Computation) -> bool:
    """Whether chance says to which side it rounds."""
    return any(isinstance(getattr(c.precision, place), ByChance) for place in INSIDE)


def agrees(c: Computation, wanted: Array, part: Array | None, dtype: str, terms: int) -> bool:
    """Whether each number is what the computation gives, or, near a tie, what it gives on the other side.

    What is left is held against what float32 leaves of the same: no slack is as large as the distance of a grid.
    """
    mine, theirs = distance(c, evaluate(c, np.float32)), distance(c, wanted)
    if part is not None:
        mine, theirs, wanted = mine[part], theirs[part], wanted[part]
    if not np.isfinite(theirs).all():
        return False
    truth = wanted.astype(np.float64)
    floor = noise_floor(truth + mine, truth, dtype, terms)
    return rms(theirs) <= RMS_FACTOR * floor.rms and float(theirs.max()) <= MAX_FACTOR * floor.largest


def distance(c: Computation, x: Array) -> Array:
    """How far each number is from the nearest that the computation may give; infinite for another shape."""
    left = np.full(x.shape, np.inf)
    for result in _sides(c):
        if result.shape != x.shape:
            break
        with np.errstate(invalid="ignore"):
            np.fmin(left, np.abs(x - result), out=left)
    return left


def _sides(c: Computation) -> Iterator[Array]:
    """The results in float64, and those with the numbers before each rounding a little less or greater."""
    places = [place for place in INSIDE if getattr(c.precision, place)]
    x = total(c, np.float64)
    for signs in product((0, -1, 1), repeat=len(places)):
        moved: dict[str, Any] = {
            place: _moved(getattr(c.precision, place), sign) for place, sign in zip(places, signs, strict=True) if sign
        }
        with np.errstate(all="ignore"):
            yield finish(replace(c, precision=replace(c.precision, **moved)), x, np.float64)


def _moved(rounding: str | Round, sign: int) -> Round:
    """The same rounding of numbers that are a little less or greater; by chance, that is to either side."""
    turn = FORMATS[rounding] if isinstance(rounding, str) else rounding
    if isinstance(turn, ByChance):
        return turn.up if sign > 0 else turn.down

    def moved(x: Array) -> Array:
        axes = tuple(range(x.ndim - 1))
        size = np.abs(x) + np.sqrt(np.square(x).mean(axes, keepdims=True))
        return turn(x + sign * NUDGE * size)

    return moved

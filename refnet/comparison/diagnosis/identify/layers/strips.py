"""Strips: a result that is computed in strips or tiles, each with something else around it than its neighbours."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from itertools import product
from typing import NamedTuple

import numpy as np

from refnet.architecture.padding import NO_PADS
from refnet.arrays import Array
from refnet.comparison.diagnosis.computation import Computation, evaluate, total
from refnet.comparison.diagnosis.mistakes import Mistake, Situation
from refnet.comparison.diagnosis.trial import Trial
from refnet.comparison.judgement.verdict import rms

LARGEST = 1 << 23  # numbers of a result that is computed whole, strip by strip
USUAL = (1, 2, 3, 4, 5, 6, 7, 8, 16, 32)  # heights of strips
FITS = 0.02  # of the error, that strips may leave in the sample
_Rule = Callable[[Array, int, int, int], Array]  # of lines, a strip's first, its last, its height: what is read


class Halo(NamedTuple):
    """What is read before and behind a strip, in words and as rules; None where it is right.

    ``outside`` says whether the rule also holds around the picture, instead of zeros.
    """

    words: str
    before: _Rule | None
    behind: _Rule | None
    outside: bool = False


def _zeros(lines: Array, first: int, last: int, height: int) -> Array:
    return np.full_like(lines, -1)


def _edge(lines: Array, first: int, last: int, height: int) -> Array:
    return np.clip(lines, first, last)


def _mirror(lines: Array, first: int, last: int, height: int) -> Array:
    return np.clip(np.where(lines < first, 2 * first - lines, 2 * last - lines), first, last)


def _stale(lines: Array, first: int, last: int, height: int) -> Array:
    """What stood in the same lines of the buffer when the strip before was computed."""
    return lines - height


_RULES: dict[str, _Rule] = {
    "zeros": _zeros,
    "its border repeated": _edge,
    "a mirror of it": _mirror,
    "stale lines, those of the strip before,": _stale,
}


def halos() -> Iterator[Halo]:
    """The same on both sides, or on one."""
    for words, rule in _RULES.items():
        yield Halo(f"{words} around it", rule, rule)
        yield Halo(f"{words} before it (above, left)", rule, None)
        yield Halo(f"{words} behind it (below, right)", None, rule)
    for words in ("its border repeated", "a mirror of it"):
        yield Halo(f"{words} around it, also around the picture,", _RULES[words], _RULES[words], outside=True)


def strips(s: Situation, trial: Trial) -> Iterator[Mistake]:
    """Strips or tiles whose borders are wrong."""
    c = trial.sample
    if c.op not in ("convolution", "depthwise") or s.step.kernel == 1 or len(s.step.shape) != 3:
        return
    truth = evaluate(c, np.float64)
    if truth.shape != trial.seen.shape or trial.actual.size > LARGEST:
        return
    error = trial.seen - truth
    limit = FITS * rms(error if trial.asked is None else error[trial.asked])
    for (height, width), halo in product(_sizes_of(s, error, truth), halos()):
        made = evaluate(in_strips(c, (height, width), halo), np.float64)
        left = trial.seen - made
        if rms(left if trial.asked is None else left[trial.asked]) <= limit:
            yield _mistake(s, (height, width), halo)


def usual_strips(s: Situation) -> Iterator[Mistake]:
    """Guesses: strips of usual heights, with zeros around them."""
    if s.right.op in ("convolution", "depthwise") and s.step.kernel > 1:
        for height, halo in product(USUAL, list(halos())[:1]):
            if height < s.step.shape[0]:
                yield _mistake(s, (height, s.step.shape[1]), halo)


def _mistake(s: Situation, size: tuple[int, int], halo: Halo) -> Mistake:
    (height, width), (H, W, _) = size, s.step.shape
    what = f"tiles of {height} × {width}"
    if width == W or height == H:
        what = f"strips of {height} rows" if width == W else f"strips of {width} columns"
    words = f"it is computed in {what}, each with {halo.words} instead of its neighbours' numbers (halo)"
    return Mistake("strips-apart", words, in_strips(s.right, size, halo))


def _sizes_of(s: Situation, error: Array, truth: Array) -> Iterator[tuple[int, int]]:
    """Heights and widths whose borders alone are wrong."""
    H, W, _ = s.step.shape
    wrong: Array = np.any(np.abs(error) > 1e-3 * (rms(truth) or 1.0), (0, 3))
    rows, columns = np.flatnonzero(wrong.any(1)), np.flatnonzero(wrong.any(0))
    whole_rows, whole_columns = len(rows) == H, len(columns) == W
    heights = [H] if whole_rows and not whole_columns else _sizes(rows, H)
    widths = [W] if whole_columns and not whole_rows else _sizes(columns, W)
    if whole_rows and whole_columns:  # a grid of tiles: lines that are wrong all along
        heights, widths = (_sizes(np.flatnonzero(wrong.mean(axis) > 0.9), side) for axis, side in ((1, H), (0, W)))
    yield from (size for size in product(heights[:3], widths[:3]) if size != (H, W))


def _sizes(wrong: Array, length: int) -> list[int]:
    """Lengths of strips whose borders alone are wrong, up to the last wrong one: a port may have written a piece."""
    found = [length]
    if len(wrong) > 4 and np.ptp(wrong) < len(wrong):
        return found  # one stretch
    for size in range(1, length):
        near = np.isin(wrong % size, [0, 1, size - 2, size - 1]) | (wrong >= length - 2)
        starts = np.arange(size, min(length, wrong.max(initial=0) + 2), size)
        if len(wrong) and near.all() and (np.isin(starts, wrong) | np.isin(starts - 1, wrong)).all():
            found.append(size)
    return found[::-1] if len(found) > 1 else found


def in_strips(c: Computation, size: tuple[int, int], halo: Halo) -> Computation:
    """Compute tiles of the result one by one."""
    k = 1 if c.kernel is None else c.kernel.shape[0]

    def combine(x: Array) -> Array:
        return np.concatenate([line(x, lines(x, 1, rows)) for rows in starts(x, 1)], 1)

    def line(x: Array, rows: Array) -> Array:
        return np.concatenate([tile(x, rows, lines(x, 2, columns)) for columns in starts(x, 2)], 2)

    def starts(x: Array, axis: int) -> range:
        return range(0, length_of(x, axis), size[axis - 1])

    def length_of(x: Array, axis: int) -> int:
        """Of the result."""
        around = c.pads[:2] if axis == 1 else c.pads[2:]
        return int(x.shape[axis] + sum(around) - k) // c.stride + 1

    def lines(x: Array, axis: int, start: int) -> Array:
        """Places that are read for the strip that begins with one line of the result; -1 is zero."""
        length = x.shape[axis]
        count = min(size[axis - 1], length_of(x, axis) - start)
        begin = start * c.stride - (c.pads.top if axis == 1 else c.pads.left)
        read = begin + np.arange((count - 1) * c.stride + k)
        first, last = start * c.stride, min((start + size[axis - 1]) * c.stride, length) - 1
        outside = (read < 0) | (read >= length)
        found = np.where(outside, -1, read)
        if size[axis - 1] >= length_of(x, axis):
            return found
        height = size[axis - 1] * c.stride
        for rule, there in ((halo.before, read < first), (halo.behind, read > last)):
            if rule is not None:
                found = np.where(there & (halo.outside | ~outside), rule(read, first, last, height), found)
        return np.where(found >= length, -1, found)

    def tile(x: Array, rows: Array, columns: Array) -> Array:
        seen = x[:, np.maximum(rows, 0)][:, :, np.maximum(columns, 0)]
        seen[:, rows < 0] = 0
        seen[:, :, columns < 0] = 0
        plain = replace(c, inputs=(seen,), pads=NO_PADS, combine=None, combines_channels=False)
        return total(plain, x.dtype.type)

    return replace(c, combine=combine, combines_channels=True)

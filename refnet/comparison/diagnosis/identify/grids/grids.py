"""Grids: results, or what stood inside the step, rounded to evenly spaced numbers, to few bits, or by chance."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any

import numpy as np

from refnet.arrays import Array
from refnet.comparison.diagnosis.computation import Computation, Precision, evaluate
from refnet.comparison.diagnosis.identify.grids.spacing import spacing
from refnet.comparison.diagnosis.identify.inverse import Inside, levels
from refnet.comparison.diagnosis.mistakes import Mistake, Situation
from refnet.comparison.diagnosis.number_formats import DIRECTIONS, ByChance, Grid, Round, floats
from refnet.comparison.diagnosis.trial import Trial

ENOUGH = 64
FOR_CHANCE = 256  # numbers that show whether chance rounds them
BINS = 8
BLUR = 2.0**-20  # relative, of what is inverted
FRACTION = 23  # bits of a float32's


def grids(s: Situation, trial: Trial) -> Iterator[Mistake]:
    """Results on a grid, sums or what is activated on one, floats of few bits."""
    truth = evaluate(trial.sample, np.float64)
    if truth.shape != trial.seen.shape or trial.seen.size < ENOUGH or trial.before == 0:
        return
    known = np.ones(truth.shape, bool) if trial.asked is None else trial.asked
    yield from _on_grids(s.right, "result", "the results", Inside(trial.seen, known, truth), 0.0)
    yield from _floats(s.right, trial)
    for at, words, inside in levels(trial):
        if np.count_nonzero(inside.known) < ENOUGH:
            continue
        blur = BLUR * float(np.max(np.abs(inside.values[inside.known]), initial=0.0))
        yield from _on_grids(s.right, at, words, inside, blur)


def in_words(step: float) -> str:
    """Say a distance.

    Examples
    --------
    >>> in_words(0.25), in_words(0.3)
    ('multiples of 2^-2 (0.25)', 'multiples of 0.3')
    """
    power = np.log2(step)
    if abs(power - np.rint(power)) < 1e-6:
        return f"multiples of 2^{int(np.rint(power))} ({step:.6g})"
    return f"multiples of {step:.6g}"


def _on_grids(c: Computation, at: str, words: str, inside: Inside, blur: float) -> Iterator[Mistake]:
    values, right = inside.values[inside.known], inside.right[inside.known]
    name = "fixed-point result" if at == "result" else "fixed-point inside"
    low, high = float(values.min()), float(values.max())
    if step := spacing(values, blur):
        grid = in_words(step)
        low, high = (float(np.rint(end / step) * step) for end in (low, high))
        is_bounded = right.max() > high + step or right.min() < low - step
        looked_up = " (a lookup table of the activation would do the same)" if at == "normed" else ""
        for direction in DIRECTIONS:
            text = f"{words} are rounded to {grid}, {direction}{looked_up}"
            yield Mistake(name, text, _with(c, at, Grid(step, direction)))
            if is_bounded:
                text += f", and saturated between {low:.6g} and {high:.6g} ({_bits(low, high, step)})"
                yield Mistake(name, text, _with(c, at, Grid(step, direction, low, high)))
            if is_bounded and (bits := _wraps(low, high, step)):
                text = f"{words} are rounded to {grid}, {direction}, and wrap around at {bits} bits (overflow)"
                yield Mistake(name, text, _with(c, at, _wrapped(Grid(step, direction), step * 2.0**bits)))
        if _is_by_chance(values / step, right / step, np.abs(right).max() * BLUR / step):
            text = f"{words} are rounded to {grid} by chance, up or down (stochastic rounding)"
            yield Mistake("stochastic rounding", text, _with(c, at, ByChance(step)))


def _with(c: Computation, at: str, rounding: Callable[[Array], Array]) -> Computation:
    where: dict[str, Any] = {at: rounding}
    return replace(c, precision=Precision(**where))


def _bits(low: float, high: float, step: float) -> str:
    return f"{round(low / step)} to {round(high / step)} steps"


def _wraps(low: float, high: float, step: float) -> int:
    """How many bits hold the range of values; 0 if it does not nearly fill them."""
    span = max(-low, high + step) / step
    bits = int(np.ceil(np.log2(span) - 1e-9)) + 1
    return bits if 2.0 ** (bits - 1) < 1.1 * span else 0


def _wrapped(grid: Grid, modulus: float) -> Round:
    return lambda x: np.mod(grid(x) + modulus / 2, modulus) - modulus / 2


def _is_by_chance(levels_: Array, right: Array, blur: float) -> bool:
    """Whether each number is one of its two neighbours on the grid, the higher as often as it is nearer to that."""
    below = np.floor(right)
    inner = (right - below > blur) & (right - below < 1 - blur)
    up, share = (np.rint(levels_) - below)[inner], (right - below)[inner]
    if len(up) < FOR_CHANCE or not np.isin(up, (0, 1)).all():
        return False
    bins = np.minimum((share * BINS).astype(int), BINS - 1)
    count, expected, found = (np.bincount(bins, weights, BINS) for weights in (0 * share + 1, share, up))
    variance = np.bincount(bins, share * (1 - share), BINS)
    square = np.square(found - expected)[count > 0] / np.maximum(variance[count > 0], 1e-9)
    return bool(square.sum() <= BINS + 4 * np.sqrt(2 * BINS))


def _floats(c: Computation, trial: Trial) -> Iterator[Mistake]:
    """Results whose last bits are zero: floats of as many bits as are left."""
    seen = trial.seen if trial.asked is None else trial.seen[trial.asked]
    bits = np.bitwise_or.reduce(np.ascontiguousarray(seen, np.float32).view(np.uint32).ravel())
    kept = next((FRACTION - bit for bit in range(FRACTION) if bits >> bit & 1), 0)
    if 0 < kept < FRACTION - 2:
        for direction in DIRECTIONS:
            words = f"the results are rounded to floats of {kept} bits of fraction, {direction}"
            yield Mistake("narrow float", words, _with(c, "result", floats(kept, direction)))

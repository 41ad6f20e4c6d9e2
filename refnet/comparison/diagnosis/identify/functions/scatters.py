"""Scatters: which function a port takes of one operand of a sum or product, or of the right result."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace

import numpy as np

from refnet.arrays import Array
from refnet.comparison.diagnosis.computation import Precision, evaluate
from refnet.comparison.diagnosis.identify.functions.families import of_families
from refnet.comparison.diagnosis.identify.grids.grids import in_words
from refnet.comparison.diagnosis.identify.grids.spacing import spacing
from refnet.comparison.diagnosis.mistakes import Mistake, Situation
from refnet.comparison.diagnosis.number_formats import DIRECTIONS, Grid
from refnet.comparison.diagnosis.trial import Trial

Curve = Callable[[Array], Array]
SMALL = 0.05  # of an operand's size: what is not divided by
FEWEST = 64


def scatters(s: Situation, trial: Trial) -> Iterator[Mistake]:
    """A function of one operand of a sum or product, or of the right result."""
    known = np.ones(trial.seen.shape, bool) if trial.asked is None else trial.asked
    truth = evaluate(trial.sample, np.float64)
    if truth.shape != known.shape or np.count_nonzero(known) < FEWEST:
        return
    for name, words, curve in of_families(truth[known], trial.seen[known].astype(np.float64)):
        text = f"of each number x that it should be, the result is {words}"
        yield Mistake(f"result: {name}", text, replace(s.right, precision=Precision(result=curve)))
    if s.right.op in ("add", "excite") and len(s.right.inputs) == 2:
        yield from _of_operands(s, trial, known)


def _of_operands(s: Situation, trial: Trial, known: Array) -> Iterator[Mistake]:
    c, seen = s.right, trial.seen.astype(np.float64)
    wide = [np.broadcast_to(x if x.ndim == 4 else x[:, None, None], seen.shape) for x in trial.sample.inputs]
    for position, name in enumerate(s.reads[:2]):
        mine, other = wide[position], wide[1 - position]
        there = known if c.op == "add" else known & (np.abs(other) > SMALL * float(np.std(other)))
        if np.count_nonzero(there) < FEWEST:
            continue
        x = mine[there].astype(np.float64)
        taken = seen[there] - other[there] if c.op == "add" else seen[there] / other[there]
        for title, words, curve in (*_grids(taken), *of_families(x, taken)):
            text = f"of {name}, x, it takes {words}"
            yield Mistake(f"operand: {title}", text, replace(c, combine=_with(c.op, position, curve)))


def _grids(taken: Array) -> Iterator[tuple[str, str, Curve]]:
    blur = 2.0**-20 * float(np.max(np.abs(taken), initial=0.0))
    if step := spacing(taken, blur):
        for direction in DIRECTIONS:
            yield "fixed-point operands", f"what is rounded to {in_words(step)}, {direction}", Grid(step, direction)


def _with(op: str, position: int, curve: Curve) -> Callable[[Array, Array], Array]:
    def combine(x: Array, y: Array) -> Array:
        x, y = (curve(x), y) if position == 0 else (x, curve(y))
        return np.asarray(x + y if op == "add" else x * y[:, None, None])

    return combine

"""Parts: where only some places are wrong, what stands there is explained on its own."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from itertools import chain

import numpy as np

from refnet.arrays import Array
from refnet.comparison.diagnosis.computation import evaluate
from refnet.comparison.diagnosis.identify.numbers import nice
from refnet.comparison.diagnosis.mistakes import Mistake, Situation
from refnet.comparison.diagnosis.trial import Trial
from refnet.comparison.judgement.verdict import MAX_FACTOR, error_of

LARGEST = 1 << 24  # numbers of a tensor that is looked into
FULL = 0.6  # share of a plain part that is wrong
FEWEST = 32  # numbers, of which chance does not make the largest of all
WHOLE = 0.9  # share of wrong numbers, from which on it is no part


def wrong_part(s: Situation, actual: Array) -> tuple[Array | None, bool]:
    """Mask what is wrong, and whether it is plain: rows, columns, channels and pictures that cross.

    None if it is everything or nothing.
    """
    if actual.size > LARGEST:
        return None, False
    single, truth = evaluate(s.right, np.float32), evaluate(s.right, np.float64)
    if truth.shape != actual.shape:
        return None, False
    limit = MAX_FACTOR * max(error_of(single, truth).largest, float(np.abs(truth).max()) * 2.0**-22)
    with np.errstate(invalid="ignore"):
        wrong = ~(np.abs(actual - truth) <= limit)
    for part, is_plain in ((_box(wrong), True), (wrong, False)):
        if (
            part.mean() <= WHOLE
            and np.isfinite(actual[part]).any()
            and (not is_plain or wrong.sum() > FULL * part.sum())
        ):
            return part, is_plain
    return None, False


def _box(wrong: Array) -> Array:
    """The places where an index that holds anything wrong crosses others that do."""
    axes = range(wrong.ndim)
    box = np.ones(wrong.shape, bool)
    for axis in axes:
        box &= wrong.any(tuple(other for other in axes if other != axis), keepdims=True)
    return box


def place_of(part: Array) -> str:
    """Say where a part lies, if that is an end of the memory.

    Examples
    --------
    >>> place_of(np.arange(48).reshape(1, 4, 4, 3) > 40), place_of(np.eye(4) > 0)
    ('in the last 7 elements in memory (NHWC)', 'where it is wrong')
    """
    orders = {"NHWC": (0, 1, 2, 3), "NCHW": (0, 3, 1, 2)} if part.ndim == 4 else {"NC": (0, 1)}
    for order, axes in orders.items():
        flat = part.transpose(axes).reshape(-1)
        places = np.flatnonzero(flat)
        first, last = int(places[0]), int(places[-1])
        if 2 * len(places) > last + 1 - first:
            if last == flat.size - 1 and first > flat.size // 2:
                return f"in the last {flat.size - first} elements in memory ({order})"
            if first == 0 and last < flat.size // 2:
                return f"in the first {last + 1} elements in memory ({order})"
    return "where it is wrong"


def contents(s: Situation, trial: Trial) -> Iterator[Mistake]:
    """What stands in a part: one number, what another tensor holds there, an earlier state."""
    if trial.part is None:
        return
    values = trial.actual[trial.part]
    value = float(np.median(values))
    if value == 0 or (len(values) > 1 and (values == value).all()):
        yield from _cut_off(s, trial.part, value)
        words = f"{value:.6g} stands there" + (": it was not written, or cleared" if value == 0 else "")
        yield Mistake("constant", words, replace(s.right, after=lambda x: np.full_like(x, value)))
    for name, x in zip(s.reads, s.right.inputs, strict=False):
        if x.shape == trial.actual.shape and s.right.op != "none":
            what = {"excite": "the gate is not applied", "add": "the other input is not added"}
            words = f"its input {name} stands there unchanged: {what.get(s.right.op, 'the step was not computed')}"
            yield Mistake("not-computed", words, replace(s.right, times=0.0, plus=((1.0, x),)))
    if s.right.kernel is not None:
        words = "the sums are 0: nothing was multiplied and added up, and what follows the sums is right"
        yield Mistake("sums-zero", words, replace(s.right, kernel=np.zeros_like(s.right.kernel)))
    for name, other in chain(s.neighbours.items(), s.later.items()):
        if other.shape == trial.actual.shape and name not in (s.step.name, *s.reads):
            words = f"what {name} holds stands there: a buffer that was not written, or overwritten"
            yield Mistake("stale-buffer", words, replace(s.right, times=0.0, plus=((1.0, other),)))
    yield from _sums_alone(s)


def _cut_off(s: Situation, part: Array, value: float) -> Iterator[Mistake]:
    """One number where the right ones lie beyond all others: it goes by the numbers, not by the place."""
    right = evaluate(s.right, np.float64)
    there, elsewhere = right[part], right[~part]
    if len(there) < FEWEST or not len(elsewhere):
        return
    if there.min() >= elsewhere.max() > value:  # else it is a bound
        bound = nice(float(there.min()), 1e-6)
        words = f"what should be {bound:.6g} or more is {value:.6g}"
        yield Mistake("cut-off", words, replace(s.right, after=lambda x: np.where(x >= bound, value, x)))
    elif there.max() <= elsewhere.min() < value:
        bound = nice(float(there.max()), 1e-6)
        words = f"what should be {bound:.6g} or less is {value:.6g}"
        yield Mistake("cut-off", words, replace(s.right, after=lambda x: np.where(x <= bound, value, x)))


def _sums_alone(s: Situation) -> Iterator[Mistake]:
    c = s.right
    follow = {"batch norm": c.norms, "bias": c.bias is not None, c.activation: c.activation != "none"}
    if any(follow.values()):
        words = f"the sums stand there, without {' and '.join(name for name, has in follow.items() if has)}"
        yield Mistake("sums-alone", words, replace(c, norms=(), bias=None, activation="none"))
    if c.activation != "none":
        words = f"what stands before the activation stands there: no {c.activation} is applied"
        yield Mistake("not-activated", words, replace(c, activation="none"))

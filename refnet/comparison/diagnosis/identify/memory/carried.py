"""Carried over: sums and results to which those before them are added, as by accumulators that are not reset."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace

import numpy as np

from refnet.arrays import Array
from refnet.comparison.diagnosis.computation import Computation, evaluate, total
from refnet.comparison.diagnosis.identify.inverse import Inside, sums
from refnet.comparison.diagnosis.mistakes import Mistake, Situation
from refnet.comparison.diagnosis.trial import Trial
from refnet.comparison.judgement.verdict import rms

FITS = 0.02  # of the error, that may be left in the sample
_NOUNS = {4: ("picture", "row", "column", "channel"), 2: ("picture", "channel")}
_Change = tuple[str, int, Callable[[Array], Array]]  # words, the axis, and what becomes of the sums


def carried(s: Situation, trial: Trial) -> Iterator[Mistake]:
    """Accumulators that are not reset, and results that are added to those before."""
    inside = sums(trial) if s.right.kernel is not None else None
    if inside is not None:
        yield from _sums(s, trial, inside)
    right, channel = evaluate(trial.sample, np.float64), len(s.step.shape)
    if right.shape == trial.seen.shape:
        there = np.isfinite(trial.seen) if trial.asked is None else trial.asked & np.isfinite(trial.seen)
        for words, axis, change in _changes(s):
            if axis == channel or _fits(trial.seen, change(right), right, there):
                yield Mistake("result-carried", f"to each result {words}", replace(s.right, reorder=change))


def _sums(s: Situation, trial: Trial, inside: Inside) -> Iterator[Mistake]:
    channel = len(s.step.shape)
    for words, axis, change in _changes(s):
        if axis == channel or _fits(inside.values, change(inside.right), inside.right, inside.known):
            text = f"to each sum {words}: an accumulator that is not reset"
            yield Mistake("sums-carried", text, _summed(s.right, change))
    for name, other in s.neighbours.items():
        if other.shape == trial.actual.shape and name != s.step.name:
            more = other[..., trial.channels]
            if _fits(inside.values, inside.right + more, inside.right, inside.known):
                words = f"the sums begin with what {name} holds, instead of 0: an accumulator that is not reset"
                yield Mistake("sums-begin", words, _summed(s.right, lambda x, o=other: x + o))  # type: ignore[misc]


def _fits(values: Array, made: Array, right: Array, known: Array) -> bool:
    return bool(known.any()) and rms((values - made)[known]) <= FITS * rms((values - right)[known])


def carried_over(s: Situation) -> Iterator[Mistake]:
    """Guesses: the same without a look at the sums."""
    for words, _, change in _changes(s):
        if s.right.kernel is not None:
            text = f"to each sum {words}: an accumulator that is not reset"
            yield Mistake("sums-carried", text, _summed(s.right, change))
        yield Mistake("result-carried", f"to each result {words}", replace(s.right, reorder=change))


def _changes(s: Situation) -> Iterator[_Change]:
    shape = (len(s.right.inputs[0]), *s.step.shape)
    for axis, noun in enumerate(_NOUNS[len(shape)]):
        if shape[axis] > 1:
            yield f"those of all {noun}s before it are added", axis, _cumulative(axis)
            yield f"that of the {noun} before it is added", axis, _with_previous(axis)


def _cumulative(axis: int) -> Callable[[Array], Array]:
    return lambda x: np.cumsum(x, axis, dtype=x.dtype)


def _with_previous(axis: int) -> Callable[[Array], Array]:
    def change(x: Array) -> Array:
        made = np.array(x)
        later = np.moveaxis(made, axis, 0)
        later[1:] += np.moveaxis(x, axis, 0)[:-1]
        return made

    return change


def _summed(c: Computation, change: Callable[[Array], Array]) -> Computation:
    """Change all sums, before batch norm and bias."""
    return replace(c, combine=lambda x: change(total(replace(c, inputs=(x,)), x.dtype.type)), combines_channels=True)

"""Spans: which step went wrong, and how, where a port wrote no tensors between several steps.

The network is run from the tensors before the span, with one guess after another in one of its steps.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from itertools import chain
from typing import NamedTuple

import numpy as np

from refnet.architecture.step import Step
from refnet.arrays import Array
from refnet.comparison.diagnosis.computation import Computation, Float, evaluate
from refnet.comparison.diagnosis.diagnosis import Diagnosis
from refnet.comparison.diagnosis.identify.guesses import unusual, usual
from refnet.comparison.diagnosis.mistakes import Mistake, Situation
from refnet.comparison.judgement.verdict import judge, rms

BUDGET = 5e9  # multiply-adds, and numbers times 30, that are spent on one span
PER_NUMBER = 30
PER_STEP = 4e5  # what a step costs however small it is
APART = 8  # times as long as in a product of matrices takes a multiply-add of a depthwise convolution
LEAD = 0.5  # of the error, that may be left for a guess to be told
CLOSE = 0.03  # of the error, that a guess may leave before it is looked at closely


class Span(NamedTuple):
    """Steps in their order, the last of which made a port's tensor; and how to compute each from what it reads."""

    steps: Sequence[Step]
    held: Mapping[str, Array]  # what the port has before them
    computation: Callable[[Step, Sequence[Array]], Computation]
    situation: Callable[[Step, Sequence[Array], Mapping[str, Array]], Situation]  # the last: all of the span


def search_span(span: Span, actual: Array, dtype: str, seen: Array | None = None) -> Diagnosis | None:
    """Find the one mistake in the span that gives the port's tensor; None if no guess does."""
    with np.errstate(all="ignore"):
        return _search(span, actual, dtype, seen)


def _search(span: Span, actual: Array, dtype: str, seen: Array | None) -> Diagnosis | None:
    right = _run(span, {}, np.float32)
    last = span.steps[-1].name
    truth = _run(span, {}, np.float64)[last]
    if truth.shape != actual.shape:
        return None
    mask = np.ones(actual.shape, bool) if seen is None else seen
    before = rms((actual - truth)[mask])
    if not np.isfinite(before) or before == 0:
        return None
    best: tuple[float, str] = (np.inf, "")
    left = BUDGET
    for guesses in (usual, unusual):
        for step in reversed(span.steps):
            rest = span.steps[span.steps.index(step) + 1 :]
            cost = _cost([step, *rest], len(actual))
            read = [_held(span, right, name) for name in step.inputs]
            situation = span.situation(step, read, right)
            for guess in chain(_tails(situation, actual, truth), guesses(situation)):
                left -= cost
                if left < 0:
                    return _lead(best, before, rms(actual[mask]))
                made = _after(span, right, step, guess, rest, np.float32)
                if made is None or made.shape != actual.shape:
                    continue
                residual = rms((actual - made)[mask])
                if residual < CLOSE * before and _gives(span, step, guess, rest, actual, dtype, mask, made):
                    size = rms(actual[mask]) or 1.0
                    where = "" if step.name == last else f"in {step.name}, which is not among the port's tensors: "
                    return Diagnosis(guess.name, f"{where}{guess.sentence}", residual / size, before / size)
                if residual < best[0]:
                    best = residual, f"{step.name}: {guess.sentence}"
    return _lead(best, before, rms(actual[mask]))


def _tails(s: Situation, actual: Array, truth: Array) -> Iterator[Mistake]:
    """The end of the result not written, where the last tensor is wrong from there on."""
    if actual.shape[1:] != s.step.shape:
        return
    wrong = np.abs(actual - truth) > 1e-4 * (rms(truth) or 1.0)
    for order in ((0, 1, 2, 3), (0, 3, 1, 2)) if actual.ndim == 4 else ((0, 1),):
        flat = wrong.transpose(order).reshape(-1)
        first = int(np.argmax(flat))
        if first > flat.size // 2:
            count = flat.size - first
            words = (
                f"the last {count} elements in memory ({''.join('NHWC'[axis] for axis in order)}) are 0: not written"
            )
            yield Mistake("tail-not-written", words, replace(s.right, reorder=_without_tail(count, order)))


def _without_tail(count: int, order: tuple[int, ...]) -> Callable[[Array], Array]:
    def reorder(x: Array) -> Array:
        laid = np.array(x.transpose(order), order="C")
        laid.reshape(-1)[laid.size - count :] = 0
        return laid.transpose(np.argsort(order))

    return reorder


def _lead(best: tuple[float, str], before: float, size: float) -> Diagnosis | None:
    if best[0] > LEAD * min(before, size):
        return None
    words = f"a lead: explains {int(100 * (1 - best[0] / before))} % of the error: {best[1]}"
    return Diagnosis(None, words, best[0], before)


def _held(span: Span, values: Mapping[str, Array], name: str) -> Array:
    return values[name] if name in values else span.held[name]


def _cost(steps: Sequence[Step], pictures: int) -> float:
    return sum(PER_STEP + pictures * _work(step) for step in steps)


def _work(step: Step) -> float:
    """Of one picture."""
    return float(step.macs * (APART if step.op == "depthwise" else 1) + PER_NUMBER * int(np.prod(step.shape)))


def _run(span: Span, known: Mapping[str, Array], dtype: Float) -> dict[str, Array]:
    """Compute all steps but the known ones."""
    values = dict(known)
    for step in span.steps:
        if step.name not in values:
            read = [_held(span, values, name) for name in step.inputs]
            values[step.name] = evaluate(span.computation(step, read), dtype)
    return values


def _after(
    span: Span, right: Mapping[str, Array], step: Step, guess: Mistake, rest: Sequence[Step], dtype: Float
) -> Array | None:
    """What the last step makes if one step is computed as guessed; None if it comes to nothing."""
    made = evaluate(guess.wrong, dtype)
    if made.shape[1:] != step.shape or (dtype == np.float32 and np.array_equal(made, right[step.name])):
        return None
    changed = {step.name: made}
    for other in rest:
        if not changed.keys().isdisjoint(other.inputs):
            read = [changed[name] if name in changed else _held(span, right, name) for name in other.inputs]
            changed[other.name] = evaluate(span.computation(other, read), dtype)
    return changed.get(span.steps[-1].name)


def _gives(
    span: Span, step: Step, guess: Mistake, rest: Sequence[Step], actual: Array, dtype: str, mask: Array, made: Array
) -> bool:
    right = _run(span, {}, np.float64)
    truth = _after(span, right, step, guess, rest, np.float64)
    return truth is not None and judge(actual[mask], made[mask], truth[mask], dtype, 64).verdict != "wrong"


def said_of(steps: Sequence[Step]) -> str:
    """Ask for the tensors that would show the wrong step.

    Examples
    --------
    >>> from refnet.architecture.variants import variant
    >>> from refnet.architecture.plan import make_plan
    >>> said_of(make_plan(variant("b0")).steps[1:4])
    'between block1a.depthwise and block1a.reduce, one of 3 steps is wrong: dump block1a.depthwise, block1a.squeeze'
    """
    names = [step.name for step in steps]
    return f"between {names[0]} and {names[-1]}, one of {len(names)} steps is wrong: dump {', '.join(names[:-1])}"

"""Search: what gives a port's numbers: a known mistake, else what its own numbers tell, verified."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import replace
from itertools import chain
from typing import NamedTuple

import numpy as np

from refnet.arrays import Array
from refnet.comparison.diagnosis.diagnosis import Diagnosis
from refnet.comparison.diagnosis.fitting import fitted
from refnet.comparison.diagnosis.identify import ESTIMATORS, OF_ANY_SHAPE, contents, place_of, wrong_part
from refnet.comparison.diagnosis.mistakes import Mistake, Situation, mistakes
from refnet.comparison.diagnosis.noise import like_noise, on_a_grid
from refnet.comparison.diagnosis.rounding import explain_rounding
from refnet.comparison.diagnosis.trial import Trial
from refnet.comparison.judgement.verdict import ROUNDING

NEAREST = 8  # mistakes that are tried on the whole tensor
FIRST_OF_TWO = 3  # mistakes on top of which another one is looked for
GAIN = 3  # times smaller than before is the error that a known mistake leaves
HELPS = 0.9  # of an error: what leaves more of few channels is looked at no further
TIE = 1.5  # residuals nearer to each other than this factor tell nothing
ROUNDED = 1e-3  # relative error, beyond which no order of float32 roundings goes
FEWEST = 32  # numbers of a part, below which anything fits by chance but what stands there
LEAD = 0.5  # share of an error that must be explained to be told


class Tried(NamedTuple):
    """A mistake, what it leaves, and its place among those that were tried."""

    residual: float
    rank: int
    mistake: Mistake


def search(
    situation: Situation, actual: Array, dtype: str = "float32", noise: float = 0.0, seen: Array | None = None
) -> Diagnosis:
    """Find what makes a port's numbers, [N, H, W, K] or [N, K], of what its step reads: a known mistake, or another.

    ``dtype`` is what these were stored in, and ``noise`` what errors of the inputs may make of the result: root mean
    square, relative to it. With ``seen``, a mask, only the numbers in it are the port's.
    """
    unfit = _unfit(situation, actual)
    if unfit:
        return Diagnosis(None, unfit, np.inf, np.inf)
    actual = actual if actual.dtype == np.float64 else actual.astype(np.float32, copy=False)
    trial = Trial(situation.right, actual, dtype, noise, seen)
    if trial.reproduces(situation.right):
        words = "nothing is wrong here: numbers are rounded in an order that is not among the known ones"
        return explain_rounding(situation.right, actual) or Diagnosis(None, words, trial.before, trial.before)
    near = nearest(trial, chain(mistakes(situation), fitted(situation, trial)))
    found = _named(trial, near)
    if found is None:
        found, near = _identified(situation, trial, noise, near)
    return (
        found
        or _both(situation, trial, near, noise)
        or (explain_rounding(situation.right, actual) if trial.before <= ROUNDED else None)
        or on_a_grid(trial)
        or like_noise(trial)
        or _unknown(trial, near)
    )


def _identified(
    situation: Situation, trial: Trial, noise: float, near: list[Tried]
) -> tuple[Diagnosis | None, list[Tried]]:
    """Explain the numbers from themselves: all of them, or, where only some are wrong, those; and what comes nearest.

    What explains a part is only told if nothing explains the whole, except for what plainly stands in it.
    """
    part, is_plain = wrong_part(situation, trial.actual)
    if part is None:
        for estimator in ESTIMATORS if np.isfinite(trial.before) else OF_ANY_SHAPE:
            found = nearest(trial, estimator(situation, trial))
            near = sorted(near + found, key=lambda tried: tried.residual)[:NEAREST]
            named = _named(trial, found)
            if named:
                return named, near
        return None, near
    asked = part if trial.part is None else part & trial.part
    there = Trial(situation.right, trial.actual, trial.dtype, noise, asked)
    on_part: list[Diagnosis] = []
    for estimator in (*ESTIMATORS, mistakes_of):
        found = nearest(there, estimator(situation, there))
        named = _named(trial, [one._replace(residual=trial.residual(one.mistake.wrong)) for one in found])
        if named:
            return named, near
        named = _named(there, found) if estimator is contents or np.count_nonzero(asked) >= FEWEST else None
        if named:
            on_part.append(replace(named, sentence=f"{place_of(part)}, {named.sentence}"))
            if is_plain and estimator is contents:
                break
    return (on_part[0] if on_part else None), near


def mistakes_of(situation: Situation, trial: Trial) -> Iterator[Mistake]:
    """The known mistakes, whatever the numbers are."""
    yield from mistakes(situation)


def _unfit(situation: Situation, actual: Array) -> str:
    """Why nothing can be said of a tensor; "" if it can."""
    if not actual.size or actual.ndim < 2:
        return f"the shape {list(actual.shape)} is that of no step's result"
    if not all(np.isfinite(x).all() for x in situation.right.inputs):
        return "what this step reads has infinities or NaN in it already"
    finite = np.isfinite(actual).all(tuple(range(actual.ndim - 1)))
    if not (finite.all() if situation.right.op == "softmax" else finite.any()):
        return "no channel is without infinities and NaN: nothing is tried on them"
    return ""


def nearest(trial: Trial, candidates: Iterable[Mistake]) -> list[Tried]:
    """The candidates that come nearest to the sample, the nearest first: found on few channels, sorted on more."""
    quick: list[Tried] = []
    with np.errstate(all="ignore"):  # estimates from wrong numbers may be any
        for rank, mistake in enumerate(candidates):
            if mistake.grid != trial.dtype:
                quick.append(Tried(trial.residual(mistake.wrong, quick=True), rank, mistake))
                quick = sorted(quick, key=lambda tried: tried[:2])[: 3 * NEAREST]
    most = HELPS * max(trial.before, trial.quickly_before)
    near = [one._replace(residual=trial.residual(one.mistake.wrong)) for one in quick if one.residual < most]
    return sorted(near, key=lambda tried: tried[:2])[:NEAREST]


def _named(trial: Trial, near: list[Tried]) -> Diagnosis | None:
    """The diagnosis, if any of them gives the whole tensor."""
    found = [
        tried
        for tried in near
        if not tried.mistake.lead
        and tried.residual <= trial.before / GAIN
        and trial.reproduces(tried.mistake.wrong, tried.mistake.grid)
    ]
    if not found:
        return None
    bound = max(TIE * found[0].residual, ROUNDING["float32"] / 2)
    found.sort(key=lambda tried: (tried.residual > bound, tried.rank if tried.residual <= bound else tried.residual))
    first, *others = [
        Diagnosis(tried.mistake.name, tried.mistake.sentence, tried.residual, trial.before) for tried in found
    ]
    return replace(first, alternatives=tuple(others))


def _both(situation: Situation, trial: Trial, near: list[Tried], noise: float) -> Diagnosis | None:
    """Two mistakes at once: another one on top of one that explains most of the error."""
    for tried in near[:FIRST_OF_TWO]:
        if not _is_much_nearer(tried.residual, trial):
            continue
        one = tried.mistake
        rest = Trial(one.wrong, trial.actual, trial.dtype, noise)
        other = _named(rest, nearest(rest, mistakes(replace(situation, right=one.wrong))))
        if other is not None:
            name, sentence = f"{one.name} + {other.mistake}", f"{one.sentence}; and {other.sentence}"
            return Diagnosis(name, sentence, other.residual, trial.before)
    return None


def _is_much_nearer(residual: float, trial: Trial) -> bool:
    """Whether a mistake leaves far less than the right computation does, and than nothing at all does."""
    return residual <= min(trial.before, 1.0) / GAIN


def _unknown(trial: Trial, near: list[Tried]) -> Diagnosis:
    """What comes nearest, as a lead."""
    sentence = "no known mistake gives these numbers"
    residual = near[0].residual if near else np.inf if np.isinf(trial.before) else trial.before
    share = 1 - residual / trial.before if np.isfinite(trial.before) else 0.0
    if residual == np.inf:
        sentence = f"no known mistake gives the shape {list(trial.actual.shape)}"
    elif residual <= (1 - LEAD) * min(trial.before, 1.0):  # nearer than the right numbers, and than none at all
        sentence = f"a lead: explains {int(100 * share)} % of the error: {near[0].mistake.sentence}"
    return Diagnosis(None, sentence, residual, trial.before)

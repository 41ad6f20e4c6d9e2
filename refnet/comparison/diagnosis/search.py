"""Search: which of the known mistakes gives a port's numbers."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from itertools import chain
from typing import NamedTuple

import numpy as np

from refnet.arrays import Array
from refnet.comparison.diagnosis.diagnosis import Diagnosis
from refnet.comparison.diagnosis.fitting import fitted
from refnet.comparison.diagnosis.mistakes import Mistake, Situation, mistakes
from refnet.comparison.diagnosis.noise import like_noise
from refnet.comparison.diagnosis.rounding import explain_rounding
from refnet.comparison.diagnosis.trial import Trial
from refnet.comparison.judgement.verdict import ROUNDING

NEAREST = 8  # mistakes that are tried on the whole tensor
FIRST_OF_TWO = 3  # mistakes on top of which another one is looked for
GAIN = 3  # times smaller than before is the error that a known mistake leaves
TIE = 1.5  # residuals nearer to each other than this factor tell nothing

NEARLY_ALL = 0.99  # of the square of an error that nothing explains
FEW = 0.25  # of the indices of an axis, in which nearly all of it lies
WRITTEN_OUT = 8  # of these indices
_AXES = {4: ("pictures", "rows", "columns", "channels"), 2: ("pictures", "channels")}


class _Tried(NamedTuple):
    residual: float
    rank: int
    mistake: Mistake


def search(situation: Situation, actual: Array, dtype: str = "float32", noise: float = 0.0) -> Diagnosis:
    """Find the known mistake that makes a port's numbers, [N, H, W, K] or [N, K], of what its step reads.

    ``dtype`` is what these were stored in, and ``noise`` what errors of the inputs may make of the result: root mean
    square, relative to it.
    """
    unfit = _unfit(situation, actual)
    if unfit:
        return Diagnosis(None, unfit, np.inf, np.inf)
    actual = actual if actual.dtype == np.float64 else actual.astype(np.float32, copy=False)
    trial = Trial(situation.right, actual, dtype, noise)
    if trial.reproduces(situation.right):
        words = "nothing is wrong here: numbers are rounded in an order that is not among the known ones"
        return explain_rounding(situation.right, actual) or Diagnosis(None, words, trial.before, trial.before)
    near = _nearest(trial, chain(mistakes(situation), fitted(situation, trial)))
    named = _named(trial, near)
    if named:
        return named
    found, near = _identified(situation, trial, noise, near)
    return (
        found
        or _both(situation, trial, near, noise)
        or explain_rounding(situation.right, actual)
        or like_noise(trial)
        or _unknown(trial, near)
    )


def _identified(
    situation: Situation, trial: Trial, noise: float, listed: list[_Tried]
) -> tuple[Diagnosis | None, list[_Tried]]:
    """Explain the numbers from themselves: all of them, or, where only some are wrong, those; and what comes nearest."""
    from refnet.comparison.identify import ESTIMATORS, wrong_part

    part = wrong_part(situation, trial.actual)
    there = trial if part is None else Trial(situation.right, trial.actual, trial.dtype, noise, part)
    near = listed if part is None else _nearest(there, mistakes(situation))
    for estimator in ESTIMATORS:
        found = _nearest(there, estimator(situation, there))
        named = _told(trial, there, found)
        if named:
            return named, near
        near = sorted(near + found, key=lambda tried: tried.residual)[:NEAREST]
    return _told(trial, there, near), near if part is None else listed


def _told(trial: Trial, there: Trial, near: list[_Tried]) -> Diagnosis | None:
    """Name what gives all numbers, or those ``there``, if anything does."""
    if not near or near[0].residual > there.before / GAIN:
        return None
    if there is not trial:
        whole = [one._replace(residual=trial.residual(one.mistake.wrong)) for one in near]
        named = _named(trial, whole)
        if named:
            return named
    named = _named(there, near)
    return replace(named, sentence=f"where it is wrong, {named.sentence}") if named and there is not trial else named


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


def _nearest(trial: Trial, candidates: Iterable[Mistake]) -> list[_Tried]:
    """The candidates that come nearest to the sample, the nearest first: found on few channels, sorted on more."""
    quick: list[_Tried] = []
    for rank, mistake in enumerate(candidates):
        if mistake.grid != trial.dtype:
            quick.append(_Tried(trial.residual(mistake.wrong, quick=True), rank, mistake))
            quick = sorted(quick, key=lambda tried: tried[:2])[: 3 * NEAREST]
    near = [one._replace(residual=trial.residual(one.mistake.wrong)) for one in quick]
    return sorted(near, key=lambda tried: tried[:2])[:NEAREST]


def _named(trial: Trial, near: list[_Tried]) -> Diagnosis | None:
    """The diagnosis, if any of them gives the whole tensor."""
    found = [
        tried
        for tried in near
        if tried.residual <= trial.before / GAIN
        and trial.reproduces(tried.mistake.wrong, tried.mistake.grid, tried.mistake.step)
    ]
    if not found:
        return None
    bound = max(TIE * found[0].residual, ROUNDING["float32"] / 2)
    found.sort(key=lambda tried: (tried.residual > bound, tried.rank if tried.residual <= bound else tried.residual))
    first, *others = [
        Diagnosis(tried.mistake.name, tried.mistake.sentence, tried.residual, trial.before) for tried in found
    ]
    return replace(first, alternatives=tuple(others))


def _both(situation: Situation, trial: Trial, near: list[_Tried], noise: float) -> Diagnosis | None:
    """Two mistakes at once: another one on top of one that explains most of the error."""
    for tried in near[:FIRST_OF_TWO]:
        if not _is_much_nearer(tried.residual, trial):
            continue
        one = tried.mistake
        rest = Trial(one.wrong, trial.actual, trial.dtype, noise)
        other = _named(rest, _nearest(rest, mistakes(replace(situation, right=one.wrong))))
        if other is not None:
            name, sentence = f"{one.name} + {other.mistake}", f"{one.sentence}; and {other.sentence}"
            return Diagnosis(name, sentence, other.residual, trial.before)
    return None


def _is_much_nearer(residual: float, trial: Trial) -> bool:
    """Whether a mistake leaves far less than the right computation does, and than nothing at all does."""
    return residual <= min(trial.before, 1.0) / GAIN


def _unknown(trial: Trial, near: list[_Tried]) -> Diagnosis:
    residual, _, nearest = near[0]
    sentence = "no known mistake gives these numbers"
    if residual == np.inf:
        sentence = f"no known mistake gives the shape {list(trial.actual.shape)}"
    elif _is_much_nearer(residual, trial):
        sentence += f"; the nearest leaves an error of {residual:.2g} instead of {trial.before:.2g}: {nearest.sentence}"
    where = _where(trial.error()) if np.isfinite(trial.before) else ""
    if where:
        sentence += f"; of the error, {where}"
    return Diagnosis(None, sentence, residual, trial.before)


def _where(error: Array) -> str:
    """Say in words where nearly all of an error lies, along the axis on which it is the fewest; "" if nowhere.

    Examples
    --------
    >>> error = np.zeros((1, 10, 20, 4))
    >>> error[:, :, 19] = 1
    >>> _where(error)
    '99 % lies in 1 of 20 columns: 19'
    """
    best, words = FEW, ""
    square = np.square(error, dtype=np.float64)
    for axis, name in enumerate(_AXES.get(error.ndim, ())):
        by_index = square.sum(tuple(other for other in range(error.ndim) if other != axis))
        order = np.argsort(-by_index, kind="stable")
        count = int(np.searchsorted(np.cumsum(by_index[order]), NEARLY_ALL * by_index.sum())) + 1
        if count < best * len(order):
            best = count / len(order)
            indices = ", ".join(str(index) for index in sorted(order[:count].tolist())[:WRITTEN_OUT])
            more = ", …" if count > WRITTEN_OUT else ""
            words = f"{NEARLY_ALL * 100:.0f} % lies in {count} of {len(order)} {name}: {indices}{more}"
    return words

"""Mistakes with a number in them that is not known beforehand: it is found by least squares."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import numpy as np

from refnet.arrays import Array
from refnet.comparison.diagnosis.computation import evaluate
from refnet.comparison.diagnosis.mistakes import Mistake, Situation
from refnet.comparison.diagnosis.trial import Trial

NOTHING = 1e-6  # of the numbers' spread: a shift that is none


def fitted(s: Situation, trial: Trial) -> Iterator[Mistake]:
    """Results that are one number, scaled or shifted by one; a sum of two inputs with other factors than 1."""
    c, sample, actual = s.right, trial.sample, trial.seen
    truth = evaluate(sample, np.float64)
    if truth.shape != actual.shape:
        return
    value = float(actual.flat[0])
    if (actual == value).all():
        yield Mistake("constant", f"every number is {value:.6g}", replace(c, after=lambda x: np.full_like(x, value)))
        return
    if c.op == "add":
        factors = _least_squares([x.astype(np.float64) for x in sample.inputs], actual)
        words = "the block's result and its input are added as {:.6g} and {:.6g} times themselves, instead of 1 and 1"
        yield Mistake(
            "residual-scaled",
            words.format(*factors),
            replace(c, combine=lambda x, skip, a=factors[0], b=factors[1]: x * a + skip * b),
        )
    if c.op != "mean":  # there, it is a divisor
        (scale,) = _least_squares([truth], actual)
        yield Mistake(
            "scaled",
            f"every number is {scale:.6g} times what it should be",
            replace(c, after=lambda x: x * scale),
        )
        factor, offset = _least_squares([truth, np.ones_like(truth)], actual)
        if abs(offset) > NOTHING * abs(factor) * float(np.std(truth)):
            yield Mistake(
                "scaled-and-shifted",
                f"every number is {factor:.6g} times what it should be, plus {offset:.6g}",
                replace(c, after=lambda x: x * factor + offset),
            )


def _least_squares(columns: list[Array], wanted: Array) -> list[float]:
    """Factors of the columns whose sum comes nearest to what is wanted, by the normal equations."""
    flat = [column.ravel() for column in columns]
    matrix = np.array([[x @ y for y in flat] for x in flat])
    right = np.array([x @ wanted.ravel().astype(np.float64) for x in flat])
    return [float(factor) for factor in np.linalg.lstsq(matrix, right, rcond=None)[0]]

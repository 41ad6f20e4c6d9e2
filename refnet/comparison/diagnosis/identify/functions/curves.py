"""Curves: each number of the result is a function of what it should be: bounds, wrap-around, another activation."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any

import numpy as np

from refnet.arrays import Array
from refnet.comparison.diagnosis.activations import sigmoid
from refnet.comparison.diagnosis.computation import Precision, evaluate
from refnet.comparison.diagnosis.identify.inverse import Inside, levels
from refnet.comparison.diagnosis.identify.numbers import fit, nice, said_number
from refnet.comparison.diagnosis.mistakes import Mistake, Situation
from refnet.comparison.diagnosis.trial import Trial

Curve = Callable[[Array], Array]
NEAR = 1e-3  # relative, of numbers that are taken for the same


def curves(s: Situation, trial: Trial) -> Iterator[Mistake]:
    """Bounds, wrap-around, signs and powers, of results, of sums, of what is activated."""
    for at, where, inside in _levels(trial):
        for name, words, curve in _changes(inside):
            change: dict[str, Any] = {at: curve}
            yield Mistake(name, words.format(where), replace(s.right, precision=Precision(**change)))
    yield from _inputs_bounded(s, trial)


def _levels(trial: Trial) -> Iterator[tuple[str, str, Inside]]:
    truth = evaluate(trial.sample, np.float64)
    if truth.shape == trial.seen.shape:
        known = np.ones(truth.shape, bool) if trial.asked is None else trial.asked
        yield "result", "the results", Inside(trial.seen.astype(np.float64), known, truth)
        yield from levels(trial)


def _changes(inside: Inside) -> Iterator[tuple[str, str, Curve]]:
    y, t = inside.values[inside.known], inside.right[inside.known]
    size = float(np.sqrt(np.square(t).mean())) or 1.0
    wrong = np.abs(y - t) > NEAR * size
    if not wrong.any():
        return
    yield from _bounds(y, t, wrong, size, float(np.min(inside.right)))
    yield from _wraps(y, t, wrong)
    yield from _formulas(y, t)


def _bounds(y: Array, t: Array, wrong: Array, size: float, least: float) -> Iterator[tuple[str, str, Curve]]:
    """Where all that is wrong lies at one number, and should lie beyond it."""
    low, high = -np.inf, np.inf
    above, below = wrong & (t > y), wrong & (t < y)
    if above.any():
        high = float(np.median(y[above]))
    if below.any():
        low = float(np.median(y[below]))
    spread = max((float(np.std(y[side])) for side in (above, below) if side.any()), default=np.inf)
    if spread > NEAR * size or not low < high:
        return
    low, high = nice(low, 1e-4), nice(high, 1e-4)
    if low == -np.inf and high > 0 and least < -high:  # what lies below may not be known
        words = f"{{}} are bounded (saturated, clamped) at {-high:.6g} and {high:.6g}"
        yield "saturated", words, lambda x: np.clip(x, -high, high)
    between = f"at {low:.6g} and {high:.6g}" if np.isfinite(low) and np.isfinite(high) else ""
    between = between or (f"at {high:.6g}, from above" if np.isfinite(high) else f"at {low:.6g}, from below")
    yield "saturated", f"{{}} are bounded (saturated, clamped) {between}", lambda x: np.clip(x, low, high)


def _wraps(y: Array, t: Array, wrong: Array) -> Iterator[tuple[str, str, Curve]]:
    """Where all errors are multiples of one number."""
    error = (y - t)[wrong]
    modulus = float(np.median(np.abs(error)[np.abs(error) <= 1.5 * np.abs(error).min()]))
    turns = error / modulus
    if np.abs(turns - np.rint(turns)).max() > 0.01:
        return
    modulus = nice(modulus, 1e-3)
    words = f"{{}} wrap around (overflow): from {modulus / 2:.6g} to {-modulus / 2:.6g}"
    yield "wraps-around", words, lambda x: x - modulus * np.floor(x / modulus + 0.5)


def _formulas(y: Array, t: Array) -> Iterator[tuple[str, str, Curve]]:
    for name, words, curve in _FORMULAS:
        yield name, words, curve
    positive = (t > 0) & (y > 0)
    if positive.mean() > 0.3:
        (power, shift), _ = fit([np.log(t[positive]), np.ones(positive.sum())], np.log(y[positive]))
        power, factor = nice(power), nice(float(np.exp(shift)))
        if power != 1 and abs(power) > 0.1:
            words = f"{{}} are {factor:.6g} times the power {power:.6g} of what they should be"
            yield "power", words, lambda x: factor * np.sign(x) * np.abs(x) ** power
    (scale, shift), left = fit([t, np.ones_like(t)], y)
    if left < NEAR * (float(np.std(y)) or 1.0):
        scale, shift = nice(scale, 1e-4), nice(shift, 1e-4)
        plus = f", plus {shift:.6g}" if shift else ""
        yield (
            "scaled-inside",
            f"{{}} are {said_number(scale)} times what they should be{plus}",
            lambda x: x * scale + shift,
        )


_FORMULAS: tuple[tuple[str, str, Curve], ...] = (
    ("activated-again", "another swish is applied to {}", lambda x: x * sigmoid(x)),
    ("negated", "{} have the other sign", lambda x: -x),
    ("absolute", "{} have lost their sign: the absolute value is taken", np.abs),
    ("squared", "{} are squared", np.square),
    ("square-root", "the square root is taken of {}", lambda x: np.sqrt(np.maximum(x, 0))),
    ("one-minus", "{} are one minus what they should be", lambda x: 1 - x),
    ("positive-part", "{} that are negative are set to 0", lambda x: np.maximum(x, 0)),
    ("negative-part", "{} that are positive are set to 0", lambda x: np.minimum(x, 0)),
    ("exponential", "the exponential is taken of {}", lambda x: np.exp(np.minimum(x, 80))),
    ("whole", "{} are rounded to whole numbers", np.rint),
)


def _inputs_bounded(s: Situation, trial: Trial) -> Iterator[Mistake]:
    """Inputs bounded at usual numbers."""
    largest = max(float(np.max(x)) for x in s.right.inputs)
    for bound in (127.0, 128.0, 64.0, 32.0, 16.0, 8.0, 6.0, 4.0, 2.0, 1.0):
        if bound < largest:
            clip: Curve = lambda x, bound=bound: np.clip(x, -bound, bound)  # type: ignore[misc] # noqa: E731
            words = f"the inputs are bounded (saturated, clamped) at {bound:g}"
            yield Mistake("input-saturated", words, replace(s.right, precision=Precision(inputs=clip)))
    for name, words, curve in (
        ("input-activated", "swish is applied to the inputs, once more", lambda x: x * sigmoid(x)),
        ("input-activated", "relu is applied to the inputs: negative ones are taken as 0", lambda x: np.maximum(x, 0)),
        ("input-activated", "relu6 is applied to the inputs", lambda x: np.clip(x, 0, 6)),
        ("input-activated", "a sigmoid is applied to the inputs", sigmoid),
        ("input-absolute", "the inputs' absolute values are taken", np.abs),
    ):
        yield Mistake(name, words, replace(s.right, precision=Precision(inputs=curve)))

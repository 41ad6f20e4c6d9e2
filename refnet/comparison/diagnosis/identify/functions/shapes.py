"""Shapes of activations: its scatter, result against input, is fitted by what ports have in an activation's place."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from itertools import chain
from typing import Any

import numpy as np

from refnet.arrays import Array
from refnet.comparison.diagnosis.activations import ACTIVATIONS, sigmoid
from refnet.comparison.diagnosis.computation import Computation
from refnet.comparison.diagnosis.identify.functions.exponentials import exponentials
from refnet.comparison.diagnosis.identify.functions.families import of_families, softplus
from refnet.comparison.diagnosis.identify.functions.tables import tables
from refnet.comparison.diagnosis.identify.inverse import before_activation
from refnet.comparison.diagnosis.identify.numbers import fit, nice
from refnet.comparison.diagnosis.mistakes import Mistake, Situation
from refnet.comparison.diagnosis.trial import Trial

Curve = Callable[[Array], Array]
_Found = Iterator[tuple[str, str, Curve]]
LARGE = 0.05  # of an input whose quotient with the result is looked at


def shapes(s: Situation, trial: Trial) -> Iterator[Mistake]:
    """Another activation, with numbers of its own."""
    inside = before_activation(trial, "none")
    if inside is None or (s.right.activation == "none" and s.right.op not in ("add", "excite")):
        return
    z, y = inside.right[inside.known], inside.values[inside.known]
    right = s.right.activation
    for name, words, curve in chain(_of_gates(z, y), _bounded(z, y), _of_sigmoids(z, y)):
        yield Mistake(f"activation: {name}", f"{words} instead of {right}", _with(s.right, curve))
    yield from other_shapes(s)
    for name, words, curve in chain(of_families(z, y), _approximated(right, z, y)):
        yield Mistake(f"activation: {name}", f"{words} instead of {right}", _with(s.right, curve))


def _approximated(right: str, z: Array, y: Array) -> _Found:
    """The right activation by a table, or with another function in the place of exp."""
    known = ACTIVATIONS[right]
    for words, curve in tables(z, y, known):
        yield "table", words, curve
    there = np.abs(z) > LARGE
    if right == "swish":
        for words, curve in tables(z[there], y[there] / z[there], sigmoid):
            yield "table", f"x times the sigmoid by {words}", _times(curve)
        for name, words, curve in _polynomials_of(z[there], y[there] / z[there]):
            yield name, f"x times {words}", _times(curve)
    if right in ("swish", "sigmoid"):
        with np.errstate(all="ignore"):
            made = (z / y if right == "swish" else 1 / y) - 1
        for words, exp in exponentials(-z[there], made[there]):
            yield "approximate exp", f"{right} whose exp(x) is {words},", _sigmoid_by(exp, right == "swish")


def _polynomials_of(x: Array, gate: Array) -> _Found:
    return (one for one in of_families(x, gate) if one[0] == "polynomial")


def _sigmoid_by(exp: Curve, is_swish: bool) -> Curve:
    def curve(x: Array) -> Array:
        below = 1 + exp(-x)
        return np.asarray((x if is_swish else 1) / below)

    return curve


def other_shapes(s: Situation) -> Iterator[Mistake]:
    """Other activations that are known."""
    if s.right.activation != "none":
        for name, words, curve in _OTHERS:
            yield Mistake(f"activation: {name}", f"{words} instead of {s.right.activation}", _with(s.right, curve))


def _with(c: Computation, curve: Curve) -> Computation:
    return replace(c, activation="none", after=curve)


def _of_gates(z: Array, y: Array) -> _Found:
    """X times a gate: a sigmoid of another slope, or straight pieces."""
    there = np.abs(z) > LARGE
    if there.sum() < 16:
        return
    x, gate = z[there], y[there] / z[there]
    inner = (gate > 0.02) & (gate < 0.98)
    if inner.sum() >= 16:
        (slope, shift), _ = fit([x[inner], np.ones(inner.sum())], np.log(gate[inner] / (1 - gate[inner])))
        slope, shift = nice(slope), nice(shift)
        plus = f" + {shift:.6g}" if shift else ""
        if slope:
            yield (
                "swish of another slope",
                f"x * sigmoid({slope:.6g} x{plus})",
                lambda x: x * sigmoid(slope * x + shift),
            )
    yield from (
        (f"x times {name}", f"x * {words}", _times(curve))
        for name, words, curve in _straight(x, gate, "straight pieces")
    )
    below = z < -LARGE
    if below.sum() >= 16 and (leak := nice(float(np.median(y[below] / z[below])))) != 1:
        yield "leaky relu", f"a leaky relu: {leak:.6g} x below 0", lambda x: np.where(x < 0, x * leak, x)


def _times(curve: Curve) -> Curve:
    return lambda x: x * curve(x)


def _straight(x: Array, y: Array, name: str) -> _Found:
    """A straight line between two bounds."""
    low, high = float(np.min(y)), float(np.max(y))
    inner = (y > low + 0.05 * (high - low)) & (y < high - 0.05 * (high - low))
    if inner.sum() < 16:
        return
    (slope, shift), left = fit([x[inner], np.ones(inner.sum())], y[inner])
    slope, shift, low, high = (nice(float(value)) for value in (slope, shift, low, high))
    if left > 1e-3 or slope == 0:
        return
    words = f"min(max({slope:.6g} x + {shift:.6g}, {low:.6g}), {high:.6g})"
    yield name, words, lambda x: np.clip(slope * x + shift, low, high)


def _bounded(z: Array, y: Array) -> _Found:
    """A relu with another bound."""
    low, high = nice(float(np.min(y)), 1e-5), nice(float(np.max(y)), 1e-5)
    if np.max(z) > high:
        yield "relu with a bound", f"min(max(x, {low:.6g}), {high:.6g})", lambda x: np.clip(x, low, high)


def _of_sigmoids(z: Array, y: Array) -> _Found:
    """A sigmoid of another slope, or straight pieces in its place."""
    inner = (y > 0.02) & (y < 0.98)
    if inner.sum() >= 16 and np.min(y) >= 0 and np.max(y) <= 1:
        (slope, shift), _ = fit([z[inner], np.ones(inner.sum())], np.log(y[inner] / (1 - y[inner])))
        slope, shift = nice(slope), nice(shift)
        plus = f" + {shift:.6g}" if shift else ""
        if slope:
            yield "sigmoid of another slope", f"sigmoid({slope:.6g} x{plus})", lambda x: sigmoid(slope * x + shift)
    yield from _straight(z, y, "straight pieces")


def _erf(x: Array) -> Array:
    """By Abramowitz and Stegun 7.1.26 in float64, good to 1.5e-7."""
    a = np.abs(x.astype(np.float64))
    t = 1 / (1 + 0.3275911 * a)
    tail = ((((1.061405429 * t - 1.453152027) * t + 1.421413741) * t - 0.284496736) * t + 0.254829592) * t
    result: Any = np.sign(x) * (1 - tail * np.exp(-a * a))
    return np.asarray(result)


_OTHERS: tuple[tuple[str, str, Curve], ...] = (
    ("gelu by erf", "gelu (by erf)", lambda x: 0.5 * x * (1 + _erf(x / np.sqrt(2)))),
    ("mish", "mish, x * tanh(log(1 + exp(x))),", lambda x: x * np.tanh(softplus(x))),
    ("softplus", "softplus", softplus),
    (
        "selu",
        "selu",
        lambda x: 1.0507009873554805 * np.where(x < 0, 1.6732632423543772 * np.expm1(np.minimum(x, 0)), x),
    ),
    ("x times tanh", "x * tanh(x)", lambda x: x * np.tanh(x)),
    ("softsign", "x / (1 + |x|)", lambda x: x / (1 + np.abs(x))),
    ("hard tanh", "a hard tanh, x between -1 and 1,", lambda x: np.clip(x, -1, 1)),
    ("quick relu", "x squared, above 0,", lambda x: np.square(np.maximum(x, 0))),
    ("sigmoid of x squared", "x * sigmoid(x)²", lambda x: x * np.square(sigmoid(x))),
    ("1 - sigmoid", "1 - sigmoid(x)", lambda x: 1 - sigmoid(x)),
    ("(1 + tanh) / 2", "(1 + tanh(x)) / 2", lambda x: 0.5 + 0.5 * np.tanh(x)),
    ("x times 1 + tanh", "x (1 + tanh(x)) / 2", lambda x: x * (0.5 + 0.5 * np.tanh(x))),
    ("x times tanh half", "x * tanh(x / 2)", lambda x: x * np.tanh(x / 2)),
    ("exp", "exp(x)", lambda x: np.exp(np.minimum(x, 80))),
    ("celu 0.5", "celu", lambda x: np.where(x < 0, 0.5 * np.expm1(np.minimum(x / 0.5, 0)), x)),
)

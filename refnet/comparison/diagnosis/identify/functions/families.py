"""Families: functions with one unknown number, and polynomials; what fits a scatter of results against inputs."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import NamedTuple

import numpy as np

from refnet.arrays import Array
from refnet.comparison.diagnosis.activations import ACTIVATIONS, sigmoid
from refnet.comparison.diagnosis.identify.numbers import fit, nice, said_number

Curve = Callable[[Array], Array]
POINTS = 2048  # of a scatter that are looked at
STARTS = tuple(sign * 2.0**power for power in np.arange(-6, 5, 0.5) for sign in (1, -1))
ROUGHLY = 8  # times fewer points are enough to begin with
REFINED = 12  # steps of Newton's method
FITS = 1e-4  # of the spread of the results, that may be left
DEGREES = range(2, 9)
_swish = ACTIVATIONS["swish"]


class Family(NamedTuple):
    """Functions of x and a number p, which the words have as {}."""

    name: str
    words: str
    function: Callable[[Array, float], Array]


def softplus(x: Array) -> Array:
    """log(1 + exp(x))."""
    return np.asarray(np.logaddexp(np.zeros((), x.dtype), x))


def _between(x: Array, p: float) -> Array:
    return np.clip(x, -abs(p), abs(p))


FAMILIES = (
    Family("swish of another slope", "x * sigmoid({} x)", lambda x, p: x * sigmoid(p * x)),
    Family("swish that is shifted", "x * sigmoid(x + {})", lambda x, p: x * sigmoid(x + p)),
    Family("swish of a bounded input", "swish of x bounded at ±{}", lambda x, p: _swish(_between(x, p))),
    Family("swish of a bounded sigmoid", "x * sigmoid(x bounded at ±{})", lambda x, p: x * sigmoid(_between(x, p))),
    Family("swish of what is scaled", "swish({} x)", lambda x, p: _swish(p * x)),
    Family("swish of what is shifted", "swish(x + {})", lambda x, p: _swish(x + p)),
    Family("sigmoid of another slope", "sigmoid({} x)", lambda x, p: sigmoid(p * x)),
    Family("sigmoid that is shifted", "sigmoid(x + {})", lambda x, p: sigmoid(x + p)),
    Family("sigmoid of a bounded input", "sigmoid of x bounded at ±{}", lambda x, p: sigmoid(_between(x, p))),
    Family("elu", "elu: {} (exp(x) - 1) below 0", lambda x, p: np.where(x < 0, p * np.expm1(np.minimum(x, 0)), x)),
    Family("softplus", "softplus: log(1 + exp({} x)) / {}", lambda x, p: softplus(p * x) / p),
    Family("leaky relu", "leaky relu: {} x below 0", lambda x, p: np.where(x < 0, p * x, x)),
    Family("relu that is shifted", "relu(x - {})", lambda x, p: np.maximum(x - p, 0)),
    Family("relu with another bound below", "max(x, {})", np.maximum),
    Family("relu with a bound", "min(max(x, 0), {})", lambda x, p: np.clip(x, 0, max(p, 0))),
    Family("threshold", "x where it is above {}, else 0 (a threshold)", lambda x, p: np.where(x > p, x, 0)),
    Family("hard tanh", "x bounded at ±{}", _between),
    Family("shrinkage", "x without {} of its size (soft shrinkage)",
           lambda x, p: np.sign(x) * np.maximum(np.abs(x) - p, 0)),
    Family("hard shrinkage", "x where its size is above {}, else 0", lambda x, p: np.where(np.abs(x) > p, x, 0)),
    Family("tanh of another slope", "tanh({} x)", lambda x, p: np.tanh(p * x)),
    Family("sine", "x + sin({} x)² / {} (snake)", lambda x, p: x + np.square(np.sin(p * x)) / p),
    Family("arctangent", "arctan({} x)", lambda x, p: np.arctan(p * x)),
    Family("softsign", "{} x / (1 + |{} x|)", lambda x, p: p * x / (1 + np.abs(p * x))),
    Family("exponential", "exp({} x)", lambda x, p: np.exp(np.clip(p * x, -80, 80))),
    Family("power of what is positive", "max(x, 0) to the power {}", lambda x, p: np.maximum(x, 0) ** abs(p)),
)  # fmt: skip


def of_families(x: Array, y: Array) -> Iterator[tuple[str, str, Curve]]:
    """The functions with one number that a scatter fits: name, words, function; then polynomials."""
    some = np.linspace(0, len(x) - 1, min(len(x), POINTS)).astype(int)
    order = np.argsort(x, kind="stable")
    x, y = x[order][some], y[order][some]
    spread = float(np.std(y)) or 1.0
    with np.errstate(all="ignore"):
        for name, words, function in FAMILIES:
            p, left = _best(x, y, function)
            if left < FITS * spread and np.isfinite(p):
                p = nice(p, 1e-3)
                yield name, words.replace("{}", said_number(p)), lambda x, p=p, f=function: f(x, p)  # type: ignore[misc]
        yield from _polynomials(x, y, spread)


def _best(x: Array, y: Array, function: Callable[[Array, float], Array]) -> tuple[float, float]:
    """The number that fits best, and the rms of what it leaves."""

    def left(p: float, x: Array = x, y: Array = y) -> float:
        found = float(np.sqrt(np.square(y - function(x, p)).mean()))
        return found if np.isfinite(found) else np.inf

    p = min(STARTS, key=lambda p: left(p, x[::ROUGHLY], y[::ROUGHLY]))
    low, high = sorted((p / np.sqrt(2), p * np.sqrt(2)))
    ratio = (np.sqrt(5) - 1) / 2
    for _ in range(REFINED):  # golden section, then steps of Gauss and Newton
        a, b = high - ratio * (high - low), low + ratio * (high - low)
        low, high = (low, b) if left(a) < left(b) else (a, high)
    p = min(p, (low + high) / 2, key=left)
    for _ in range(REFINED):
        small = 1e-6 * abs(p) + 1e-9
        slope = (function(x, p + small) - function(x, p - small)) / (2 * small)
        size = float(np.square(slope).sum())
        better = p + float((slope * (y - function(x, p))).sum()) / size if size else p
        if not left(better) < left(p):
            break
        p = better
    return p, left(p)


def _polynomials(x: Array, y: Array, spread: float) -> Iterator[tuple[str, str, Curve]]:
    """A polynomial, of all x or between two bounds of y."""
    inner = (y > y.min() + 1e-3 * spread) & (y < y.max() - 1e-3 * spread)
    for there, is_bounded in ((np.ones(len(x), bool), False), (inner, True)):
        if np.count_nonzero(there) < POINTS // 16:
            continue
        for degree in DEGREES:
            factors, left = fit([x[there] ** power for power in range(degree + 1)], y[there])
            if left < FITS / 10 * spread:
                factors = np.array([nice(float(factor), 1e-5) for factor in factors])
                terms = " + ".join(f"{said_number(factor)}{_power(n)}" for n, factor in enumerate(factors) if factor)
                words = f"a polynomial of degree {degree}: {terms.replace('+ -', '- ')}"
                low, high = (nice(float(end), 1e-5) for end in (y.min(), y.max()))
                if is_bounded:
                    words += f", bounded at {low:.6g} and {high:.6g}"
                else:
                    low, high = -np.inf, np.inf
                yield "polynomial", words, _polynomial(factors, low, high)
                break


def _power(n: int) -> str:
    return "" if n == 0 else " x" if n == 1 else f" x^{n}"


def _polynomial(factors: Array, low: float, high: float) -> Curve:
    return lambda x: np.clip(np.polynomial.polynomial.polyval(x, factors), low, high).astype(x.dtype)

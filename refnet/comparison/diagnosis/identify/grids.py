"""Grids: numbers rounded to evenly spaced ones, or to fewer bits: which, where, and in which direction."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace

import numpy as np

from refnet.arrays import Array
from refnet.comparison.diagnosis.computation import Computation, Precision, evaluate
from refnet.comparison.diagnosis.identify.inverse import before_activation, sums
from refnet.comparison.diagnosis.mistakes import Mistake, Situation
from refnet.comparison.diagnosis.trial import Trial

Round = Callable[[Array], Array]
ENOUGH = 64
MOST_ADDED = 1 << 28  # products that are added one by one
LARGEST = 1 << 24  # levels of a grid
ON_GRID = 0.02  # of its distance


def _away(x: Array) -> Array:
    return np.sign(x) * np.floor(np.abs(x) + 0.5)


#: How a number between two of a grid is rounded.
DIRECTIONS: dict[str, Round] = {
    "to nearest": np.rint,
    "down (floor)": np.floor,
    "toward zero (truncated)": np.trunc,
    "up (ceiling)": np.ceil,
    "to nearest, ties away from zero": _away,
    "to nearest, ties up": lambda x: np.floor(x + 0.5),
}


def grids(s: Situation, trial: Trial) -> Iterator[Mistake]:
    """Results on a grid; sums, weights or inputs rounded to one; floats of few bits."""
    truth = evaluate(trial.sample, np.float64)
    if truth.shape != trial.seen.shape or trial.seen.size < ENOUGH or trial.before == 0:
        return
    yield from _of_results(s, trial, truth)
    yield from _of_levels(s, trial)
    yield from _of_sums(s, trial)
    yield from _of_operands(s, trial)


def _of_sums(s: Situation, trial: Trial) -> Iterator[Mistake]:
    """Accumulators of few bits: each sum is rounded before the next product is added."""
    c = s.right
    if c.kernel is None or c.kernel[..., 0].size * trial.actual.size > MOST_ADDED:
        return
    for name in ("float16", "bfloat16", "bfloat16 toward zero"):
        words = f"the sums are accumulated in {name}: each is rounded before the next product is added"
        made = replace(c, precision=Precision(accumulator=name))
        yield Mistake(f"{name} accumulator", words, made, step=trial.before * trial.scale)


def spacing(values: Array) -> float:
    """Find the distance of the numbers that all values are multiples of; 0 if they lie on no grid.

    Examples
    --------
    >>> spacing(np.array([0.25, 1.5, -0.75] * 30))
    0.25
    >>> spacing(np.sqrt(np.arange(1.0, 100.0)))
    0.0
    """
    found = np.unique(np.round(np.abs(values.astype(np.float64)), 12))
    found = found[found > 0]
    if not len(found):
        return 0.0
    largest = float(found[-1])
    gaps = np.diff(np.append(0.0, found))
    gaps = gaps[gaps > largest / LARGEST]
    if not len(gaps):
        return 0.0
    step = float(gaps.min())
    for parts in (1, 2, 3, 4, 5, 6, 8):
        one = step / parts
        levels = np.rint(found / one)
        one = float((found * levels).sum() / (levels * levels).sum())
        if (
            np.abs(found / one - levels).max() < max(ON_GRID, 4e-7 * largest / one)
            and len(found) * 400 > levels[-1] / 1e3
        ):
            return one if largest / one < LARGEST / 16 else 0.0
    return 0.0


def rounded_to(step: float, direction: str) -> Round:
    """Round to multiples of a number."""
    turn = DIRECTIONS[direction]
    return lambda x: turn(x / step) * step


def _words(step: float) -> str:
    power = np.log2(step)
    if abs(power - np.rint(power)) < 1e-6:
        return f"multiples of 2^{int(np.rint(power))} ({step:.6g})"
    return f"multiples of {step:.6g}"


def _of_results(s: Situation, trial: Trial, truth: Array) -> Iterator[Mistake]:
    seen = trial.seen if trial.asked is None else trial.seen[trial.asked]
    step = spacing(seen)
    if not step:
        return
    for direction in DIRECTIONS:
        words = f"the results are rounded to {_words(step)}, {direction}"
        made = replace(s.right, precision=Precision(result=rounded_to(step, direction)))
        yield Mistake("fixed-point result", words, made, step=step)
        low, high = float(seen.min()), float(seen.max())
        bounded = _bounded(rounded_to(step, direction), low, high)
        if truth.max() > high + step or truth.min() < low - step:
            text = f"{words}, and saturated between {low:.6g} and {high:.6g}"
            yield Mistake("fixed-point result", text, replace(s.right, precision=Precision(result=bounded)), step=step)


def _bounded(turn: Round, low: float, high: float) -> Round:
    return lambda x: np.clip(turn(x), low, high)


def _of_levels(s: Situation, trial: Trial) -> Iterator[Mistake]:
    """What stood before the activation, or the sums, on a grid."""
    for words, inside, at in (
        (
            "the numbers before the activation",
            before_activation(trial) if s.right.activation != "none" else None,
            "normed",
        ),
        ("the sums", sums(trial) if s.right.norms or s.right.bias is not None else None, "sums"),
    ):
        if inside is None or inside.known.sum() < ENOUGH:
            continue
        error = (inside.values - inside.right)[inside.known]
        for step in _steps_like(float(np.sqrt(np.square(error).mean())), error):
            for direction in ("to nearest", "down (floor)", "toward zero (truncated)"):
                text = f"{words} are rounded to {_words(step)}, {direction}"
                made = replace(s.right, precision=Precision(**{at: rounded_to(step, direction)}))
                yield Mistake("fixed-point inside", text, made, step=step / 4)


def _steps_like(size: float, error: Array) -> list[float]:
    """Powers of two whose rounding makes errors of such a size: 0.29 of the step to nearest, 0.58 down."""
    if not size > 0:
        return []
    near = int(np.rint(np.log2(size * np.sqrt(12))))
    return [2.0**power for power in (near - 1, near, near + 1)]


def _of_operands(s: Situation, trial: Trial) -> Iterator[Mistake]:
    """Kernels and inputs of fewer bits, and of which direction."""
    c = s.right
    relative = trial.before
    bits = int(np.clip(np.rint(-np.log2(max(relative, 2.0**-24) * 2)), 1, 22))
    for kept in range(max(bits - 3, 1), min(bits + 4, 24)):
        for direction in ("to nearest", "toward zero (truncated)"):
            turn = floats(kept, direction)
            for noun, where in _places(c, turn):
                words = f"{noun} rounded to {kept} bits of fraction, {direction}"
                yield Mistake("narrow float", words, replace(c, precision=where))
    for power in range(-bits - 4, -bits + 6):
        for direction in ("to nearest", "down (floor)", "toward zero (truncated)"):
            turn = rounded_to(2.0**power, direction)
            for noun, where in _places(c, turn):
                words = f"{noun} rounded to {_words(2.0**power)}, {direction}"
                yield Mistake("fixed-point operands", words, replace(c, precision=where))
    if c.kernel is not None:
        yield from _integers(c)


def _places(c: Computation, turn: Round) -> Iterator[tuple[str, Precision]]:
    yield "the inputs are", Precision(inputs=turn)
    if c.kernel is not None:
        yield "the weights of the kernel are", Precision(kernel=turn)
        yield "kernel and inputs are", Precision(inputs=turn, kernel=turn)


def floats(kept: int, direction: str) -> Round:
    """Round to floats with so many bits of fraction."""
    turn = DIRECTIONS[direction]

    def apply(x: Array) -> Array:
        mantissa, exponent = np.frexp(x.astype(np.float64))
        rounded: Array = np.ldexp(turn(mantissa * 2.0 ** (kept + 1)), exponent - kept - 1)
        return rounded

    return apply


def _integers(c: Computation) -> Iterator[Mistake]:
    """Kernels and inputs as integers of some bits, one scale for all or one for each channel."""
    assert c.kernel is not None
    k = c.kernel.astype(np.float64)
    for bits in (2, 3, 4, 5, 6, 7, 8, 10, 12, 16):
        top = 2 ** (bits - 1)
        for levels, name in ((top - 1, "symmetric"), (top, "of the full range")):
            for scope, largest in (
                ("one scale for all", np.abs(k).max()),
                ("a scale for each channel", np.abs(k).max(tuple(range(k.ndim - 1)))),
            ):
                step = np.where(largest > 0, largest / levels, 1.0)
                for direction in ("to nearest", "toward zero (truncated)", "down (floor)"):
                    if (bits, name, direction) == (8, "symmetric", "to nearest"):
                        continue
                    kernel = np.clip(DIRECTIONS[direction](k / step), -top, top - 1) * step
                    words = f"the kernel is rounded to int{bits}, {name}, {scope}, {direction}"
                    yield Mistake(f"int{bits} kernel", words, replace(c, kernel=kernel.astype(np.float32)))
        x = float(np.max(np.abs(c.inputs[0]))) or 1.0
        turn = rounded_to(x / (top - 1), "to nearest")
        words = f"the inputs are rounded to int{bits}, one scale for all"
        yield Mistake(f"int{bits} input", words, replace(c, precision=Precision(inputs=turn)))

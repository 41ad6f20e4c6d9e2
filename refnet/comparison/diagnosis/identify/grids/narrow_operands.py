"""Narrow operands: kernels and inputs rounded to integers, to floats of few bits, to a grid."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from itertools import product
from typing import Any, NamedTuple

import numpy as np

from refnet.arrays import Array
from refnet.comparison.diagnosis.computation import Channels, Computation, Precision
from refnet.comparison.diagnosis.identify.grids.grids import ENOUGH, in_words
from refnet.comparison.diagnosis.identify.inverse import sums
from refnet.comparison.diagnosis.mistakes import Mistake, Situation
from refnet.comparison.diagnosis.number_formats import DIRECTIONS, Grid, Round, floats
from refnet.comparison.diagnosis.trial import Trial

BITS = (8, 4, 7, 6, 5, 3, 2, 9, 10, 12, 14, 16)
BOUNDS = (6.0, 3.0, 1.0, 2.0, 4.0, 8.0, 16.0, 5.0, 10.0)  # of ranges that are set beforehand
FRACTIONS = range(1, 16)
POWERS = range(-16, 3)
TURNS = ("to nearest", "toward zero (truncated)", "down (floor)")
APART = 5.0  # factor between the error that is seen and the one that a rounding should make
ALL, EACH, PIXEL = "one scale for all", "a scale for each channel", "a scale for each picture"


class Rounded(NamedTuple):
    """A rounding of a tensor: its name, in words, and how far it moves numbers: at random, and all in one direction."""

    name: str
    words: str
    turn: Round
    spread: float
    bias: float = 0.0


def narrow_operands(s: Situation, trial: Trial) -> Iterator[Mistake]:
    """Kernels, inputs and both: those whose rounding errors are as large as the error that is seen."""
    c = s.right
    if trial.seen.size < ENOUGH or c.op in ("softmax", "log_softmax"):
        return
    size, kernels = _Sizes(trial), [] if c.kernel is None else list(_kernels(c.kernel))
    for one in kernels:
        if size.fits(kernel=one):
            words = f"the kernel is rounded {one.words}"
            yield Mistake(f"{one.name} kernel", words, replace(c, precision=Precision(kernel=_Kernel(one.turn))))
    inputs = list(_inputs(c))
    for one in inputs:
        if size.fits(x=one):
            words = f"the inputs are rounded {one.words}"
            yield Mistake(f"{one.name} input", words, replace(c, precision=Precision(inputs=one.turn)))
    by_words = {one.words: one for one in kernels}
    for one in inputs:
        for alike in (one.words, one.words.replace(ALL, EACH)):
            kernel = by_words.get(alike)
            if kernel and size.fits(kernel, one):
                scales = f", the kernel with {EACH}" if alike != one.words else ""
                made = replace(c, precision=Precision(one.turn, _Kernel(kernel.turn)))
                yield Mistake(f"{one.name} operands", f"kernel and inputs are rounded {one.words}{scales}", made)


@dataclass(frozen=True, eq=False)
class _Kernel:
    """A rounding of a kernel as ports do it, in float32: at the ends of a range it decides."""

    turn: Round

    def __call__(self, k: Array) -> Array:
        """Round."""
        return np.asarray(self.turn(k.astype(np.float32)), np.float32)

    def narrowed(self, channels: Channels) -> _Kernel:
        """The same for some channels."""
        return _Kernel(self.turn.narrowed(channels)) if isinstance(self.turn, (Levels, Signs)) else self


class _Sizes:
    """How large errors of the sums are, and how large those of kernel and inputs make them."""

    def __init__(self, trial: Trial) -> None:
        c = trial.sample
        inside = sums(trial) if c.kernel is not None else None
        if inside is None or c.kernel is None:
            self._seen = None
            return
        error = np.where(inside.known, inside.values - inside.right, 0.0)
        axes = tuple(range(error.ndim - 1))
        self._seen = np.sqrt(np.square(error).sum(axes) / np.maximum(inside.known.sum(axes), 1))
        x, k = c.inputs[0].astype(np.float64), c.kernel.astype(np.float64)
        pixels, of_each = tuple(range(x.ndim - 1)), tuple(range(k.ndim - 1))
        taps = k[..., 0].size / (1 if c.op == "depthwise" else x.shape[-1])
        mean, square = taps * x.mean(pixels), taps * np.square(x).mean(pixels)
        self._inputs = (mean, square) if c.op == "depthwise" else (mean.sum(), square.sum())
        self._kernel = k.sum(of_each), np.square(k).sum(of_each)

    def fits(self, kernel: Rounded | None = None, x: Rounded | None = None) -> bool:
        """Whether such roundings make errors about as large as those that are seen."""
        if self._seen is None:
            return True
        square = np.zeros(len(self._seen))
        for rounded, (mean, size) in ((kernel, self._inputs), (x, self._kernel)):
            if rounded:
                square = square + rounded.spread**2 * size + np.square(rounded.bias * mean)
        there = self._seen > 0
        ratio = np.sqrt(square[there]) / self._seen[there] if there.any() else np.zeros(1)
        return bool(1 / APART < np.median(ratio) < APART)


def _of_step(name: str, words: str, turn: Round, step: Any, direction: str) -> Rounded:
    """A rounding to multiples of a number: off by a third of it at most, or by half of it and all downwards."""
    size = float(np.median(step)) / np.sqrt(3)
    one_way = direction == "down (floor)"
    return Rounded(name, f"{words}, {direction}", turn, size / 2 if one_way else size / 1.5, size if one_way else 0.0)


def _kernels(k: Array) -> Iterator[Rounded]:
    wide, of_each = k.astype(np.float32), tuple(range(k.ndim - 1))
    for bits, (scope, axes), direction in product(BITS, ((ALL, None), (EACH, of_each)), TURNS):
        largest, low, high = (np.asarray(found(axes)) for found in (np.abs(wide).max, wide.min, wide.max))
        half = 2 ** (bits - 1)
        for top, which in ((half - 1, "symmetric"), (half, "of the full range")):
            step = np.where(largest > 0, largest / np.float32(top), np.float32(1))
            yield _of_step(
                f"int{bits}",
                f"to int{bits}, {which}, {scope}",
                Levels(step, -half, half - 1, direction),
                step,
                direction,
            )
        step = np.where(high > low, (high - low) / np.float32(2**bits - 1), np.float32(1))
        zero = np.rint(-low / step)
        turn = Levels(step, -zero, 2**bits - 1 - zero, direction)
        yield _of_step(f"uint{bits}", f"to uint{bits} with a zero point, {scope}", turn, step, direction)
    yield from _turns(wide)
    size, each = np.abs(wide).mean(), np.abs(wide).mean(of_each)
    near = float(np.std(np.abs(wide)))
    words = "to its sign times the mean size of {} (binary)"
    yield Rounded("binary", words.format("all"), Signs(size), near)
    yield Rounded("binary", words.format("its channel"), Signs(each), near)
    for share in (0.7, 0.5, 0.75, 1.0):
        yield Rounded("ternary", f"to -1, 0 or 1 times a number (ternary), 0 below {share} of the mean size",
                      _ternary(share * size, _mean_above(wide, share * size)), near)  # fmt: skip
        yield Rounded("ternary", f"to -1, 0 or 1 times the mean of what is left (ternary), 0 below {share} of the mean",
                      _ternary(share * size, size), near)  # fmt: skip
    yield Rounded("power of two", "to powers of two", _power_of_two, float(np.std(wide)) / 6)


@dataclass(frozen=True, eq=False)
class Levels:
    """A rounding to multiples of a step between two of them, for all alike or of each channel of a kernel."""

    step: Array
    low: Any
    high: Any
    direction: str

    def __call__(self, k: Array) -> Array:
        """Round."""
        return np.asarray(np.clip(DIRECTIONS[self.direction](k / self.step), self.low, self.high) * self.step)

    def narrowed(self, channels: Channels) -> Levels:
        """The same for some channels."""
        step, low, high = (x[channels] if np.ndim(x) == 1 else x for x in (self.step, self.low, self.high))
        return Levels(step, low, high, self.direction)


@dataclass(frozen=True, eq=False)
class Signs:
    """A number's sign times a size, of all alike or of each channel of a kernel."""

    size: Any

    def __call__(self, k: Array) -> Array:
        """Round."""
        return np.asarray(np.sign(k) * self.size)

    def narrowed(self, channels: Channels) -> Signs:
        """The same for some channels."""
        return Signs(self.size[channels] if np.ndim(self.size) else self.size)


def _ternary(limit: float, size: float) -> Round:
    return lambda k: np.asarray(np.sign(k) * (np.abs(k) > limit) * size)


def _mean_above(k: Array, limit: float) -> float:
    left = np.abs(k)[np.abs(k) > limit]
    return float(left.sum() / max(left.size, 1))


def _power_of_two(k: Array) -> Array:
    return np.asarray(np.sign(k) * 2.0 ** np.rint(np.log2(np.maximum(np.abs(k), 1e-30))))


def _turns(x: Array) -> Iterator[Rounded]:
    size = float(np.sqrt(np.square(x, dtype=np.float64).mean()))
    for kept, direction in product(FRACTIONS, TURNS):
        yield _of_step(
            "narrow float", f"to {kept} bits of fraction", floats(kept, direction), size * 2.0**-kept, direction
        )
    for power, direction in product(POWERS, TURNS):
        step = 2.0**power
        yield _of_step("fixed-point", f"to {in_words(step)}", Grid(step, direction), step, direction)


def _inputs(c: Computation) -> Iterator[Rounded]:
    x = c.inputs[0]
    scopes: list[tuple[str, tuple[int, ...] | None]] = [(ALL, None)]
    if x.ndim == 4 and len(c.inputs) == 1:
        scopes += [(PIXEL, (1, 2, 3))] if len(x) > 1 else []
        scopes += [(EACH, (0, 1, 2))] if c.op == "convolution" else []  # elsewhere, channels are left out
    for bits, (scope, axes), direction in product(BITS, scopes, TURNS):
        half = 2 ** (bits - 1)
        largest = np.maximum(np.abs(x).max(axes, keepdims=axes is not None), np.float32(1e-30))
        for top, which in ((half - 1, "symmetric"), (half, "of the full range")):
            step = largest / np.float32(top)
            turn = Levels(step, -half, half - 1, direction)
            yield _of_step(f"int{bits}", f"to int{bits}, {which}, {scope}", turn, step, direction)
        if scope == ALL:
            low, high = min(float(x.min()), 0.0), max(float(x.max()), 0.0)
            step = np.asarray((high - low) / (2**bits - 1) or 1.0)
            zero = np.rint(-low / step)
            turn = Levels(step, -zero, 2**bits - 1 - zero, direction)
            yield _of_step(f"uint{bits}", f"to uint{bits} with a zero point, {scope}", turn, step, direction)
    for bound in BOUNDS:
        for low, levels, which in ((-bound, 254, "int8"), (0.0, 255, "uint8")):
            step = (bound - low) / levels
            words = f"to {which}, bounded at {low:g} and {bound:g}, {ALL}"
            yield Rounded(which, words, Grid(step, "to nearest", low, bound), step / 2)
    yield from _turns(x)

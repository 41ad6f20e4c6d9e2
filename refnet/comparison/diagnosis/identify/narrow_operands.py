"""Narrow operands: kernels and inputs rounded to integers, to floats of few bits, to a grid."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from itertools import product

import numpy as np

from refnet.arrays import Array
from refnet.comparison.diagnosis.computation import Computation, Precision
from refnet.comparison.diagnosis.identify.grids import ENOUGH, in_words
from refnet.comparison.diagnosis.identify.inverse import sums
from refnet.comparison.diagnosis.mistakes import Mistake, Situation
from refnet.comparison.diagnosis.number_formats import DIRECTIONS, Grid, Round, floats
from refnet.comparison.diagnosis.trial import Trial

BITS = (8, 4, 7, 6, 5, 3, 2, 9, 10, 12, 14, 16)
BOUNDS = (6.0, 3.0, 1.0, 2.0, 4.0, 8.0, 16.0, 5.0, 10.0)  # of ranges that are set beforehand
FRACTIONS = range(1, 16)
POWERS = range(-16, 3)
TURNS = ("to nearest", "toward zero (truncated)", "down (floor)")
PIXELS = 1 << 14  # whose inputs are looked at
APART = 4.0  # factor between the error that is seen and the one that a rounding should make
ALL, EACH, PIXEL = "one scale for all", "a scale for each channel", "a scale for each picture"

_Rounded = tuple[str, str, Array | Round]  # its name, in words, and what it makes


def narrow_operands(s: Situation, trial: Trial) -> Iterator[Mistake]:
    """Kernels, inputs and both: those whose rounding errors are as large as the error that is seen."""
    c = s.right
    if trial.seen.size < ENOUGH or c.op in ("softmax", "log_softmax"):
        return
    size = _Sizes(trial)
    kernels = [] if c.kernel is None else list(_kernels(c.kernel))
    for name, words, kernel in kernels:
        if size.fits(kernel=kernel[..., trial.channels] - trial.sample.kernel):
            yield Mistake(name, f"the kernel is rounded {words}", replace(c, kernel=kernel))
    for name, words, turn in _inputs(c):
        if size.fits(turn=turn):
            yield Mistake(name, f"the inputs are rounded {words}", replace(c, precision=Precision(inputs=turn)))
    by_words: dict[str, Array] = {words: kernel for _, words, kernel in kernels}
    for name, words, turn in _inputs(c):
        for alike in (words, words.replace(ALL, EACH)):
            if alike in by_words and size.fits(by_words[alike][..., trial.channels] - trial.sample.kernel, turn):
                scales = f", the kernel with {EACH}" if alike != words else ""
                made = replace(c, kernel=by_words[alike], precision=Precision(inputs=turn))
                yield Mistake(name, f"kernel and inputs are rounded {words}{scales}", made)


class _Sizes:
    """How large errors of the sums should be, by those of kernel and inputs, and how large they are."""

    def __init__(self, trial: Trial) -> None:
        c = trial.sample
        inside = sums(trial) if c.kernel is not None else None
        x = c.inputs[0].astype(np.float64)
        self._x = x[:, :: max(x[..., 0].size // PIXELS, 1)] if x.ndim == 4 else x
        self._kernel, self._by_channel = c.kernel, c.op == "depthwise"
        self._seen = None
        if inside is not None:
            error = np.where(inside.known, inside.values - inside.right, 0.0)
            axes = tuple(range(error.ndim - 1))
            self._seen = np.sqrt(np.square(error).sum(axes) / np.maximum(inside.known.sum(axes), 1))

    def fits(self, kernel: Array | None = None, turn: Round | None = None) -> bool:
        """Whether such errors are about as large as what is seen."""
        if self._seen is None or self._kernel is None:
            return True
        square = np.zeros(len(self._seen))
        if kernel is not None:
            square += self._square(kernel, self._x)
        if turn is not None:
            square += self._square(self._kernel, turn(self._x) - self._x)
        there = self._seen > 0
        if not there.any() or not square[there].any():
            return False
        ratio = float(np.median(np.sqrt(square[there]) / self._seen[there]))
        return 1 / APART < ratio < APART

    def _square(self, kernel: Array, x: Array) -> Array:
        """Mean square of the sums of products of one kernel and inputs that do not depend on each other."""
        k = kernel.astype(np.float64)
        pixels = tuple(range(x.ndim - 1))
        mean, variance = x.mean(pixels), x.var(pixels)
        if self._by_channel:
            return np.asarray(np.square(k).sum((0, 1)) * variance + np.square(k.sum((0, 1)) * mean))
        k = k.reshape(-1, *k.shape[-2:])
        return np.asarray((np.square(k) * variance[:, None]).sum((0, 1)) + np.square((k * mean[:, None]).sum((0, 1))))


def _kernels(k: Array) -> Iterator[tuple[str, str, Array]]:
    wide = k.astype(np.float32)  # as ports divide: at the ends of a range it decides
    of_each = tuple(range(k.ndim - 1))
    for bits, (scope, axes), direction in product(BITS, ((ALL, None), (EACH, of_each)), TURNS):
        largest = np.asarray(np.abs(wide).max(axes))
        for top, which in ((2 ** (bits - 1) - 1, "symmetric"), (2 ** (bits - 1), "of the full range")):
            step = np.where(largest > 0, largest / np.float32(top), np.float32(1))
            levels = np.clip(DIRECTIONS[direction](wide / step), -(2 ** (bits - 1)), 2 ** (bits - 1) - 1)
            yield f"int{bits} kernel", f"to int{bits}, {which}, {scope}, {direction}", _single(levels * step)
        low, high = wide.min(axes), wide.max(axes)
        step = np.where(high > low, (high - low) / np.float32(2**bits - 1), np.float32(1))
        zero = np.rint(-low / step)
        levels = np.clip(DIRECTIONS[direction](wide / step) + zero, 0, 2**bits - 1) - zero
        yield f"uint{bits} kernel", f"to uint{bits} with a zero point, {scope}, {direction}", _single(levels * step)
    for name, words, turn in _turns():
        yield name, words, _single(turn(wide))
    sign = np.sign(wide)
    yield "binary kernel", "to its sign times the mean size of all (binary)", _single(sign * np.abs(wide).mean())
    each = sign * np.abs(wide).mean(of_each)
    yield "binary kernel", "to its sign times the mean size of its channel (binary)", _single(each)
    powers = sign * 2.0 ** np.rint(np.log2(np.maximum(np.abs(wide), 1e-30)))
    yield "powers of two", "to powers of two", _single(powers)


def _single(x: Array) -> Array:
    return np.asarray(x, np.float32)


def _turns() -> Iterator[tuple[str, str, Round]]:
    for kept, direction in product(FRACTIONS, TURNS):
        yield "narrow float", f"to {kept} bits of fraction, {direction}", floats(kept, direction)
    for power, direction in product(POWERS, TURNS):
        yield "fixed-point operands", f"to {in_words(2.0**power)}, {direction}", Grid(2.0**power, direction)


def _inputs(c: Computation) -> Iterator[tuple[str, str, Round]]:
    x = c.inputs[0]
    for bits, direction in product(BITS, TURNS):
        top = 2 ** (bits - 1) - 1
        for scope, axes in ((EACH, tuple(range(x.ndim - 1))), (PIXEL, tuple(range(1, x.ndim)))):
            if scope == PIXEL and len(x) == 1:
                continue
            step = np.maximum(np.abs(x).max(axes, keepdims=True) / np.float32(top), np.float32(1e-30))
            if not (scope == EACH and c.op not in ("convolution", "dense")):  # there, channels are left out
                yield f"int{bits} input", f"to int{bits}, symmetric, {scope}, {direction}", Grid(step, direction)
    largest, low, high = float(np.max(np.abs(x))) or 1.0, float(np.min(x)), float(np.max(x))
    for bits, direction in product(BITS, TURNS):
        for top, which in ((2 ** (bits - 1) - 1, "symmetric"), (2 ** (bits - 1), "of the full range")):
            step = largest / top
            turn = Grid(step, direction, -(2 ** (bits - 1)) * step, (2 ** (bits - 1) - 1) * step)
            yield f"int{bits} input", f"to int{bits}, {which}, {ALL}, {direction}", turn
        step = (max(high, 0.0) - min(low, 0.0)) / (2**bits - 1) or 1.0
        zero = np.rint(-min(low, 0.0) / step)
        turn = Grid(step, direction, -zero * step, (2**bits - 1 - zero) * step)
        yield f"uint{bits} input", f"to uint{bits} with a zero point, {ALL}, {direction}", turn
    for bound in BOUNDS:
        for least, levels, which in ((-bound, 254, "int8"), (0.0, 255, "uint8")):
            turn = Grid((bound - least) / levels, "to nearest", least, bound)
            yield f"{which} input", f"to {which}, bounded at {least:g} and {bound:g}, {ALL}", turn
    yield from _turns()

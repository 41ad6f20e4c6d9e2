"""Trial: a port's tensor against computations, first on some of its channels, then on all of them."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from refnet.arrays import Array
from refnet.comparison.diagnosis.computation import Computation, evaluate, finish, total
from refnet.comparison.diagnosis.number_formats import FORMATS, JUDGED_AS
from refnet.comparison.judgement.verdict import judge, rms

SAMPLED = 1 << 17  # numbers of a tensor that all mistakes are tried on
NEGLIGIBLE = 1e-5  # share of an error that needs no explanation: noise floors of a few numbers may be too low by chance
AT_A_TIME = 1 << 21  # numbers of a tensor that are computed at once


class Trial:
    """A port's tensor, ``actual``, what it should be, and a sample of both.

    The sample, ``sample`` of the right computation and ``seen`` of the port's numbers, are some channels: half of them
    the worst, half spread evenly; channels with infinities and NaN count nowhere. ``scale`` is the root mean square of
    the port's numbers, ``before`` that of their error, relative to it, and infinite where the shape is wrong.
    """

    def __init__(self, right: Computation, actual: Array, dtype: str, noise: float = 0.0) -> None:
        self.actual = actual
        self.dtype = dtype
        finite = np.isfinite(actual)
        self.scale = rms(actual[finite]) or 1.0
        self._usable = np.flatnonzero(finite.all(tuple(range(actual.ndim - 1))))
        errors = np.concatenate([_square_errors(c, wanted) for c, wanted in self._pieces(right)])
        self.before = float(np.sqrt(errors.mean())) / self.scale
        self._negligible = self.scale * max(noise, NEGLIGIBLE * self.before if np.isfinite(self.before) else 0.0)
        self._right = right
        self._sampled = self._usable[_sampled(errors, actual)]
        self.sample, self.seen = self._narrowed(right, self._sampled)
        with np.errstate(all="ignore"):
            self._total = total(self.sample, np.float64)

    def error(self) -> Array:
        """What is wrong with the port's numbers; 0 in channels with infinities and NaN."""
        error = np.zeros(self.actual.shape, np.float32)
        first = 0
        for c, wanted in self._pieces(self._right):
            channels = self._usable[first : first + wanted.shape[-1]]
            error[..., channels] = wanted - evaluate(c, np.float64)
            first += wanted.shape[-1]
        return error

    def residual(self, c: Computation) -> float:
        """Root mean square of what a computation leaves of the sample, relative; infinite for another shape."""
        sample, seen = self._narrowed(c, self._sampled)
        if c.has_sum_of(self._right) and sample is not c:
            with np.errstate(all="ignore"):
                result = finish(sample, self._total, np.float64)
        else:
            result = evaluate(sample, np.float64)
        residual = rms(seen - result) / self.scale if result.shape == seen.shape else np.inf
        return residual if np.isfinite(residual) else np.inf

    def reproduces(self, c: Computation, grid: str = "") -> bool:
        """Whether a computation gives all of the port's numbers, up to other roundings."""
        if grid and not np.array_equal(FORMATS[grid](self.actual), self.actual):
            return False
        dtype = JUDGED_AS.get(grid, self.dtype)
        return self._agree(*self._narrowed(c, self._sampled), dtype) and all(
            self._agree(piece, wanted, dtype) for piece, wanted in self._pieces(c)
        )

    def _agree(self, c: Computation, wanted: Array, dtype: str) -> bool:
        single, truth = evaluate(c, np.float32), evaluate(c, np.float64)
        if wanted.shape != truth.shape:
            return False
        return rms(wanted - truth) <= self._negligible or judge(wanted, single, truth, dtype).verdict != "wrong"

    def _pieces(self, c: Computation) -> Iterator[tuple[Computation, Array]]:
        """Groups of channels that are computed at once, so that a large tensor needs little memory beside it."""
        at_once = max(AT_A_TIME * self.actual.shape[-1] // self.actual.size, 1)
        if not self._narrows(c):
            yield c, self.actual
            return
        for first in range(0, len(self._usable), at_once):
            yield self._narrowed(c, self._usable[first : first + at_once])

    def _narrowed(self, c: Computation, channels: Array) -> tuple[Computation, Array]:
        return (c.narrowed(channels), self.actual[..., channels]) if self._narrows(c) else (c, self.actual)

    def _narrows(self, c: Computation) -> bool:
        return c.narrows and c.channels == self.actual.shape[-1]


def _square_errors(c: Computation, wanted: Array) -> Array:
    """Mean square error of each channel."""
    truth = evaluate(c, np.float64)
    if truth.shape != wanted.shape:
        return np.full(wanted.shape[-1:], np.inf)
    errors: Array = np.square(wanted - truth).mean(tuple(range(wanted.ndim - 1)))
    return errors


def _sampled(errors: Array, actual: Array) -> Array:
    """Indices of the worst and of some other channels."""
    channels = len(errors)
    count = min(max(SAMPLED * channels // actual.size, 2), channels)
    worst = np.argsort(errors)[channels - count // 2 :]
    spread = np.linspace(0, channels - 1, count - len(worst)).astype(np.int64)
    return np.union1d(worst, spread)

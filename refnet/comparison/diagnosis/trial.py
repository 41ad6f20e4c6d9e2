"""Trial: a port's tensor against computations, first on some of its channels, then on all of them."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import fields, replace
from functools import cached_property
from typing import NamedTuple

import numpy as np

from refnet.arrays import Array
from refnet.comparison.diagnosis.bands import Band, bands_of, of_rows
from refnet.comparison.diagnosis.computation import Computation, evaluate, finish, total
from refnet.comparison.diagnosis.number_formats import FORMATS
from refnet.comparison.diagnosis.ties import agrees, distance, is_by_chance, rounds
from refnet.comparison.judgement.verdict import MAX_FACTOR, ROUNDING, judge, rms

SAMPLED = 1 << 17  # numbers of a tensor that all mistakes are tried on
AT_A_TIME = 1 << 21  # numbers of a tensor that are computed at once
QUICK = 6  # times fewer channels are looked at first
PRODUCTS = 1 << 26  # that are added one by one
MOST = 0.5  # of what is wrong: what sums that are rounded one by one must give to the bit


class _Piece(NamedTuple):
    """A computation of some channels, the port's numbers of them, and which of these are asked about (None: all)."""

    c: Computation
    wanted: Array
    part: Array | None

    def error(self, result: Array) -> Array:
        """What a result leaves; infinite if it has another shape."""
        if result.shape != self.wanted.shape:
            return np.full(1, np.inf)
        return _asked(self.wanted - result, self.part)


def _size(x: Array) -> float:
    """Root mean square of few numbers."""
    return float(np.sqrt(np.square(x, dtype=np.float64).mean())) if x.size else 0.0


def _asked(x: Array, part: Array | None) -> Array:
    return x if part is None else x[part]


class Trial:
    """A port's tensor, ``actual``, what it should be, and a sample of both.

    The sample, ``sample`` of the right computation and ``seen`` of the port's numbers, are some channels: half of them
    the worst, half spread evenly; channels with infinities and NaN count nowhere. ``scale`` is the root mean square of
    the port's numbers, ``before`` that of their error, relative to it, and infinite where the shape is wrong.
    With ``part``, a mask of the tensor, all of this is asked of the numbers in it alone.
    """

    def __init__(
        self, right: Computation, actual: Array, dtype: str, noise: float = 0.0, part: Array | None = None
    ) -> None:
        self.actual, self.dtype, self.part = actual, dtype, part
        finite, axes = np.isfinite(actual), tuple(range(actual.ndim - 1))
        self.scale = rms(actual[finite if part is None else finite & part]) or 1.0
        usable = finite.all(axes) if part is None else (finite | ~part).all(axes) & part.any(axes)
        self._usable = np.flatnonzero(usable)
        errors = np.concatenate([_square_errors(piece) for piece in self._pieces(right)])
        self.before = float(np.sqrt(errors.mean())) / self.scale
        self._noise = self.scale * noise
        self._right = right
        self._sampled = self._usable[_sampled(errors if len(errors) == len(self._usable) else errors[usable], actual)]
        self._kept: dict[int, _Piece] = {}
        self.sample, self.seen, self.asked = self._narrowed(right, self._sampled)
        with np.errstate(all="ignore"):
            self.total = total(self.sample, np.float64)

    @property
    def channels(self) -> Array:
        """Indices of the channels in the sample."""
        return self._sampled if self._narrows(self._right) else np.arange(self.actual.shape[-1])

    def residual(self, c: Computation, *, quick: bool = False) -> float:
        """Root mean square of what a computation leaves of the sample, relative; infinite for another shape.

        ``quick`` looks at few channels of it in float32, and at few rows where these can be computed alone.
        """
        every = QUICK if quick and self._narrows(c) and len(self._sampled) > QUICK else 1
        piece = self._of_sample(c, every)
        if is_by_chance(c) or (rounds(c) and not quick):
            return self._relative(rms(_asked(distance(piece.c, piece.wanted), piece.part)))
        known = self.total[..., ::-every] if c.has_sum_of(self._right) and piece.c is not c else None
        if quick and (found := self._of_bands(piece, known)) is not None:
            return self._relative(_size(found))
        if known is not None:
            with np.errstate(all="ignore"):
                result = finish(piece.c, known, np.float64)
        elif c.reorder is not None and self._differs_in_order_alone(c):
            result = c.reorder(self._whole)
            if quick and result.shape == self.actual.shape and self._bands:
                return self._relative(_size(self._cut(_Piece(c, self.actual, self.part), result)))
        else:
            result = evaluate(piece.c, np.float32 if c.precision.accumulator or quick else np.float64)
        return self._relative((_size if quick else rms)(piece.error(result)))

    def _cut(self, piece: _Piece, result: Array) -> Array:
        """What a whole result leaves of few rows and channels."""
        channels = self._sampled[::-QUICK]
        errors = []
        for band in self._bands:
            part = None if piece.part is None else piece.part[:, slice(*band)][..., channels]
            error = (piece.wanted[:, slice(*band)] - result[:, slice(*band)])[..., channels]
            errors.append(_asked(error, part).reshape(-1))
        return np.concatenate(errors)

    def _of_bands(self, piece: _Piece, known: Array | None) -> Array | None:
        """What a computation leaves of a few rows; None if these cannot be computed alone."""
        errors = []
        for band in self._bands:
            rows = slice(*band)
            c = of_rows(piece.c, band, self.actual.shape[1])
            if c is None:
                return None
            with np.errstate(all="ignore"):
                result = evaluate(c, np.float32) if known is None else finish(c, known[:, rows], np.float64)
            part = None if piece.part is None else piece.part[:, rows]
            errors.append(_Piece(c, piece.wanted[:, rows], part).error(result).reshape(-1))
        return np.concatenate(errors) if errors else None

    @cached_property
    def _bands(self) -> tuple[Band, ...]:
        """Few rows of the result, those with the largest errors among them; none where it has few or no rows."""
        if self.seen.ndim != 4 or self.total.shape[:3] != self.seen.shape[:3]:
            return ()
        errors = np.square(self.seen - evaluate(self.sample, np.float64))
        if self.asked is not None:
            errors *= self.asked
        N, _, W, K = errors.shape
        return bands_of(errors.sum((0, 2, 3)), N * W * -(-K // QUICK))

    @cached_property
    def quickly_before(self) -> float:
        """What the right computation leaves, if it is looked at quickly."""
        return self.residual(self._right, quick=True)

    def _relative(self, size: float) -> float:
        return size / self.scale if np.isfinite(size) else np.inf

    def _differs_in_order_alone(self, c: Computation) -> bool:
        others = (field.name for field in fields(c) if field.name != "reorder")
        return all(getattr(c, name) is getattr(self._right, name) for name in others)

    @cached_property
    def _whole(self) -> Array:
        """The right result, of all channels."""
        return evaluate(replace(self._right, reorder=None), np.float32)

    def reproduces(self, c: Computation, grid: str = "") -> bool:
        """Whether a computation gives all of the port's numbers, up to other roundings."""
        if grid and not np.array_equal(FORMATS[grid](self.actual), self.actual):
            return False
        if c.precision.accumulator or c.precision.products:
            fewer = max(terms_of(c) * self.seen.size // PRODUCTS, 1)
            return self._mostly_agrees(c, self._sampled[::-fewer])
        return self._agrees(self._narrowed(c, self._sampled)) and all(map(self._agrees, self._pieces(c)))

    def _agrees(self, piece: _Piece) -> bool:
        terms = terms_of(piece.c)
        if rounds(piece.c):
            return agrees(piece.c, piece.wanted, piece.part, self.dtype, terms)
        single, truth, wanted = evaluate(piece.c, np.float32), evaluate(piece.c, np.float64), piece.wanted
        if wanted.shape != truth.shape:
            return False
        if rms(piece.error(truth)) <= self._noise:
            return True
        if piece.part is not None:
            wanted, single, truth = wanted[piece.part], single[piece.part], truth[piece.part]
        return judge(wanted, single, truth, self.dtype, terms).verdict != "wrong"

    def _mostly_agrees(self, c: Computation, channels: Array) -> bool:
        """Whether most of what is wrong comes out to the bit: where each sum is rounded, a tie moves all after it."""
        piece = self._narrowed(c, channels)
        single = evaluate(piece.c, np.float32)
        if single.shape != piece.wanted.shape:
            return False
        right = evaluate(self._narrowed(self._right, channels).c, np.float64)
        limit = MAX_FACTOR * ROUNDING["float32"] * np.maximum(np.abs(single), rms(single))
        with np.errstate(invalid="ignore"):
            wrong = np.abs(piece.wanted - right) > limit
            made = np.abs(piece.wanted - single) <= limit
        if piece.part is not None:
            wrong &= piece.part
        return bool(np.count_nonzero(wrong & made) > MOST * np.count_nonzero(wrong))

    def _pieces(self, c: Computation) -> Iterator[_Piece]:
        """Groups of channels that are computed at once, so that a large tensor needs little memory beside it."""
        at_once = max(AT_A_TIME * self.actual.shape[-1] // self.actual.size, 1)
        if not self._narrows(c):
            yield _Piece(c, self.actual, self.part)
            return
        for first in range(0, len(self._usable), at_once):
            yield self._narrowed(c, self._usable[first : first + at_once])

    def _of_sample(self, c: Computation, every: int) -> _Piece:
        """A computation of every so many-th channel of the sample, beside the port's numbers, which are kept."""
        if not self._narrows(c):
            return _Piece(c, self.actual, self.part)
        channels = self._sampled[::-every]
        if every not in self._kept:
            self._kept[every] = self._narrowed(self._right, channels)
        return self._kept[every]._replace(c=c.narrowed(channels))

    def _narrowed(self, c: Computation, channels: Array) -> _Piece:
        if not self._narrows(c):
            return _Piece(c, self.actual, self.part)
        part = None if self.part is None else self.part[..., channels]
        return _Piece(c.narrowed(channels), self.actual[..., channels], part)

    def _narrows(self, c: Computation) -> bool:
        return c.narrows and c.channels == self.actual.shape[-1]


def terms_of(c: Computation) -> int:
    """How many terms a computation adds up for one number.

    Examples
    --------
    >>> terms_of(Computation("dense", (np.zeros((1, 40)),), np.zeros((40, 3))))
    40
    """
    if c.kernel is not None:
        return int(c.kernel[..., 0].size)
    x = c.inputs[0]
    counts: dict[str, int] = {"mean": x[0, ..., 0].size, "gem": x[0, ..., 0].size, "softmax": x.shape[-1]}
    return counts.get(c.op, 1)


def _square_errors(piece: _Piece) -> Array:
    """Mean square error of each channel."""
    truth, wanted = evaluate(piece.c, np.float64), piece.wanted
    if truth.shape != wanted.shape:
        return np.full(wanted.shape[-1:], np.inf)
    axes = tuple(range(wanted.ndim - 1))
    if piece.part is None:
        errors: Array = np.square(wanted - truth).mean(axes)
        return errors
    squares = np.where(piece.part, np.square(wanted - truth), 0.0)
    means: Array = squares.sum(axes) / np.maximum(piece.part.sum(axes), 1)
    return means


def _sampled(errors: Array, actual: Array) -> Array:
    """Indices of the worst and of some other channels."""
    channels = len(errors)
    count = min(max(SAMPLED * channels // actual.size, 2), channels)
    worst = np.argsort(errors)[channels - count // 2 :]
    spread = np.linspace(0, channels - 1, count - len(worst)).astype(np.int64)
    return np.union1d(worst, spread)

"""Narrow sums: accumulators of few bits. In which format, and in which order, is found at a few pixels."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import NamedTuple

import numpy as np

from refnet.arrays import Array
from refnet.comparison.diagnosis.computation import Computation, Precision
from refnet.comparison.diagnosis.identify.grids.grids import BLUR, in_words
from refnet.comparison.diagnosis.identify.grids.spacing import spacing
from refnet.comparison.diagnosis.identify.inverse import Inside, sums
from refnet.comparison.diagnosis.identify.layers.gains import Pixels, pixels_of
from refnet.comparison.diagnosis.mistakes import Mistake, Situation
from refnet.comparison.diagnosis.number_formats import FORMATS, Grid, Round, floats
from refnet.comparison.diagnosis.summation import SUMMATION_ORDERS, SummationOrder
from refnet.comparison.diagnosis.trial import MOST, Trial

PIXELS, CHANNELS = 32, 8  # that are looked at
LONGEST = 2048  # terms of a sum
FEWEST = 6  # wrong sums: that half of them come out to the bit by chance is out of the question
NEAR = 1e-5  # relative, of sums that are taken for the same
APART = 4.0  # factor between the error that is seen and that of a format, in whatever order
OFTEN = 3  # equal sums at an end, from which on they may be bounded there


class Narrow(NamedTuple):
    """How sums are kept: the name and the words for it, and what is rounded."""

    name: str
    words: str
    sums: Round
    products: Round | None = None
    operands: Round | None = None

    def precision(self, order: SummationOrder) -> Precision:
        """The same for a computation."""
        operands, products = self.operands or "", self.products or ""
        return Precision(operands, operands, accumulator=self.sums, products=products, order=order)

    def added(self, x: Array, w: Array, chains: list[Array]) -> Array:
        """Sum the products of taps, x [P, T, K] (or [P, T, 1]) and w [T, K], in float32 but for what is rounded."""
        if self.operands:
            x, w = self.operands(x).astype(np.float32), self.operands(w).astype(np.float32)
        products = x * w
        if self.products:
            products = self.products(products).astype(np.float32)
        total: Array | None = None
        for chain in chains:
            acc = np.zeros(products[:, 0].shape, np.float32)
            for tap in chain:
                acc = self.sums(acc + products[:, tap]).astype(np.float32)
            total = acc if total is None else self.sums(total + acc).astype(np.float32)
        assert total is not None
        return total


def narrow_sums(s: Situation, trial: Trial) -> Iterator[Mistake]:
    """Accumulators of fewer bits, or with a bound: each sum is rounded before the next product is added."""
    c, inside = trial.sample, sums(trial)
    if inside is None or c.kernel is None or c.kernel[..., 0].size > LONGEST or inside.known.sum() < FEWEST:
        return
    pixels = pixels_of(c, inside, 0, CHANNELS, PIXELS)
    x, w = _taps(c, pixels)
    limit = NEAR * (float(np.sqrt(np.square(pixels.right).mean())) or 1.0)
    wrong = pixels.known & (np.abs(pixels.seen - pixels.right) > limit)
    if np.count_nonzero(wrong) < FEWEST:
        return
    size = _size(pixels.seen - pixels.right, wrong)
    first, *others = SUMMATION_ORDERS
    near: list[Narrow] = []
    for way in _ways(inside):
        made = way.added(x, w, first.chains(len(w)))
        if _gives(made, pixels, wrong, limit):
            yield _mistake(s.right, way, first)
            return
        if 1 / APART < _size(made - pixels.right, wrong) / size < APART:
            near.append(way)
    for order in others:
        chains = order.chains(len(w))
        for way in near if len(chains) < len(w) else ():
            if _gives(way.added(x, w, chains), pixels, wrong, limit):
                yield _mistake(s.right, way, order)
                return


def _mistake(c: Computation, way: Narrow, order: SummationOrder) -> Mistake:
    in_order = "" if order is SUMMATION_ORDERS[0] else f", {order.words}"
    words = f"the sums are accumulated {way.words} before the next product is added{in_order}"
    return Mistake(way.name, words, replace(c, precision=way.precision(order)))


def _size(error: Array, wrong: Array) -> float:
    return float(np.sqrt(np.square(error[wrong]).mean())) or np.inf


def _gives(made: Array, pixels: Pixels, wrong: Array, limit: float) -> bool:
    with np.errstate(invalid="ignore"):
        same = np.abs(made - pixels.seen) <= limit
    return bool(np.count_nonzero(same & wrong) > MOST * np.count_nonzero(wrong))


def _taps(c: Computation, pixels: Pixels) -> tuple[Array, Array]:
    """What is multiplied: x f32[P, T, K] (or [P, T, 1]) and w f32[T, K]."""
    assert c.kernel is not None
    w = c.kernel[..., : pixels.seen.shape[1]].astype(np.float32)
    read = pixels.read.astype(np.float32)
    if c.op == "depthwise":
        return read.reshape(len(read), -1, read.shape[-1])[..., : w.shape[-1]], w.reshape(-1, w.shape[-1])
    return read.reshape(len(read), -1, 1), w.reshape(-1, w.shape[-1])


def _ways(inside: Inside) -> Iterator[Narrow]:
    one_rounds = ": each is rounded"
    for name, turn in (
        *((name, FORMATS[name]) for name in ("float16", "bfloat16", "bfloat16 toward zero")),
        ("float16 toward zero", floats(10, "toward zero (truncated)")),
    ):
        title = f"{name} accumulator"
        yield Narrow(title, f"in {name}{one_rounds}", turn)
        yield Narrow(title, f"in {name}, of products rounded to it too{one_rounds}", turn, turn)
        yield Narrow(title, f"in {name}, of operands rounded to it too{one_rounds}", turn, None, turn)
        yield Narrow(title, f"in {name}, of operands and products rounded to it too{one_rounds}", turn, turn, turn)
    values = inside.values[inside.known]
    blur = BLUR * float(np.max(np.abs(values), initial=0.0))
    if step := spacing(values, blur):
        for direction in ("to nearest", "down (floor)", "toward zero (truncated)", "to nearest, ties up"):
            words = f"in fixed point, {in_words(step)}: each product is rounded {direction}"
            turn = Grid(step, direction)
            yield Narrow("fixed-point accumulator", words, turn, turn)
    low, high = float(values.min(initial=0.0)), float(values.max(initial=0.0))
    low, high = (
        end if np.count_nonzero(np.abs(values - end) <= blur) >= OFTEN else sign * np.inf
        for sign, end in ((-1, low), (1, high))
    )
    if np.isfinite([low, high]).any():
        bounds = " and ".join(f"{end:.6g}" for end in (low, high) if np.isfinite(end))
        words = f"with a bound, {bounds}, that each sum may not exceed (saturated)"
        yield Narrow("saturated accumulator", words, lambda x: np.clip(x, low, high))

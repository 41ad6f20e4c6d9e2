"""Settled: pixels that are known but for colours and normalisation beside an input; whether they make it."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from refnet.arrays import Array
from refnet.comparison.diagnosis.preparation.colours import Mix, Tinted, in_levels, line, tinted
from refnet.comparison.diagnosis.preparation.normalisations import UNKNOWN, Scaling, name_normalisation, unknown
from refnet.comparison.diagnosis.preparation.sample import colours
from refnet.preprocessing.normalise import Normalisation

FEW = 4096  # pixels on which colours are told apart
ROUNDING = 0.01  # levels, root mean square: what other orders of roundings leave
LARGEST = 0.5  # levels, the largest of these
ONE = 1.02  # level: what another way to round to whole levels may change
CHANGED = 0.1  # of the numbers, at most
MIXES_TRIED = 8
FAR = 1.0  # levels, from which an error can not be rounding


class Settled(NamedTuple):
    """What was done to pixels to make an input.

    Attributes
    ----------
    wrong
        Sentences about colours and normalisation, by name.
    mix, scaling
        What the channels are made of, and the normalisation of these.
    left
        Error in levels, root mean square.
    reproduces
        Whether that is rounding.
    predicted
        The input that they make.
    """

    wrong: dict[str, str]
    mix: Mix
    scaling: Scaling
    left: float
    reproduces: bool
    predicted: Array

    @property
    def surprise(self) -> tuple[bool, bool, int, float]:
        """The one to be told has the least."""
        return not self.reproduces, UNKNOWN in self.wrong, len(self.wrong), self.left


def settle(pixels: Array, wanted: Array, own: Normalisation, picture: Array | None = None) -> Settled:
    """Find the colours and the normalisation that take pixels, f64[..., 3] of 0..255, to an input."""
    x, y = pixels.reshape(-1, 3), wanted.reshape(-1, 3)
    some = np.random.default_rng(0).permutation(len(x))[:FEW]
    tints = tinted(x[some], y[some])
    count = MIXES_TRIED if tints[0].residual < FAR else 1
    found = [_one(tint, x, y, own, picture) for tint in tints[:count]]
    best = min(found, key=lambda settled: settled.surprise)
    return best._replace(predicted=best.predicted.reshape(wanted.shape))


def may_settle(pixels: Array, wanted: Array) -> bool:
    """Whether some colours make an input of pixels, as far as a few of these show."""
    x, y = pixels.reshape(-1, 3), wanted.reshape(-1, 3)
    some = np.random.default_rng(0).permutation(len(x))[: FEW // 8]
    return in_levels(colours(x[some], y[some])[1], y[some], x[some]) < FAR


def _one(tint: Tinted, x: Array, y: Array, own: Normalisation, picture: Array | None) -> Settled:
    mixed = tint.mix.apply(x)
    whole = _are_whole(mixed)
    factor, offset = line(mixed, y)
    if whole:
        factor, offset = _without_others(mixed, y, factor, offset)
    fitted = Scaling(factor, offset)
    words, scaling = name_normalisation(fitted, own, tint.mix.order, y, picture)
    options = [(words, scaling)]
    if UNKNOWN not in words:
        options.append((unknown(fitted, own), fitted))
    told = {tint.mix.name: tint.mix.words} if tint.mix.name else {}
    settled = []
    for said, numbers in options:
        predicted = mixed * numbers.factor + numbers.offset
        left, good = agree(predicted, y, _per_level(tint.mix, numbers.factor), whole=whole)
        settled.append(Settled(told | said, tint.mix, numbers, left, good, predicted))
    return min(settled, key=lambda one: (not one.reproduces, UNKNOWN in one.wrong))


def _per_level(mix: Mix, factor: Array) -> Array:
    """What one level of the picture makes of each channel."""
    rows = np.ones(3) if mix.order is not None else np.abs(mix.matrix[:, :3]).sum(1)
    per_level: Array = np.maximum(np.abs(factor) * rows, 1e-12)
    return per_level


def _are_whole(x: Array) -> bool:
    return bool(np.all(x == np.rint(x)))


def _without_others(x: Array, y: Array, factor: Array, offset: Array) -> tuple[Array, Array]:
    """Lines through those pixels alone that are rounded alike."""
    for _ in range(2):
        alike = np.abs((y - offset) / np.where(factor == 0, 1, factor) - x).max(1) < 0.5
        if alike.sum() < len(x) // 2:
            break
        factor, offset = line(x[alike], y[alike])
    return factor, offset


def agree(predicted: Array, wanted: Array, per_level: Array, *, whole: bool) -> tuple[float, bool]:
    """The error in levels, root mean square, and whether it is rounding.

    Where levels are ``whole``, a tenth of them may be one off: there are several ways to round.
    """
    error = (predicted - wanted) / per_level
    left = float(np.sqrt(np.square(error).mean()))
    grain = _grain(wanted) / float(per_level.min())
    largest = float(np.abs(error).max())
    if left <= ROUNDING + grain and largest <= LARGEST + grain:
        return left, True
    if not whole or largest > ONE + grain:
        return left, False
    off = np.abs(error - np.rint(error)).max() <= 0.02 + grain
    return left, bool(off and (np.abs(error) > 0.5).mean() <= CHANGED)


def _grain(y: Array) -> float:
    """Half of a step of the narrow format that an input is in; 0 for float32."""
    single = y.astype(np.float32)
    if np.array_equal(single.astype(np.float16).astype(np.float32), single):
        return float(np.abs(y).max()) * 2.0**-11
    if not (single.view(np.uint32) & 0xFFFF).any():
        return float(np.abs(y).max()) * 2.0**-8
    return 0.0

"""Sample: some of an input's pixels, where they may lie in the picture, and the colours that fit them."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from refnet.arrays import Array
from refnet.comparison.diagnosis.preparation.resampling import Line

SAMPLED = 28  # rows and columns that are compared


class Place(NamedTuple):
    """Where the rows and columns of an input lie in the picture, and the error that is left, relative."""

    rows: Line
    columns: Line
    residual: float


class Sample(NamedTuple):
    """Some rows and columns of an input, evenly spread over a part of it, and the channel that is looked at."""

    i: Array
    j: Array
    wanted: Array  # f64[i, j, 3]

    @property
    def flat(self) -> Array:
        """Pixel by pixel, f64[i * j, C]."""
        return self.wanted.reshape(-1, self.wanted.shape[-1])

    @classmethod
    def of(cls, wanted: Array, inner: tuple[slice, slice], count: int = SAMPLED) -> Sample:
        """Leave out what is close to the border."""
        i, j = (_spread(side, count) for side in inner)
        return cls(i, j, wanted[i[:, None], j])


def _spread(side: slice, count: int) -> Array:
    length = side.stop - side.start
    margin = min(3, max(length // 8, 0))
    first, last = side.start + margin, side.stop - 1 - margin
    places = np.linspace(first, last, min(count, last - first + 1))
    jitter = np.resize([0, 1, -1, 2, -2], len(places)) if length > 4 * count else 0  # not all on one grid
    return np.unique(np.clip(np.rint(places).astype(np.int64) + jitter, first, last))


def colours(pixels: Array, wanted: Array) -> tuple[Array, Array]:
    """The 3 x 3 numbers and offsets that take pixels nearest to what is wanted, f64[4, K], and what they leave."""
    flat = pixels.reshape(-1, pixels.shape[-1])
    a = np.column_stack([flat, np.full(len(flat), 128.0)])
    y = wanted.reshape(len(flat), -1)
    found = np.linalg.lstsq(a, y, rcond=1e-9)[0]
    rest = y - a @ found
    found[-1] *= 128
    return found, rest


def spread_of(wanted: Array) -> float:
    """Standard deviation of a tensor's channels, or 1."""
    flat = wanted.reshape(-1, wanted.shape[-1])
    return float(np.sqrt(np.square(flat - flat.mean(0)).mean())) or 1.0

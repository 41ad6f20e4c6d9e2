"""Resampling: a picture at other places, along one axis after the other, in every way that ports do it."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import NamedTuple

import numpy as np

from refnet.arrays import Array
from refnet.comparison.diagnosis.preparation.kernels import AREA, FLOOR, ONE_PIXEL, PILLOW_NEAREST, Kernel
from refnet.preprocessing.resize_pillow import nearest

HALF = "half-pixel centres"
CORNER = "places y * scale, without half pixels (TensorFlow 1's)"
ALIGNED = "aligned corners (align_corners)"
DENSE = 24  # times as many lines as each output reads: up to here, a product of matrices is faster
PILLOW, OPENCV = 1 << 22, 2048  # weights are whole multiples of one part in so many


class Axis(NamedTuple):
    """One axis: pixels of the picture become ``full``, of which some are seen; ``centres`` says where they lie.

    ``size`` pixels from ``start`` on become ``full``; ``outputs`` of these, from ``first`` on, are seen.
    """

    start: int
    size: int
    full: int
    first: int
    outputs: int
    centres: str = HALF

    def positions(self) -> Array:
        """Where the outputs lie among the picture's pixels, f64[outputs]."""
        index = np.arange(self.first, self.first + self.outputs, dtype=np.float64)
        if self.centres == ALIGNED:
            return self.start + index * ((self.size - 1) / max(self.full - 1, 1))
        if self.centres == HALF:
            return self.start + (index + 0.5) * (self.size / self.full) - 0.5
        scale = np.float32(self.size) / np.float32(self.full)
        return self.start + (index.astype(np.float32) * scale).astype(np.float64)

    @property
    def scale(self) -> float:
        """Pixels of the picture from one output to the next."""
        return (self.size - 1) / max(self.full - 1, 1) if self.centres == ALIGNED else self.size / self.full


class Line(NamedTuple):
    """One axis of which only origin and step are known: what the first output shows, and how far on the next lies."""

    origin: float
    scale: float
    outputs: int
    start: int
    size: int  # of the picture

    def positions(self) -> Array:
        """Where the outputs lie among the picture's pixels, f64[outputs]."""
        return self.origin + self.scale * np.arange(self.outputs)


@dataclass(frozen=True)
class Listed:
    """One axis, place by place."""

    places: Array
    scale: float
    start: int
    size: int

    @property
    def outputs(self) -> int:
        """How many outputs there are."""
        return len(self.places)

    def positions(self) -> Array:
        """Where the outputs lie among the picture's pixels."""
        return self.places


Along = Axis | Line | Listed


@dataclass(frozen=True)
class Kind:
    """How pixels are weighed.

    ``smooth`` widens the kernel where the picture shrinks; ``positions`` is into how many steps the way between two
    pixels is divided, and ``weights`` that of weights, 0 for no rounding; ``between`` rounds what the first pass makes
    to 0..255; ``down_first`` begins with the vertical pass; ``levels`` says what becomes of the results; ``border`` is
    what lies outside: ``edge``, ``reflect``, ``zero``, or ``none``, where the rest weighs more.
    """

    kernel: Kernel
    smooth: bool = False
    positions: int = 0
    weights: int = 0
    between: bool = False
    down_first: bool = False
    levels: str = "float"
    border: str = ""

    def but(self, **changes: object) -> Kind:
        """The same with other data."""
        return replace(self, **changes)  # type: ignore[arg-type]


def taps(kind: Kind, along: Along, outputs: Array) -> tuple[Array, Array]:
    """Which pixels some outputs read, i64[n, K], and their weights, f64[n, K]."""
    places, scale, start, size = along.positions()[outputs], along.scale, along.start, along.size
    if kind.kernel in ONE_PIXEL:
        index = _one_pixel(kind, along, outputs, places)[:, None]
        return np.clip(index, start, start + size - 1), np.ones(index.shape)
    width = max(scale, 1.0) if kind.smooth or kind.kernel is AREA else 1.0
    if kind.positions:
        whole = np.floor(places)
        places = whole + np.rint((places - whole) * kind.positions) / kind.positions
    reach = kind.kernel.reach * width + (0.5 if kind.kernel is AREA else 0.0)
    index = np.floor(places - reach).astype(np.int64)[:, None] + np.arange(int(2 * reach) + 3)
    weight = kind.kernel.weigh(index - places[:, None], width)
    border = kind.border or ("none" if width > 1 else "edge")
    outside = (index < start) | (index >= start + size)
    if border in ("none", "zero"):
        weight = np.where(outside, 0.0, weight)
    if border == "none" or width > 1 or kind.kernel.name.startswith("lanczos"):
        total = weight.sum(1, keepdims=True)
        weight = weight / np.where(total == 0, 1.0, total)
    if kind.weights:
        weight = np.rint(weight * kind.weights) / kind.weights
    return _inside(index, start, size, border), weight


def _one_pixel(kind: Kind, along: Along, outputs: Array, places: Array) -> Array:
    if kind.kernel is PILLOW_NEAREST and isinstance(along, Axis):
        places = nearest(along.size, along.full, range(along.first + along.outputs))[along.first + outputs]
        return np.asarray(along.start + places)
    index: Array = np.floor(places + (0.0 if kind.kernel is FLOOR else 0.5)).astype(np.int64)
    return index


def _inside(index: Array, start: int, size: int, border: str) -> Array:
    if border == "reflect":
        index = (index - start) % (2 * size)
        return start + np.where(index < size, index, 2 * size - 1 - index)
    return np.clip(index, start, start + size - 1)


def resample(picture: Array, kind: Kind, rows: Along, columns: Along, at: tuple[Array, Array] | None = None) -> Array:
    """Resize f[H, W, C]: all outputs, or those of some rows and some columns, f64[h, w, C].

    Examples
    --------
    >>> from refnet.comparison.diagnosis.preparation.kernels import BILINEAR
    >>> ramp = np.arange(0, 160, 40.0)[None, :, None]
    >>> resample(ramp, Kind(BILINEAR), Axis(0, 1, 1, 0, 1), Axis(0, 4, 8, 0, 8))[0, :, 0].tolist()
    [0.0, 10.0, 30.0, 50.0, 70.0, 90.0, 110.0, 120.0]
    """
    i, j = at or (np.arange(rows.outputs), np.arange(columns.outputs))
    down, across = taps(kind, rows, i), taps(kind, columns, j)
    if kind.down_first:
        across, down = down, across
        picture = picture.swapaxes(0, 1)
    read, places = np.unique(down[0], return_inverse=True)
    lines = _weighed(picture[read].swapaxes(0, 1), *across).swapaxes(0, 1)
    lines = as_levels(lines, "rounded") if kind.between else lines
    weigh = _in_quarters if kind.levels == "quarters" else _weighed
    result = as_levels(weigh(lines, places.reshape(down[0].shape), down[1]), kind.levels)
    return result.swapaxes(0, 1) if kind.down_first else result


def _weighed(lines: Array, index: Array, weight: Array) -> Array:
    """Sum lines of a picture by weights: the first axis becomes that of the outputs."""
    kept = (weight != 0).any(0)
    index, weight = index[:, kept], weight[:, kept]
    read, places = np.unique(index, return_inverse=True)
    if len(read) < DENSE * index.shape[1]:
        matrix = np.zeros((len(index), len(read)))
        np.add.at(matrix, (np.arange(len(index))[:, None], places.reshape(index.shape)), weight)
        product: Array = (matrix @ lines[read].reshape(len(read), -1)).reshape(len(index), *lines.shape[1:])
        return product
    total = np.zeros((len(index), *lines.shape[1:]))
    for k in range(index.shape[1]):
        total += lines[index[:, k]] * weight[:, k, None, None]
    return total


def _in_quarters(lines: Array, index: Array, weight: Array) -> Array:
    """Sum lines in OpenCV's whole numbers: each product is cut to quarters of a level."""
    lines = np.floor(lines * OPENCV / 16)
    total = np.zeros((len(index), *lines.shape[1:]))
    for k in np.flatnonzero((weight != 0).any(0)):
        total += np.floor(lines[index[:, k]] * (weight[:, k, None, None] * OPENCV) / 65536)
    return total / 4


def as_levels(pixels: Array, how: str) -> Array:
    """What becomes of a resize's results: ``float``, ``rounded``, ``quarters``, ``cut``, ``wrapped``, ``clipped``."""
    match how:
        case "rounded" | "quarters":
            return np.clip(np.floor(pixels + 0.5), 0, 255)
        case "cut":
            return np.clip(np.floor(pixels), 0, 255)
        case "wrapped":
            return np.trunc(pixels) % 256
        case "clipped":
            return np.clip(pixels, 0, 255)
    return pixels

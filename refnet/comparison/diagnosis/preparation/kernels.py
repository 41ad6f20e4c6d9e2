"""Kernels: how much a pixel weighs by its distance, in every resize that ports have."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import numpy as np

from refnet.arrays import Array

#: (distances from the centre in pixels, pixels between two outputs where it is widened for them, else 1) -> weights
Weigh = Callable[[Array, float], Array]


class Kernel(NamedTuple):
    """A name in the words of the field, how far it reaches in units of its width, and the weights."""

    name: str
    reach: float
    weigh: Weigh


def _widened(function: Callable[[Array], Array]) -> Weigh:
    return lambda distance, width: function(np.abs(distance) / width)


def _cubic(b: float, c: float) -> Callable[[Array], Array]:
    """Mitchell and Netravali's family; b = 0 is Keys' with a = -c."""

    def weigh(x: Array) -> Array:
        near = ((12 - 9 * b - 6 * c) * x + (-18 + 12 * b + 6 * c)) * x * x + 6 - 2 * b
        far = ((-b - 6 * c) * x + 6 * b + 30 * c) * x * x + (-12 * b - 48 * c) * x + 8 * b + 24 * c
        return np.where(x < 1, near, np.where(x < 2, far, 0.0)) / 6

    return weigh


def _lanczos(lobes: int) -> Callable[[Array], Array]:
    return lambda x: np.where(x < lobes, np.sinc(x) * np.sinc(x / lobes), 0.0)


def _hamming(x: Array) -> Array:
    return np.where(x < 1, np.sinc(x) * (0.54 + 0.46 * np.cos(np.pi * x)), 0.0)


def _overlap(distance: Array, width: float) -> Array:
    """The part of each pixel that lies within half a width of the centre."""
    return np.clip(width / 2 + 0.5 - np.abs(distance), 0.0, min(width, 1.0))


def _one(distance: Array, width: float) -> Array:
    """The one pixel whose square holds the centre."""
    return ((distance > -0.5) & (distance <= 0.5)).astype(np.float64)


def keys(a: float) -> Kernel:
    """Cubic convolution with the slope a one pixel from the centre.

    Examples
    --------
    >>> keys(-0.5).weigh(np.array([0, 0.5, 1.5, 2]), 1).tolist()
    [1.0, 0.5625, -0.0625, 0.0]
    """
    return Kernel(f"bicubic (a = {a:g})", 2, _widened(_cubic(0, -a)))


NEAREST = Kernel("nearest pixel", 0.5, _one)
PILLOW_NEAREST = Kernel("nearest pixel", 0.5, _one)  # its centres are added up
FLOOR = Kernel("nearest pixel, rounded down", 1, _one)
ONE_PIXEL = (NEAREST, PILLOW_NEAREST, FLOOR)
BILINEAR = Kernel("bilinear", 1, _widened(lambda x: np.maximum(1 - x, 0.0)))
AREA = Kernel("area (mean of all pixels beneath)", 1, _overlap)
BOX = Kernel("box", 0.5, lambda d, width: ((d / width > -0.5) & (d / width <= 0.5)).astype(np.float64))
SPLINE = Kernel("cubic B-spline", 2, _widened(_cubic(1, 0)))

KERNELS = (
    BILINEAR,
    keys(-0.5),
    keys(-0.75),
    keys(-1.0),
    Kernel("lanczos3", 3, _widened(_lanczos(3))),
    Kernel("lanczos4", 4, _widened(_lanczos(4))),
    Kernel("lanczos5", 5, _widened(_lanczos(5))),
    Kernel("hamming", 1, _widened(_hamming)),
    Kernel("Mitchell's cubic", 2, _widened(_cubic(1 / 3, 1 / 3))),
    Kernel("gaussian", 3, _widened(lambda x: np.exp(-2 * x * x) * (x < 1.5))),
    BOX,
    AREA,
    SPLINE,
)  # fmt: skip

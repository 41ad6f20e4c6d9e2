"""Preparation of the input as data: orientation, colour order, crop, resize, affine, as TensorFlow 1 did it for 2019.

Stages: ``picture`` u8[H, W, 3], ``cropped``, ``resized`` f32[h, w, 3], ``normalised``. An edit changes what a stage
hands on. A resize is two matrices: one for rows, one for columns.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from planting.layers import Array
from refnet.preprocessing.recipe import Recipe

#: (size_in, size_out) -> f32[size_out, size_in]
Resize = Callable[[int, int], Array]


def cubic(x: Array, a: float) -> Array:
    """Keys' kernel with the slope a, at distances x."""
    x = np.abs(x)
    near = ((a + 2) * x - (a + 3)) * x * x + 1
    far = ((a * x - 5 * a) * x + 8 * a) * x - 4 * a
    return np.where(x <= 1, near, np.where(x < 2, far, 0))


def triangle(x: Array) -> Array:
    """The kernel of the bilinear resize, at distances x."""
    return np.maximum(1 - np.abs(x), 0)


def resize_matrix(
    size_in: int,
    size_out: int,
    kernel: Callable[[Array], Array],
    reach: int,
    *,
    scale: float | None = None,
    shift: float = 0.0,
    steps: int = 0,
    stretch: float = 1.0,
) -> Array:
    """Weights of a resize along one axis: output i lies at ``i * scale + shift``, pixels outside are the border's.

    ``steps`` rounds positions between two pixels to that many; ``stretch`` widens the kernel, which is then divided by
    its sum, as antialiasing does.
    """
    scale = size_in / size_out if scale is None else scale
    place = (np.arange(size_out, dtype=np.float32) * np.float32(scale)).astype(np.float64) + shift
    first = np.floor(place)
    part = place - first
    part = np.rint(part * steps) / steps if steps else part
    matrix = np.zeros((size_out, size_in))
    span = int(np.ceil(reach * stretch))
    weights = [(pixel, kernel((pixel - part) / stretch)) for pixel in range(1 - span, span + 1)]
    total = sum(weight for _, weight in weights) if stretch > 1 else 1.0
    for pixel, weight in weights:
        column = np.clip(first + pixel, 0, size_in - 1).astype(int)
        np.add.at(matrix, (np.arange(size_out), column), weight / total)
    return matrix.astype(np.float32)


def tf1_bicubic(size_in: int, size_out: int) -> Array:
    """Bicubic with a = -0.75, corners of pixels aligned, 1024 positions between two pixels, no antialiasing."""
    return resize_matrix(size_in, size_out, lambda x: cubic(x, -0.75), 2, steps=1024)


def centre_window(height: int, width: int, sides: tuple[int, int], padding: float) -> tuple[int, int, int, int]:
    """Top, left, height and width of what is cut out: s / (s + padding) of the largest window of the input's shape."""
    fraction = np.float32(min(sides) / (min(sides) + padding))
    full = min(height, width * sides[0] / sides[1]), min(width, height * sides[1] / sides[0])
    inner = [int(fraction * np.float32(side)) for side in full]
    return (height - inner[0] + 1) // 2, (width - inner[1] + 1) // 2, inner[0], inner[1]


@dataclass(frozen=True, eq=False)
class Preparation:
    """How a port makes its input of a picture: (pixels - mean) / std after crop and resize."""

    sides: tuple[int, int]
    padding: float
    mean: Array
    std: Array
    resize: Resize = tf1_bicubic
    window: Callable[[int, int, tuple[int, int], float], tuple[int, int, int, int]] = centre_window
    edits: tuple[tuple[str, Callable[[Array], Array]], ...] = ()

    @classmethod
    def of(cls, recipe: Recipe, sides: tuple[int, int] = (224, 224)) -> Preparation:
        """From a recipe of TensorFlow's, which are all that the networks here have."""
        numbers = dict(recipe.normalise)
        assert (recipe.crop, recipe.resize, tuple(numbers)) == ("padding", "tf1-bicubic", ("subtract", "divide"))
        mean, std = (np.array(numbers[name], np.float32) for name in ("subtract", "divide"))
        return cls(sides, recipe.crop_amount, mean, std)

    def but(self, **changes: Any) -> Preparation:
        """The same with other data."""
        return replace(self, **changes)

    def edited(self, point: str, edit: Callable[[Array], Array]) -> Preparation:
        """The same with one more edit."""
        return replace(self, edits=(*self.edits, (point, edit)))

    def apply(self, picture: Array) -> Array:
        """U8[H, W, 3] -> f32[1, h, w, 3]."""
        picture = self._edit("picture", picture)
        top, left, height, width = self.window(*picture.shape[:2], self.sides, self.padding)
        cut = self._edit("cropped", picture[top : top + height, left : left + width].astype(np.float32))
        rows, columns = self.resize(cut.shape[0], self.sides[0]), self.resize(cut.shape[1], self.sides[1])
        resized = np.tensordot(np.tensordot(rows, cut, 1), columns, (1, 1)).transpose(0, 2, 1)
        resized = self._edit("resized", np.ascontiguousarray(resized))
        return self._edit("normalised", (resized - self.mean) / self.std)[None].astype(np.float32)

    def _edit(self, point: str, pixels: Array) -> Array:
        for at, edit in self.edits:
            if at == point:
                pixels = edit(pixels)
        return pixels

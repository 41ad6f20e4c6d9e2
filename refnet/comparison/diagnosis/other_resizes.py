"""Resizes that no published recipe has, and that ports have all the same."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from refnet.arrays import Array
from refnet.preprocessing.resize import RESIZES
from refnet.preprocessing.window import Picture, Pixels, Resize, Window

_Positions = Callable[[int, int], Array]


def _half_pixel(size_in: int, size_out: int) -> Array:
    return (np.arange(size_out) + 0.5) * (size_in / size_out) - 0.5


def _aligned_corners(size_in: int, size_out: int) -> Array:
    return np.linspace(0, size_in - 1, size_out)


def _corner(size_in: int, size_out: int) -> Array:
    position: Array = np.floor(np.arange(size_out) * (size_in / size_out))
    return position


def _lines(picture: Array, position: Array) -> Array:
    """Rows at positions between the rows of a picture, by straight lines; beyond the border, its row."""
    position = np.clip(position, 0, len(picture) - 1)
    first = np.floor(position).astype(np.int64)
    share = (position - first)[:, None, None]
    lines: Array = picture[first] * (1 - share) + picture[np.minimum(first + 1, len(picture) - 1)] * share
    return lines


def _plain(positions: _Positions) -> Resize:
    """Resize without smoothing, between the two nearest rows and columns."""

    def resize(picture: Picture, height: int, width: int, window: Window | None = None) -> Pixels:
        window = window or Window(0, 0, height, width)
        rows = positions(picture.shape[0], height)[window.top : window.top + window.height]
        columns = positions(picture.shape[1], width)[window.left : window.left + window.width]
        tall = _lines(picture.astype(np.float64), rows).swapaxes(0, 1)
        return _lines(tall, columns).swapaxes(0, 1).astype(np.float32)

    return resize


def _lanczos(picture: Picture, height: int, width: int, window: Window | None = None) -> Pixels:
    """Resize as ``PIL.Image.resize`` does with ``LANCZOS``."""
    from PIL import Image

    top, left, rows, columns = window or Window(0, 0, height, width)
    whole = np.asarray(Image.fromarray(picture).resize((width, height), Image.Resampling.LANCZOS))
    return whole[top : top + rows, left : left + columns].astype(np.float32)


KNOWN_RESIZES: dict[str, Resize] = {
    **RESIZES,
    "bilinear without smoothing": _plain(_half_pixel),
    "bilinear with aligned corners": _plain(_aligned_corners),
    "nearest from the corner": _plain(_corner),
    "pil-lanczos": _lanczos,
}

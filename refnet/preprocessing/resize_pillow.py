"""Resizes of Pillow, which torchvision, timm and Keras use: pixels stay whole numbers of 0..255.

Pixel centres coincide. Bicubic and bilinear filters widen when the picture shrinks, so that every pixel counts.
Their weights are computed in float64 by operations that are exactly rounded, then become whole multiples of
2**-22; the sums are of whole numbers. So the bits are those of Pillow, everywhere.

The horizontal pass comes first, as in every Pillow up to 12, by which the published weights were measured. Since
version 13, Pillow begins with the vertical pass where a picture loses more than twice as many rows as columns;
as each pass rounds, such tall pictures differ there by some levels.
Source: python-pillow/Pillow, src/libImaging/Resample.c and Geometry.c.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from refnet.preprocessing.window import Picture, Pixels, Window

Lines = NDArray[np.uint8]  # [L,M]: L pixels along the axis to be resized, each with all that lies across it
Filter = Callable[[NDArray[np.float64]], NDArray[np.float64]]  # of the distance from the centre

PRECISION = 22  # bits of a weight behind the point
BLOCK = 1 << 16  # numbers at a time, so that they stay in a core's cache


def cubic(x: NDArray[np.float64]) -> NDArray[np.float64]:
    """Cubic convolution with a = -0.5, 2 pixels wide on each side.

    Examples
    --------
    >>> cubic(np.array([0, 0.5, 1.5, 2])).tolist()
    [1.0, 0.5625, -0.0625, 0.0]
    """
    x = np.abs(x)
    near = (1.5 * x - 2.5) * x * x + 1
    far = (((x - 5) * x + 8) * x - 4) * -0.5
    return np.where(x < 1, near, np.where(x < 2, far, 0.0))


def linear(x: NDArray[np.float64]) -> NDArray[np.float64]:
    """Triangle, 1 pixel wide on each side.

    Examples
    --------
    >>> linear(np.array([0, 0.25, 1, 1.5])).tolist()
    [1.0, 0.75, 0.0, 0.0]
    """
    return np.maximum(1.0 - np.abs(x), 0.0)


def taps(
    size_in: int, size_out: int, outputs: range, kernel: Filter, support: float
) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.int32]]:
    """Find the run of pixels that each of some outputs reads along one axis, and their weights.

    With ``scale = size_in / size_out``, output i is centred at ``c = (i + 0.5) * scale`` and reads the pixels
    that lie, rounded, within ``support * max(scale, 1)`` of it; none outside the picture. Pixel j weighs
    ``kernel((j - c + 0.5) / max(scale, 1))``, as a share of the sum of all weights, rounded to a multiple of
    2**-22.

    Returns first and last, i64[outputs] each, for the pixels from first to before last, and the weights,
    i32[K,outputs], with K the longest run and 0 behind the end of a shorter one.

    Examples
    --------
    >>> first, last, weight = taps(4, 2, range(2), linear, 1.0)
    >>> first.tolist(), last.tolist(), (weight / 2**22).round(3).tolist()
    ([0, 1], [3, 4], [[0.429, 0.143], [0.429, 0.429], [0.143, 0.429]])
    """
    scale = size_in / size_out
    stretch = max(scale, 1.0)
    reach = support * stretch
    centre = (np.array(outputs) + 0.5) * scale
    # Conversion to whole numbers cuts towards zero.
    first = np.maximum((centre - reach + 0.5).astype(np.int64), 0)
    last = np.minimum((centre + reach + 0.5).astype(np.int64), size_in)
    pixel = first + np.arange((last - first).max())[:, None]
    share = kernel((pixel - centre + 0.5) * (1.0 / stretch))
    share[pixel >= last] = 0.0
    share /= np.add.accumulate(share, axis=0)[-1]  # adds one by one; np.sum does not
    fixed = share * (1 << PRECISION)
    return first, last, (fixed + np.where(fixed < 0, -0.5, 0.5)).astype(np.int32)


def resize_pil_bicubic(picture: Picture, height: int, width: int, window: Window | None = None) -> Pixels:
    """Resize as ``PIL.Image.resize`` does with ``BICUBIC``, and as torchvision does with a PIL image.

    The results of the horizontal pass are rounded to whole numbers and clipped to 0..255, and so are those of
    the vertical pass.

    Examples
    --------
    >>> ramp = np.arange(0, 160, 40, dtype=np.uint8)[None, :, None].repeat(3, axis=2)
    >>> resize_pil_bicubic(ramp, 1, 8)[0, :, 0].tolist()
    [0.0, 7.0, 28.0, 50.0, 70.0, 92.0, 113.0, 124.0]
    """
    return _resample(picture, height, width, window, cubic, 2.0)


def resize_pil_bilinear(picture: Picture, height: int, width: int, window: Window | None = None) -> Pixels:
    """Resize as ``PIL.Image.resize`` does with ``BILINEAR``; else as `resize_pil_bicubic`.

    Examples
    --------
    >>> ramp = np.arange(0, 160, 40, dtype=np.uint8)[None, :, None].repeat(3, axis=2)
    >>> resize_pil_bilinear(ramp, 1, 8)[0, :, 0].tolist()
    [0.0, 10.0, 30.0, 50.0, 70.0, 90.0, 110.0, 120.0]
    """
    return _resample(picture, height, width, window, linear, 1.0)


def resize_pil_nearest(picture: Picture, height: int, width: int, window: Window | None = None) -> Pixels:
    """Resize as ``PIL.Image.resize`` does with ``NEAREST``: each output is the pixel at its centre.

    The first centre is ``scale * 0.5``; to each, scale is added in float64 for the next. In the example the fifth
    is just short of 3.

    Examples
    --------
    >>> ramp = np.arange(0, 160, 40, dtype=np.uint8)[None, :, None].repeat(3, axis=2)
    >>> resize_pil_nearest(ramp, 1, 6)[0, :, 0].tolist()
    [0.0, 40.0, 40.0, 80.0, 80.0, 120.0]
    """
    window = window or Window(0, 0, height, width)
    rows = nearest(picture.shape[0], height, window.rows)
    columns = nearest(picture.shape[1], width, window.columns)
    return picture[rows[:, None], columns].astype(np.float32)


def nearest(size_in: int, size_out: int, outputs: range) -> NDArray[np.int64]:
    """Find the one pixel that each of some outputs reads along one axis.

    Examples
    --------
    >>> nearest(4, 6, range(6)).tolist()
    [0, 1, 1, 2, 2, 3]
    """
    scale = size_in / size_out
    steps = np.full(outputs.stop, scale)
    steps[0] = scale * 0.5
    return np.add.accumulate(steps)[outputs.start :].astype(np.int64)


def _resample(
    picture: Picture, height: int, width: int, window: Window | None, kernel: Filter, support: float
) -> Pixels:
    """Resize one axis after the other; only those rows that the vertical pass reads."""
    window = window or Window(0, 0, height, width)
    picture_height, picture_width, channels = picture.shape
    ends = range(window.top, window.top + window.height, max(window.height - 1, 1))
    first, last, _ = taps(picture_height, height, ends, kernel, support)
    rows = picture[first[0] : last[-1]]
    lines = rows.transpose(1, 0, 2).reshape(picture_width, -1)
    lines = _pass(lines, 0, picture_width, width, window.columns, kernel, support)
    lines = lines.reshape(window.width, len(rows), channels).transpose(1, 0, 2).reshape(len(rows), -1)
    lines = _pass(lines, int(first[0]), picture_height, height, window.rows, kernel, support)
    return lines.reshape(window.height, window.width, channels).astype(np.float32)


def _pass(
    lines: Lines, start: int, size_in: int, size_out: int, outputs: range, kernel: Filter, support: float
) -> Lines:
    """Resize along the first axis, of which lines has the pixels from ``start`` on."""
    across = lines.shape[1]
    result = np.empty((len(outputs), across), np.uint8)
    longest = 2 * support * max(size_in / size_out, 1.0) + 2
    step = max(BLOCK // max(across, int(longest)), 1)
    for begin in range(0, len(outputs), step):
        block = outputs[begin : begin + step]
        first, _, weight = taps(size_in, size_out, block, kernel, support)
        result[begin : begin + step] = _weigh(lines, first - start, weight)
    return result


def _weigh(lines: Lines, first: NDArray[np.int64], weight: NDArray[np.int32]) -> Lines:
    """Sum runs of lines, as many taps at a time as fit into a block; behind the end of a run the weight is 0."""
    total = np.full((len(first), lines.shape[1]), 1 << (PRECISION - 1), np.int32)
    step = max(BLOCK // total.size, 1)
    for begin in range(0, len(weight), step):
        part = weight[begin : begin + step]
        index = np.minimum(first + np.arange(begin, begin + len(part))[:, None], len(lines) - 1)
        total += np.einsum("kn,knm->nm", part, lines[index], dtype=np.int32)
    clipped: Lines = np.clip(total >> PRECISION, 0, 255).astype(np.uint8)
    return clipped

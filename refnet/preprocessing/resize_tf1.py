"""Resizes of TensorFlow 1, with neither aligned corners nor pixel centres: pixel corners coincide.

No smoothing when shrinking, whatever the scale. All arithmetic is elementwise float32 in the order written,
without fused multiply-add: the same bits everywhere.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from refnet.preprocessing.window import Picture, Pixels, Window

CUBIC_STEPS = 1024  # positions between two pixels that the bicubic filter tells apart
CUBIC_A = -0.75  # slope of the filter one pixel from its centre


def cubic_table() -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Tabulate the cubic convolution filter at i / 1024 for i = 0..1024.

    With a = -0.75, at distance x from the centre:

        near, x = i / 1024:      ((a + 2) x - (a + 3)) x x + 1
        far,  x = 1 + i / 1024:  ((a x - 5 a) x + 8 a) x - 4 a

    In float64 every operation is exact here, so the table is the filter rounded once, to float32.

    Both are f32[1025].

    Examples
    --------
    >>> near, far = cubic_table()
    >>> float(near[512]), float(far[512])
    (0.59375, -0.09375)
    """
    a = CUBIC_A
    x = np.arange(CUBIC_STEPS + 1) / CUBIC_STEPS
    near = ((a + 2) * x - (a + 3)) * x * x + 1
    x = x + 1
    far = ((a * x - 5 * a) * x + 8 * a) * x - 4 * a
    return near.astype(np.float32), far.astype(np.float32)


def _positions(size_in: int, size_out: int, outputs: range) -> NDArray[np.float32]:
    """Where outputs lie among the pixels of the picture: f32[outputs]."""
    scale = np.float32(size_in) / np.float32(size_out)
    return np.arange(outputs.start, outputs.stop).astype(np.float32) * scale


def cubic_taps(size_in: int, size_out: int, outputs: range) -> tuple[NDArray[np.int64], NDArray[np.float32]]:
    """Find the four pixels that each of some outputs reads along one axis, i64[4,outputs], and their weights, f32.

    Output i lies at ``p = f32(i) * (f32(size_in) / f32(size_out))``. It reads pixels floor(p) - 1,
    floor(p), floor(p) + 1, floor(p) + 2. One outside the picture is replaced by the border pixel and keeps its
    weight. For the weights, the fraction ``p - floor(p)`` is rounded to a multiple of 1/1024, ties to even.

    Examples
    --------
    >>> index, weight = cubic_taps(4, 8, range(8))
    >>> index[:, 1].tolist(), weight[:, 1].tolist()
    ([0, 0, 1, 2], [-0.09375, 0.59375, 0.59375, -0.09375])
    """
    near, far = cubic_table()
    position = _positions(size_in, size_out, outputs)
    first = np.floor(position)
    step = np.rint((position - first) * np.float32(CUBIC_STEPS)).astype(np.int64)
    back = CUBIC_STEPS - step
    weight = np.stack([far[step], near[step], near[back], far[back]])
    index = first.astype(np.int64) + np.arange(-1, 3)[:, None]
    return np.clip(index, 0, size_in - 1), weight


def resize_tf1_bicubic(picture: Picture, height: int, width: int, window: Window | None = None) -> Pixels:
    """Resize as ``tf.compat.v1.image.resize_bicubic`` does.

    Four pixels per axis (`cubic_taps`). The vertical pass comes first; each pass is
    ``((x0 w0 + x1 w1) + x2 w2) + x3 w3`` in float32. The filter overshoots at edges: values below 0 and above
    255 stay, and nothing is rounded.
    Source: tensorflow/core/kernels/image/resize_bicubic_op.cc.

    Examples
    --------
    >>> ramp = np.arange(0, 160, 40, dtype=np.uint8)[None, :, None].repeat(3, axis=2)
    >>> resize_tf1_bicubic(ramp, 1, 8)[0, :, 0].tolist()
    [0.0, 16.25, 40.0, 60.0, 80.0, 103.75, 120.0, 123.75]
    """
    window = window or Window(0, 0, height, width)
    rows, row_weights = cubic_taps(picture.shape[0], height, window.rows)
    columns, column_weights = cubic_taps(picture.shape[1], width, window.columns)
    lines = [
        _blend([picture[row[:, None], column] for row in rows], row_weights[..., None, None]) for column in columns
    ]
    return _blend(lines, column_weights[..., None])


def _blend(taps: Sequence[Picture | Pixels], weights: NDArray[np.float32]) -> Pixels:
    """Weigh four pictures and add them in order."""
    x0, x1, x2, x3 = (tap.astype(np.float32) for tap in taps)
    w0, w1, w2, w3 = weights
    total: Pixels = ((x0 * w0 + x1 * w1) + x2 * w2) + x3 * w3
    return total


def resize_tf1_bilinear(picture: Picture, height: int, width: int, window: Window | None = None) -> Pixels:
    """Resize as ``tf.compat.v1.image.resize_bilinear`` does.

    Output i lies at ``p = f32(i) * (f32(size_in) / f32(size_out))``, between pixels floor(p) and ceil(p), the
    latter at most the last. The horizontal pass comes first; each pass is ``x0 + (x1 - x0) * (p - floor(p))``
    in float32.
    Source: tensorflow/core/kernels/image/resize_bilinear_op.cc.

    Examples
    --------
    >>> ramp = np.arange(0, 160, 40, dtype=np.uint8)[None, :, None].repeat(3, axis=2)
    >>> resize_tf1_bilinear(ramp, 1, 8)[0, :, 0].tolist()
    [0.0, 20.0, 40.0, 60.0, 80.0, 100.0, 120.0, 120.0]
    """
    window = window or Window(0, 0, height, width)
    top, bottom, down = neighbours(picture.shape[0], height, window.rows)
    left, right, across = neighbours(picture.shape[1], width, window.columns)

    def lerp(row: NDArray[np.int64]) -> Pixels:
        x0, x1 = (picture[row[:, None], column].astype(np.float32) for column in (left, right))
        return x0 + (x1 - x0) * across[:, None]

    upper, lower = lerp(top), lerp(bottom)
    return upper + (lower - upper) * down[:, None, None]


def neighbours(
    size_in: int, size_out: int, outputs: range
) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.float32]]:
    """Find the pixels before and behind each output along one axis, and how far it lies from the first to the second.

    Examples
    --------
    >>> before, behind, way = neighbours(4, 8, range(3, 8))
    >>> before.tolist(), behind.tolist(), way.tolist()
    ([1, 2, 2, 3, 3], [2, 2, 3, 3, 3], [0.5, 0.0, 0.5, 0.0, 0.5])
    """
    position = _positions(size_in, size_out, outputs)
    first = np.floor(position)
    last = np.minimum(np.ceil(position).astype(np.int64), size_in - 1)
    return first.astype(np.int64), last, position - first

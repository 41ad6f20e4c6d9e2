"""Geometry: how a picture of any size becomes one of the network's size.

The two tables at the end, ``CROPS`` and ``RESIZES``, name what a recipe may ask for. A new kind is a function
and one line there.

All arithmetic is elementwise float32 in the order written, without fused multiply-add: the same bits
everywhere.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

Picture = NDArray[np.uint8]  # [H,W,3] RGB
Pixels = NDArray[np.float32]  # [H,W,3] RGB in units of 0..255
Resize = Callable[[Picture, int, int], Pixels]

CUBIC_STEPS = 1024  # positions between two pixels that the bicubic filter tells apart
CUBIC_A = -0.75  # slope of the filter one pixel from its centre


class Window(NamedTuple):
    """A rectangle of a picture, in pixels."""

    top: int
    left: int
    height: int
    width: int


def padding_window(picture_height: int, picture_width: int, height: int, width: int, padding: float) -> Window:
    """Choose the part of a picture that the network sees, as in the TensorFlow code of 2019.

    A square network of side s sees the central square of side
    ``int(f32(s / (s + padding)) * f32(shorter side))``; where the margins cannot be equal, the one above or
    to the left is the larger.
    Source: tensorflow/tpu, models/official/efficientnet/preprocessing.py, ``_decode_and_center_crop``.

    Networks that are not square were not published. Here both sides of the largest window of the shape
    ``height : width`` are scaled by that fraction, with s the shorter side of the network.

    Parameters
    ----------
    picture_height, picture_width
        Size of the picture, in pixels.
    height, width
        Size of the network's input, in pixels.
    padding
        In pixels of the network's input; 32 for every published EfficientNet.

    Examples
    --------
    >>> padding_window(613, 696, 224, 224, 32)
    Window(top=39, left=80, height=536, width=536)
    >>> padding_window(613, 696, 224, 448, 32)
    Window(top=155, left=44, height=304, width=609)
    """
    side = min(height, width)
    fraction = np.float32(side / (side + padding))
    full_height = min(picture_height, picture_width * height / width)
    full_width = min(picture_width, picture_height * width / height)

    def centred(picture_side: int, full: float) -> tuple[int, int]:
        size = min(max(int(fraction * np.float32(full)), 1), picture_side)
        return (picture_side - size + 1) // 2, size

    top, crop_height = centred(picture_height, full_height)
    left, crop_width = centred(picture_width, full_width)
    return Window(top, left, crop_height, crop_width)


def crop_padding(picture: Picture, height: int, width: int, padding: float, resize: Resize) -> Pixels:
    """Cut out ``padding_window`` and resize it; the filter sees nothing outside the window.

    Parameters
    ----------
    picture
        u8[H,W,3].
    height, width
        Size of the network's input, in pixels.
    padding
        See `padding_window`.
    resize
        What brings the window to the network's size.

    Returns
    -------
    pixels
        f32[height,width,3].
    """
    picture_height, picture_width, _ = picture.shape
    top, left, crop_height, crop_width = padding_window(picture_height, picture_width, height, width, padding)
    return resize(picture[top : top + crop_height, left : left + crop_width], height, width)


def cubic_table() -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Tabulate the cubic convolution filter at i / 1024 for i = 0..1024.

    With a = -0.75, at distance x from the centre:

        near, x = i / 1024:      ((a + 2) x - (a + 3)) x x + 1
        far,  x = 1 + i / 1024:  ((a x - 5 a) x + 8 a) x - 4 a

    In float64 every operation is exact here, so the table is the filter rounded once, to float32.

    Returns
    -------
    near, far
        f32[1025] each.

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


def cubic_taps(size_in: int, size_out: int) -> tuple[NDArray[np.int64], NDArray[np.float32]]:
    """Find the four pixels each output reads along one axis, and their weights.

    Output i lies at ``p = f32(i) * (f32(size_in) / f32(size_out))``: pixel corners, not centres, coincide.
    It reads pixels floor(p) - 1, floor(p), floor(p) + 1, floor(p) + 2. One outside the picture is replaced by
    the border pixel and keeps its weight. For the weights, the fraction ``p - floor(p)`` is rounded to a
    multiple of 1/1024, ties to even.

    Returns
    -------
    index
        i64[4,size_out].
    weight
        f32[4,size_out].

    Examples
    --------
    >>> index, weight = cubic_taps(4, 8)
    >>> index[:, 1].tolist(), weight[:, 1].tolist()
    ([0, 0, 1, 2], [-0.09375, 0.59375, 0.59375, -0.09375])
    """
    near, far = cubic_table()
    scale = np.float32(size_in) / np.float32(size_out)
    position = np.arange(size_out).astype(np.float32) * scale
    first = np.floor(position)
    step = np.rint((position - first) * np.float32(CUBIC_STEPS)).astype(np.int64)
    back = CUBIC_STEPS - step
    weight = np.stack([far[step], near[step], near[back], far[back]])
    index = first.astype(np.int64) + np.arange(-1, 3)[:, None]
    return np.clip(index, 0, size_in - 1), weight


def resize_tf1_bicubic(picture: Picture, height: int, width: int) -> Pixels:
    """Resize as ``tf.compat.v1.image.resize_bicubic`` does, with neither aligned corners nor pixel centres.

    Four pixels per axis (`cubic_taps`) whatever the scale: no smoothing when shrinking. The vertical pass
    comes first; each pass is ``((x0 w0 + x1 w1) + x2 w2) + x3 w3`` in float32. The filter overshoots at
    edges: values below 0 and above 255 stay, and nothing is rounded.
    Source: tensorflow/core/kernels/image/resize_bicubic_op.cc.

    Parameters
    ----------
    picture
        u8[H,W,3].
    height, width
        Size of the result, in pixels.

    Returns
    -------
    pixels
        f32[height,width,3].

    Examples
    --------
    >>> ramp = np.arange(0, 160, 40, dtype=np.uint8)[None, :, None].repeat(3, axis=2)
    >>> resize_tf1_bicubic(ramp, 1, 8)[0, :, 0].tolist()
    [0.0, 16.25, 40.0, 60.0, 80.0, 103.75, 120.0, 123.75]
    """
    rows = _blend(picture, *cubic_taps(picture.shape[0], height), axis=0)
    return _blend(rows, *cubic_taps(picture.shape[1], width), axis=1)


def _blend(pixels: Picture | Pixels, index: NDArray[np.int64], weight: NDArray[np.float32], axis: int) -> Pixels:
    """Weigh the four taps of every output along one axis and add them in order."""
    x0, x1, x2, x3 = (np.take(pixels, taps, axis=axis).astype(np.float32) for taps in index)
    w0, w1, w2, w3 = weight.reshape((4, -1, 1, 1) if axis == 0 else (4, 1, -1, 1))
    total: Pixels = ((x0 * w0 + x1 * w1) + x2 * w2) + x3 * w3
    return total


class Crop(NamedTuple):
    """A kind of crop; it also decides whether to crop before or after it resizes.

    Attributes
    ----------
    apply
        (picture, height, width, amount, resize) -> pixels.
    largest
        The largest amount that makes sense; the smallest is 0.
    """

    apply: Callable[[Picture, int, int, float, Resize], Pixels]
    largest: float


CROPS: dict[str, Crop] = {"padding": Crop(crop_padding, largest=1024)}
RESIZES: dict[str, Resize] = {"tf1-bicubic": resize_tf1_bicubic}

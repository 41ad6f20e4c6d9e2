"""Compiled: crop, resize and normalise in one pass over the pixels, by the kernel; the same bits as the definition.

The definition (``crop``, ``resize``, ``normalise``) makes all that it can without the pixels: what is cut, which pixels
an output reads, how much they weigh, and what each level becomes (``tables``). The kernel is left with sums and
products.
"""

from __future__ import annotations

from ctypes import addressof, c_char
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from refnet.kernels import picture_kinds as kinds
from refnet.kernels.object_code import Function
from refnet.kernels.units import picture_preparer
from refnet.preprocessing.crop import Cut
from refnet.preprocessing.normalise import Normalisation, normalise
from refnet.preprocessing.tables import NO_NORMALISATION, NO_TAPS, normalisation_table, taps_table
from refnet.preprocessing.window import Picture, Pixels, Window


def prepare(picture: Picture, cut: Cut, height: int, width: int, resize: str, operations: Normalisation) -> Pixels:
    """Make f32[height,width,3] of u8[H,W,3].

    Examples
    --------
    >>> from refnet.preprocessing.crop import CROPS
    >>> grey = np.full((300, 400, 3), 191, np.uint8)
    >>> cut = CROPS["padding"].cut(300, 400, 224, 224, 32)
    >>> prepare(grey, cut, 224, 224, "tf1-bicubic", (("divide", (255.0, 255.0, 191.0)),))[9, 9].tolist()
    [0.7490196228027344, 0.7490196228027344, 1.0]
    """
    out: Pixels = np.empty((height, width, 3), np.float32)
    inside = out
    if cut.seen[2:] != (height, width):
        out[:] = normalise(np.zeros((1, 1, 3), np.float32), operations)
        inside = np.empty((*cut.seen[2:], 3), np.float32)
    make_rows(picture_preparer(), picture, cut, resize, operations, inside)
    if inside is not out:
        out[cut.above :, cut.before :][: cut.seen.height, : cut.seen.width] = inside
    return out


def mix(planes: Picture) -> Picture:
    """Make u8[H,W,3] of luminance and colour red, green and blue, as ``refnet.preprocessing.tensorflow_jpeg.mix``."""
    height, width, _ = planes.shape
    lines = _lines(planes, Window(0, 0, height, width))
    picture: Picture = np.empty((height, width, 3), np.uint8)
    tables = (*NO_TAPS, *NO_TAPS, *NO_NORMALISATION)
    picture_preparer()(
        kinds.MIXED, lines.address, lines.pitch, lines.pixel, *tables, _address(picture), 0, width, 0, height
    )
    return picture


def make_rows(
    kernel: Function, picture: Picture, cut: Cut, resize: str, operations: Normalisation, out: Pixels
) -> None:
    """Lay out everything for the kernel, and call it."""
    lines, seen = _lines(picture, cut.source), cut.seen
    across = taps_table(resize, cut.source.width, cut.width, seen.left, seen.width)
    down = taps_table(resize, cut.source.height, cut.height, seen.top, seen.height)
    applied = normalisation_table(operations, across.kind, seen.width)
    size = kinds.scratch_size(across.kind, cut.source.width, seen.width, across.weights, down.weights)
    scratch = np.empty(size, np.uint8)
    first = (across.kind, lines.address, lines.pitch, lines.pixel)
    tables = (*across.arguments, *down.arguments, *applied.arguments)
    kernel(*first, *tables, _address(scratch), _address(out), seen.width, 0, seen.height)


class _Lines(NamedTuple):
    """A part of a picture: where it begins, how many bytes from line to line, from pixel to pixel; whose memory."""

    address: int
    pitch: int
    pixel: int
    keeper: Picture


def _lines(picture: Picture, part: Window) -> _Lines:
    """Find a part in the picture's memory; copy it if that is in another order."""
    pitch, pixel, channel = picture.strides
    if channel == 1 and pixel in (3, 4) and pitch >= 0:
        begin = part.top * pitch + part.left * pixel
        return _Lines(picture.ctypes.data + begin, pitch, pixel, picture)
    inside = picture[part.top : part.top + part.height, part.left : part.left + part.width]
    copy = np.array(inside, order="C")
    return _Lines(copy.ctypes.data, 3 * part.width, 3, copy)


def _address(array: NDArray[Any]) -> int:
    """As ``array.ctypes.data``, which takes several times as long."""
    return addressof(c_char.from_buffer(array.data)) if array.size else 0

"""Compiled: crop, resize and normalise in one pass over the pixels, by the kernel; the same bits as the definition.

The definition (``crop``, ``resize``, ``normalise``) makes all that it can without the pixels: what is cut, which pixels
an output reads, how much they weigh, and what each level becomes. The kernel is left with sums and products.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from refnet.kernels import picture_kinds as kinds
from refnet.kernels.units import prepare_rows
from refnet.preprocessing import resize_pillow, resize_tf1
from refnet.preprocessing.crop import Cut
from refnet.preprocessing.normalise import Normalisation, normalise
from refnet.preprocessing.pillow_memory import Lent
from refnet.preprocessing.window import Picture, Pixels, Window

Share = Callable[[Callable[[], None]], None]  # calls a function in several threads at once, and waits for all

COMMON = 4096  # pixels of a side of nearly all pictures; the tables of larger ones are not kept
BLOCK = 1 << 16  # weights that are made at a time
ROWS = 32  # that a thread claims


class Taps(NamedTuple):
    """What outputs read along one axis: a kind, places, i64[n * any], and weights, i32[n * any] or the bits of f32."""

    kind: int
    places: NDArray[np.int64]
    weights: NDArray[np.int32]


def _nearest(size_in: int, size_out: int, outputs: range) -> Taps:
    return Taps(kinds.NEAREST, resize_pillow.nearest(size_in, size_out, outputs), np.empty(0, np.int32))


def _weighed(kernel: resize_pillow.Filter, support: float) -> Callable[[int, int, range], Taps]:
    def make(size_in: int, size_out: int, outputs: range) -> Taps:
        most = int(2 * support * max(size_in / size_out, 1.0)) + 2
        weights = np.zeros((len(outputs), most + most % 2), np.int32)
        places = np.empty((len(outputs), 2), np.int64)
        for begin in range(0, len(outputs), step := max(BLOCK // most, 1)):
            first, last, weight = resize_pillow.taps(size_in, size_out, outputs[begin : begin + step], kernel, support)
            places[begin : begin + step] = np.stack([first, last - first], axis=1)
            weights[begin : begin + step, : len(weight)] = weight.T
        return Taps(kinds.WEIGHED, places.ravel(), weights.ravel())

    return make


def _cubic(size_in: int, size_out: int, outputs: range) -> Taps:
    index, weight = resize_tf1.cubic_taps(size_in, size_out, outputs)
    return Taps(kinds.CUBIC, index.T.ravel(), weight.T.ravel().view(np.int32))


def _linear(size_in: int, size_out: int, outputs: range) -> Taps:
    before, behind, way = resize_tf1.neighbours(size_in, size_out, outputs)
    return Taps(kinds.LINEAR, np.stack([before, behind], axis=1).ravel(), way.view(np.int32))


# By the names of ``refnet.preprocessing.resize.RESIZES``.
TAPS: dict[str, Callable[[int, int, range], Taps]] = {
    "tf1-bicubic": _cubic,
    "tf1-bilinear": _linear,
    "pil-bicubic": _weighed(resize_pillow.cubic, 2.0),
    "pil-bilinear": _weighed(resize_pillow.linear, 1.0),
    "pil-nearest": _nearest,
}


def prepare(
    picture: Picture,
    cut: Cut,
    height: int,
    width: int,
    resize: str,
    operations: Normalisation,
    share: Share | None = None,
) -> Pixels:
    """Make f32[height,width,3] of u8[H,W,3], maybe in several threads.

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
    call = _call(picture, cut, resize, operations, inside)
    if share is None:
        call(0, cut.seen.height)
    else:
        claims = iter(range(0, cut.seen.height, ROWS))  # each is given out once, whoever asks

        def work() -> None:
            for start in claims:
                call(start, min(start + ROWS, cut.seen.height))

        share(work)
    if inside is not out:
        out[cut.above :, cut.before :][: cut.seen.height, : cut.seen.width] = inside
    return out


def _call(
    picture: Picture, cut: Cut, resize: str, operations: Normalisation, out: Pixels
) -> Callable[[int, int], None]:
    """Lay out everything for the kernel; what is returned makes some rows of ``out``."""
    source, pitch, pixel = _flat(picture, cut.source)
    seen = cut.seen
    across = _taps(resize, cut.source.width, cut.width, seen.left, seen.width)
    down = _taps(resize, cut.source.height, cut.height, seen.top, seen.height)
    wide, tall = len(across.weights) // seen.width, len(down.weights) // seen.height
    scratch = kinds.scratch_size(across.kind, cut.source.width, seen.width, wide, tall)
    codes, numbers, levels = _NONE, _NO_NUMBERS, _NO_NUMBERS
    if across.kind in (kinds.NEAREST, kinds.WEIGHED):
        levels = _levels(operations)
    else:
        codes, numbers = _numbers(operations, seen.width)
    tables = (across.places, across.weights, down.places, down.weights, codes)
    return prepare_rows(
        across.kind, source, pitch, pixel, tables, (numbers, levels), out.reshape(-1), seen.width, scratch
    )


_NONE, _NO_NUMBERS = np.empty(0, np.int64), np.empty(0, np.float32)


def _flat(picture: Picture, part: Window) -> tuple[Picture, int, int]:
    """A part of a picture as bytes in a row, how many from line to line, and from pixel to pixel; copied if need be."""
    inside = picture[part.top : part.top + part.height, part.left : part.left + part.width]
    pitch, pixel, channel = inside.strides
    if channel != 1 or pixel not in (3, 4) or pitch < 0:
        inside, pitch, pixel = np.array(inside, order="C"), 3 * part.width, 3
    size = (part.height - 1) * pitch + (part.width - 1) * pixel + 3
    # As np.lib.stride_tricks.as_strided would do, which takes a tenth of the time that a small picture does.
    return np.asarray(Lent(inside, inside.__array_interface__["data"][0], (size,), (1,))), pitch, pixel


def _taps(resize: str, size_in: int, size_out: int, start: int, count: int) -> Taps:
    find = _common_taps if max(size_in, count) <= COMMON else _common_taps.__wrapped__
    return find(resize, size_in, size_out, start, count)


@lru_cache(64)
def _common_taps(resize: str, size_in: int, size_out: int, start: int, count: int) -> Taps:
    return TAPS[resize](size_in, size_out, range(start, start + count))


@lru_cache(16)
def _levels(operations: Normalisation) -> NDArray[np.float32]:
    """What each level of each channel becomes: f32[3*256]."""
    every = np.arange(kinds.LEVELS, dtype=np.float32)[:, None, None].repeat(3, axis=2)
    return normalise(every, operations).T.ravel()


@lru_cache(16)
def _numbers(operations: Normalisation, width: int) -> tuple[NDArray[np.int64], NDArray[np.float32]]:
    """Codes of operations, and their numbers for each output of a row: f32[operations * width * 3]."""
    codes = np.array([kinds.OPERATIONS.index(name) for name, _ in operations], np.int64)
    numbers = [np.tile(np.array(of_channels, np.float32), width) for _, of_channels in operations]
    return codes, np.concatenate([_NO_NUMBERS, *numbers])

"""Tables: what the compiled kernel is told of a resize and a normalisation, made by the definition's own functions.

Pictures of one size share them. The kernel takes addresses, which are looked up once.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from refnet.kernels import picture_kinds as kinds
from refnet.preprocessing import resize_pillow, resize_tf1
from refnet.preprocessing.normalise import Normalisation, normalise

COMMON = 4096  # pixels of a side of nearly all pictures; the tables of larger ones are not kept
TABLES = 256  # that are kept: making one takes as long as its use; mostly it has 10 KB, at most 200
BLOCK = 1 << 16  # weights that are made at a time


class Taps(NamedTuple):
    """What outputs read along one axis: a kind, places, i64[n * any], and weights, i32[n * any] or the bits of f32."""

    kind: int
    places: NDArray[np.int64]
    weights: NDArray[np.int32]


class Table(NamedTuple):
    """What the kernel is told: a kind of resize, weights of each output, arguments, and the arrays behind them."""

    kind: int
    weights: int
    arguments: tuple[int, ...]
    arrays: tuple[NDArray[Any], ...]


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


def taps_table(resize: str, size_in: int, size_out: int, start: int, count: int) -> Table:
    """Say what outputs from ``start`` on read along one axis.

    Examples
    --------
    >>> taps_table("pil-nearest", 4, 6, 0, 6).arrays[0].tolist()
    [0, 1, 1, 2, 2, 3]
    """
    find = _common_taps if max(size_in, count) <= COMMON else _common_taps.__wrapped__
    return find(resize, size_in, size_out, start, count)


@lru_cache(TABLES)
def _common_taps(resize: str, size_in: int, size_out: int, start: int, count: int) -> Table:
    kind, places, weights = TAPS[resize](size_in, size_out, range(start, start + count))
    return _table(kind, weights.size // count, [places, weights], [])


@lru_cache(16)
def normalisation_table(operations: Normalisation, kind: int, width: int) -> Table:
    """Say how rows of ``width`` pixels are normalised, after a resize of one kind.

    Whole numbers are looked up: what each level of each channel becomes is f32[3 * 256]. Others go through the
    operations, for which there are codes, and numbers for each output: f32[operations * width * 3].
    """
    codes, numbers, levels = np.empty(0, np.int64), np.empty(0, np.float32), np.empty(0, np.float32)
    if kind in (kinds.NEAREST, kinds.WEIGHED):
        every = np.arange(kinds.LEVELS, dtype=np.float32)[:, None, None].repeat(3, axis=2)
        levels = normalise(every, operations).T.ravel()
    elif operations:
        codes = np.array([kinds.OPERATIONS.index(name) for name, _ in operations], np.int64)
        numbers = np.concatenate([np.tile(np.array(triple, np.float32), width) for _, triple in operations])
    return _table(kind, 0, [codes], [numbers, levels])


NO_TAPS = (0, 0, 0, 0)
NO_NORMALISATION = (0, 0, 0, 0)


def _table(kind: int, weights: int, counted: list[NDArray[Any]], others: list[NDArray[Any]]) -> Table:
    """Arguments: the address of each array; of those that are counted, also how many elements it has."""
    arrays = tuple(np.ascontiguousarray(array) for array in (*counted, *others))
    arguments: list[int] = []
    for place, array in enumerate(arrays):
        arguments += [array.ctypes.data, array.size] if place < len(counted) else [array.ctypes.data]
    return Table(kind, weights, tuple(arguments), arrays)

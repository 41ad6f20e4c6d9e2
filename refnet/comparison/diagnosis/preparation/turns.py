"""Turns: an input or a picture mirrored, turned, or with its numbers in another order of axes."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import NamedTuple

import numpy as np

from refnet.arrays import Array


class Turn(NamedTuple):
    """What was done to [..., H, W, C], in words, and how it is undone; "" for nothing."""

    name: str
    words: str
    apply: Callable[[Array], Array]
    undo: Callable[[Array], Array]


def _quarter(times: int) -> Callable[[Array], Array]:
    return lambda x: np.rot90(x, times, (-3, -2))


def _mirror(x: Array) -> Array:
    return np.flip(x, -2)


def _upside_down(x: Array) -> Array:
    return np.flip(x, -3)


def _swap(x: Array) -> Array:
    return np.swapaxes(x, -3, -2)


def _other_diagonal(x: Array) -> Array:
    return np.swapaxes(np.rot90(x, 2, (-3, -2)), -3, -2)


def _first(x: Array) -> Array:
    """Numbers that lie as NCHW, read as NHWC."""
    return np.moveaxis(x, -1, -3).reshape(x.shape)


def _last(x: Array) -> Array:
    """Numbers that lie as NHWC, read as NCHW."""
    *N, H, W, C = x.shape
    return np.moveaxis(x.reshape(*N, C, H, W), -3, -1)


TURNS = (
    Turn("", "", lambda x: x, lambda x: x),
    Turn("mirrored", "left and right are swapped (mirrored)", _mirror, _mirror),
    Turn("upside-down", "top and bottom are swapped (upside down)", _upside_down, _upside_down),
    Turn("hw-swapped", "height and width are swapped (transposed)", _swap, _swap),
    Turn("turned", "it is turned by 90 degrees to the left", _quarter(1), _quarter(-1)),
    Turn("turned", "it is turned by 180 degrees", _quarter(2), _quarter(2)),
    Turn("turned", "it is turned by 90 degrees to the right", _quarter(-1), _quarter(1)),
    Turn("hw-swapped", "it is transposed along the other diagonal", _other_diagonal, _other_diagonal),
)
LAYOUTS = (
    Turn("nchw-as-nhwc", "numbers lie in the order NCHW, and are read as NHWC", _first, _last),
    Turn("nhwc-as-nchw", "numbers lie in the order NHWC, and are read as NCHW", _last, _first),
)


def undone(wanted: Array) -> Iterator[tuple[Turn, Array]]:
    """What an input was before each turn."""
    for turn in (*TURNS, *LAYOUTS):
        yield turn, turn.undo(wanted)

"""The sides of tensors in a TensorFlow Lite graph, followed from the picture on.

An interpreter computes them from the picture and ignores what the file states, so what the file states is not asked.
"""

from __future__ import annotations

import math

from refnet.architecture.padding import Pads

Side = int | None  # None: any, such as the batch's
Sides = tuple[Side, ...]


def one_pixel(sides: Sides) -> bool:
    """Whether it is a vector for each picture, whatever sides of 1 stand between.

    Examples
    --------
    >>> one_pixel((None, 1, 1, 8)), one_pixel((None, 8)), one_pixel((None, 2, 2, 8))
    (True, True, False)
    """
    return len(sides) > 1 and all(side == 1 for side in sides[1:-1]) and sides[-1] is not None


def convolved(sides: Sides, window: tuple[int, int], stride: tuple[int, int], *, same: bool) -> tuple[Side, Side]:
    """Height and width of what a window makes of a picture; dilated ones are in no plan, and are not asked."""

    def side(size: Side, taps: int, step: int) -> Side:
        if size is None:
            return None
        return math.ceil(size / step) if same else max(size - taps, -1) // step + 1

    return side(sides[1], window[0], stride[0]), side(sides[2], window[1], stride[1])


def padded(sides: Sides, around: Pads) -> Sides:
    """What zeros around a picture make of its sides."""
    n, height, width, channels = sides
    more = around.top + around.bottom, around.left + around.right
    return n, height if height is None else height + more[0], width if width is None else width + more[1], channels


def joined(first: Sides, second: Sides) -> Sides | None:
    """What comes out where two tensors meet: of equal sides, or a vector and a picture; None for anything else.

    Examples
    --------
    >>> joined((None, 1, 1, 8), (None, 4, 4, 8)), joined((None, 8), (None, 4, 4, 8))
    ((None, 4, 4, 8), None)
    """
    if first == second:
        return first
    if len(first) == len(second) == 4 and (first[0], first[3]) == (second[0], second[3]):
        if one_pixel(first):
            return second
        if one_pixel(second):
            return first
    return None


def reshaped(sides: Sides, target: Sides | None) -> Sides | None:
    """What a vector for each picture is reshaped to, if it stays one; of the target's -1 one says: the rest.

    Examples
    --------
    >>> reshaped((None, 1, 1, 8), (-1, 8)), reshaped((None, 2, 2, 8), (-1, 32))
    ((None, 8), None)
    """
    if target is None or len(target) < 2 or not one_pixel(sides):
        return None
    batch, *between, last = target
    if batch not in (None, -1, 1, sides[0]) or last not in (-1, sides[-1]) or between != [1] * len(between):
        return None
    return None if batch == last == -1 else (sides[0], *between, sides[-1])


def whole(sides: Sides, window: tuple[int, int], stride: tuple[int, int], *, same: bool) -> bool:
    """Whether a pool's window is the whole picture, and there is one of it."""
    return len(sides) == 4 and sides[1:3] == window and convolved(sides, window, stride, same=same) == (1, 1)

"""Padding: the zeros around a picture before a convolution. The only place that computes it."""

from __future__ import annotations

import math
import re
from typing import NamedTuple

from refnet.errors import InputError

#: A rule: ``same``, ``symmetric``, or ``same@224``, the zeros of ``same`` for a picture of 224 pixels, whatever comes.
Padding = str
SAME, SYMMETRIC = "same", "symmetric"
_OF_ONE_SIZE = re.compile(r"same@([1-9]\d{0,4})")


class Pads(NamedTuple):
    """Zeros added around a picture before a convolution, in pixels."""

    top: int = 0
    bottom: int = 0
    left: int = 0
    right: int = 0


NO_PADS = Pads()

MAX_SIDE = 1 << 14  # of a picture: beyond any use; keeps every offset far from overflow


def size_of(padding: Padding) -> int | None:
    """Check a rule; the side of the one picture whose zeros it takes, or None where the picture's own size decides.

    Examples
    --------
    >>> size_of("same@224"), size_of("same")
    (224, None)
    """
    if padding in (SAME, SYMMETRIC):
        return None
    stated = _OF_ONE_SIZE.fullmatch(padding) if isinstance(padding, str) else None
    if not (stated and int(stated[1]) <= MAX_SIDE):
        raise InputError(f"padding is {padding!r:.80}, not one of same, symmetric, or same@SIZE, such as same@224")
    return int(stated[1])


def pads(padding: Padding, height: int, width: int, kernel: int, stride: int) -> Pads:
    """Compute the zeros around a picture: k // 2 on each side, or by TensorFlow's SAME rule for all but ``symmetric``.

    SAME: the output has ceil(n / s) pixels, the total is what that needs, an odd one goes to the bottom and right.

    Examples
    --------
    >>> pads("same", 224, 224, 3, 2), pads("same", 15, 15, 5, 2)
    (Pads(top=0, bottom=1, left=0, right=1), Pads(top=2, bottom=2, left=2, right=2))
    >>> pads("symmetric", 224, 224, 3, 2)
    Pads(top=1, bottom=1, left=1, right=1)
    """
    if padding == SYMMETRIC:
        return Pads(*(kernel // 2,) * 4)

    def same(size: int) -> tuple[int, int]:
        total = max((math.ceil(size / stride) - 1) * stride + kernel - size, 0)
        return total // 2, total - total // 2

    return Pads(*same(height), *same(width))


def output_size(H: int, W: int, around: Pads, kernel: int, stride: int) -> tuple[int, int]:
    """Height and width of what a convolution makes of a picture.

    Examples
    --------
    >>> output_size(224, 224, Pads(0, 1, 0, 1), 3, 2)
    (112, 112)
    """
    return (
        (H + around.top + around.bottom - kernel) // stride + 1,
        (W + around.left + around.right - kernel) // stride + 1,
    )

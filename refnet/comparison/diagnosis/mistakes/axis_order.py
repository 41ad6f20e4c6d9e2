"""Mistakes of axes: height for width, one order of axes read as another."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from refnet.arrays import Array
from refnet.comparison.diagnosis.mistakes.mistake import Mistake, Situation


def axes(s: Situation) -> Iterator[Mistake]:
    """Height for width, channels first for channels last; of the input, or of the result."""
    c = s.right
    by_pixel = s.step.kernel == 1 and c.op in ("none", "convolution", "excite", "add")
    for name, words, move in _MOVES:
        if len(s.step.shape) == 3:
            yield Mistake(f"{name}-output", f"the result's {words}", replace(c, reorder=move))
        if c.inputs[0].ndim == 4 and not (by_pixel and name == "hw-swapped"):  # there, it is the same as the above
            inputs = tuple(move(x) if x.ndim == 4 else x for x in c.inputs)
            yield Mistake(f"{name}-input", f"the input's {words}", replace(c, inputs=inputs))


def _swapped(x: Array) -> Array:
    return x.swapaxes(1, 2)


def _swapped_buffer(x: Array) -> Array:
    return x.swapaxes(1, 2).reshape(x.shape)


def _channels_first(x: Array) -> Array:
    return x.transpose(0, 3, 1, 2).reshape(x.shape)


def _channels_last(x: Array) -> Array:
    N, H, W, C = x.shape
    return x.reshape(N, C, H, W).transpose(0, 2, 3, 1)


_MOVES = (
    ("hw-swapped", "height and width are swapped", _swapped),
    ("hw-misread", "numbers lie by columns, and are read by rows", _swapped_buffer),
    ("nchw-as-nhwc", "numbers lie in the order NCHW, and are read as NHWC", _channels_first),
    ("nhwc-as-nchw", "numbers lie in the order NHWC, and are read as NCHW", _channels_last),
)

"""Mistakes of geometry: zeros in other places, height for width, one order of axes read as another."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from refnet.architecture.padding import NO_PADS, Pads, output_size, pads
from refnet.arrays import Array
from refnet.comparison.diagnosis.mistakes.mistake import Mistake, Situation


def padding(s: Situation) -> Iterator[Mistake]:
    """Zeros in other places, or something else than zeros."""
    c = s.right
    if c.op not in ("convolution", "depthwise") or s.step.kernel == 1:
        return
    H, W, _ = s.step.in_shape
    k, stride = s.step.kernel, s.step.stride

    def seen(around: Pads) -> tuple[int, ...]:
        """What the result depends on: behind the last window nobody looks."""
        return (around.top, around.left, *output_size(H, W, around, k, stride))

    known = {seen(c.pads)}
    for name, other, why in _other_pads(c.pads, H, W, k, stride):
        if seen(other) not in known and min(output_size(H, W, other, k, stride)) >= 1:
            known.add(seen(other))
            words = f"{tuple(other)} zeros (top, bottom, left, right) instead of {tuple(c.pads)}: {why}"
            yield Mistake(name, words, replace(c, pads=other))
    if any(c.pads):
        yield Mistake(
            "border-repeated",
            "around the picture its border pixels are repeated instead of zeros",
            replace(c, pad_mode="edge"),
        )
    if any(c.pads) and max(c.pads) < min(H, W):
        yield Mistake(
            "border-reflected", "around the picture it is reflected instead of zeros", replace(c, pad_mode="reflect")
        )


def _other_pads(right: Pads, H: int, W: int, kernel: int, stride: int) -> Iterator[tuple[str, Pads, str]]:
    top, bottom, left, right_ = right
    symmetric = pads("symmetric", H, W, kernel, stride)
    if symmetric != right:
        why = "the rule here is TensorFlow's 'same', by which an odd zero lies below and to the right"
        yield "symmetric-padding", symmetric, why
    else:
        same = pads("same", H, W, kernel, stride)
        yield "same-padding", same, "the rule here is k // 2 on each side, not TensorFlow's 'same'"
    yield "shifted-padding", Pads(bottom, top, right_, left), "an odd zero lies below and to the right"
    yield "swapped-padding", Pads(left, right_, top, bottom), "those of height and width are swapped"
    yield "no-padding", NO_PADS, "there are none"
    yield "padding-before", Pads(top + bottom, 0, left + right_, 0), "all of them lie above and to the left"
    yield "padding-after", Pads(0, top + bottom, 0, left + right_), "all of them lie below and to the right"


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

"""Mistakes of padding: zeros in other places, or something else than zeros."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from refnet.architecture.padding import NO_PADS, Pads, output_size, pads
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

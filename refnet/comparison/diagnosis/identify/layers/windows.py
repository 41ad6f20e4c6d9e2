"""Windows: where they begin, how far apart they and their taps lie."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from itertools import product

import numpy as np

from refnet.architecture.padding import NO_PADS, Pads
from refnet.arrays import Array
from refnet.comparison.diagnosis.computation import Computation
from refnet.comparison.diagnosis.mistakes import Mistake, Situation
from refnet.comparison.diagnosis.operations import padded

SHIFTS = (0, 1, -1, 2, -2)


def windows(s: Situation) -> Iterator[Mistake]:
    """Windows that begin elsewhere, taps that lie apart, strides in the wrong place."""
    c = s.right
    if c.op in ("convolution", "depthwise") and len(s.step.shape) == 3:
        yield from _shifted(s)
        if s.step.kernel > 1:
            yield from _apart(c, s.step.kernel)
        if s.step.stride > 1:
            yield from _strides(s)


def _shifted(s: Situation) -> Iterator[Mistake]:
    c, k, stride = s.right, s.step.kernel, s.step.stride
    H, W, _ = s.step.shape
    for dy, dx in product(SHIFTS, repeat=2):
        if (dy, dx) == (0, 0) or (stride == 1 and k == 1 and abs(dy) + abs(dx) > 2):
            continue
        room = 2 + k * stride
        wide = padded(c.inputs[0], Pads(c.pads.top + 2, c.pads.bottom + room, c.pads.left + 2, c.pads.right + room))
        cut = wide[:, 2 + dy :, 2 + dx :]
        cut = cut[:, : (H - 1) * stride + k, : (W - 1) * stride + k]
        words = f"its windows begin {dy:+d} rows and {dx:+d} columns further: the input is shifted against the result"
        yield Mistake("window-shifted", words, replace(c, inputs=(cut,), pads=NO_PADS))


def _strides(s: Situation) -> Iterator[Mistake]:
    """The stride before the convolution, behind it, or nowhere."""
    c, k, stride = s.right, s.step.kernel, s.step.stride
    H, W, _ = s.step.shape
    x, around = c.inputs[0], Pads(*[k // 2] * 4)
    for first in range(stride):
        thin = x[:, first::stride, first::stride]
        words = f"the stride of {stride} is taken on its input, every {stride}nd pixel from {first} on, and not here: "
        words += (
            "the stride is on the wrong convolution, and taps lie as far apart (dilated) as the pixels that are left"
        )
        if thin.shape[1:3] == (H, W):
            yield Mistake("stride-before", words, replace(c, inputs=(thin,), stride=1, pads=around))
    dense = replace(c, stride=1)
    for pads in dict.fromkeys((c.pads, around)):
        words = "it has stride 1, and of the result the first rows and columns are kept"
        yield Mistake("stride-1-cropped", words, replace(dense, pads=pads, reorder=lambda x: x[:, :H, :W]))
        for name, take in (("mean", np.mean), ("largest", np.max)):
            words = (
                f"it has stride 1, and the {name} of each {stride} × {stride} results is taken: pooling for a stride"
            )
            yield Mistake("stride-pooled", words, replace(dense, pads=pads, reorder=_pooled(take, (H, W), stride)))


def _pooled(take: Callable[..., Array], shape: tuple[int, int], stride: int) -> Callable[[Array], Array]:
    H, W = shape

    def reorder(x: Array) -> Array:
        missing = ((0, 0), (0, max(H * stride - x.shape[1], 0)), (0, max(W * stride - x.shape[2], 0)), (0, 0))
        full = np.pad(x, missing, "edge")[:, : H * stride, : W * stride]
        pooled: Array = take(full.reshape(len(x), H, stride, W, stride, -1), (2, 4))
        return pooled

    return reorder


def _apart(c: Computation, k: int) -> Iterator[Mistake]:
    assert c.kernel is not None
    for apart in (2, 3):
        wide = (k - 1) * apart + 1
        kernel = np.zeros((wide, wide, *c.kernel.shape[2:]), np.float32)
        kernel[::apart, ::apart] = c.kernel
        more = (wide - k) // 2
        for name, pads in (
            ("around the same centre", Pads(*(pad + more for pad in c.pads))),
            ("from the same corner", Pads(c.pads.top, c.pads.bottom + 2 * more, c.pads.left, c.pads.right + 2 * more)),
        ):
            words = f"its taps lie {apart} apart (dilation {apart}), {name}"
            yield Mistake("dilated", words, replace(c, kernel=kernel, pads=pads))

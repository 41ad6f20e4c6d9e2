"""Depthwise convolution: T neighbouring pixels of a row by one block of 16 channels, in registers.

For each kernel row the S weights are loaded, then the input row is walked once from left to right; each input pixel is
used by every output it touches. So each output meets its taps in order of (ky, kx), as the contract says. Rows above
and below the picture, and in the checked tile columns beside it, are read from a row of zeros instead.

Registers: T sums, S weights, one input; ``machine.tile_shapes`` chooses T.
"""

from __future__ import annotations

from typing import Any

from llvmlite import ir
from numba import njit, types
from numba.extending import intrinsic

from refnet.kernels.emit import Emitter, index
from refnet.kernels.machine import LANES, tile_shapes_of


@intrinsic
def _tile(
    typingctx: Any, kernel: Any, stride: Any, checked: Any, arena: Any, x: Any, height: Any, width: Any,
    top: Any, left: Any, zeros: Any, weights: Any, w: Any, scale: Any, shift: Any, activation: Any, y: Any,
) -> Any:  # fmt: skip
    """Compute one tile whose first tap lies at (top, left); ``kernel``, ``stride``, ``checked`` are literals."""
    if not isinstance(kernel, types.IntegerLiteral):
        return None
    S, step, T = kernel.literal_value, stride.literal_value, tile_shapes_of(arena).row
    check_columns = bool(checked.literal_value)
    int64 = types.int64

    def codegen(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        e, b = Emitter(context, builder, arena), builder
        arena_, x_, height_, width_, top_, left_, zeros_, weights_, w_, scale_, shift_, activation_, y_ = args[3:]
        start = e.pointer(arena, arena_, index(0))
        w_pointer = e.pointer(weights, weights_, w_)
        sums = e.variables(T)
        e.set_all(sums, 0.0)

        def inside(i: ir.Value, size: ir.Value) -> ir.Value:
            return b.icmp_unsigned("<", i, size)  # a negative i is a huge unsigned one

        for ky in range(S):
            iy = b.add(top_, index(ky))
            row = b.select(inside(iy, height_), b.add(x_, b.mul(iy, b.mul(width_, index(LANES)))), zeros_)
            taps = [e.load(e.advance(w_pointer, (ky * S + kx) * LANES)) for kx in range(S)]
            for column in range((T - 1) * step + S):
                ix = b.add(left_, index(column))
                offset = b.add(row, b.mul(ix, index(LANES)))
                if check_columns:
                    offset = b.select(inside(ix, width_), offset, zeros_)
                pixel = e.load(e.advance(start, offset))
                for t in range(T):
                    kx = column - t * step
                    if 0 <= kx < S:
                        b.store(e.fma(pixel, taps[kx], b.load(sums[t])), sums[t])
        scales, shifts = ([e.load(e.pointer(weights, weights_, offset))] * T for offset in (scale_, shift_))
        e.finish(sums, scales, shifts, activation_)
        y_pointer = e.pointer(arena, arena_, y_)
        for t in range(T):
            e.store(b.load(sums[t]), e.advance(y_pointer, t * LANES))
        return context.get_dummy_value()

    signature = types.void(kernel, stride, checked, arena, *[int64] * 6, weights, *[int64] * 5)
    return signature, codegen


def _row_of(kernel: int, stride: int) -> Any:
    """Make the function that computes one output row of one block of channels.

    The row's first tap lies at (top, left) of the picture at ``x``. Offsets count elements into ``arena`` (x, y, zeros,
    scratch) and ``weights`` (w, scale, shift). ``zeros`` is the offset of a row of zeros as wide as the picture; T is
    the pixels of a tile.
    """

    @njit(nogil=True, error_model="numpy")
    def row(
        arena: Any, x: int, height: int, width: int, top: int, left: int, zeros: int,
        weights: Any, w: int, scale: int, shift: int, activation: int, y: int, out_width: int, T: int, scratch: int,
    ) -> None:  # fmt: skip
        reach = (T - 1) * stride + kernel
        ox = 0
        while ox < out_width:
            if out_width >= T:
                ox = min(ox, out_width - T)  # the last tile overlaps its neighbour: same values, written twice
            ix = left + ox * stride
            target = y + ox * LANES if out_width >= T else scratch
            if ix >= 0 and ix + reach <= width:
                _tile(kernel, stride, 0, arena, x, height, width, top, ix, zeros, weights, w, scale, shift,
                      activation, target)  # fmt: skip
            else:
                _tile(kernel, stride, 1, arena, x, height, width, top, ix, zeros, weights, w, scale, shift,
                      activation, target)  # fmt: skip
            ox += T
        if out_width < T:
            for i in range(out_width * LANES):
                arena[y + i] = arena[scratch + i]

    return row


row_k3s1 = _row_of(3, 1)
row_k3s2 = _row_of(3, 2)
row_k5s1 = _row_of(5, 1)
row_k5s2 = _row_of(5, 2)

"""Depthwise convolution: T neighbours in a row of output pixels, of a block of 16 channels.

A window is four neighbouring pixels of the line buffer, turned so that a lane has the four bytes of its channel. Its
products with up to four weights of a row of the kernel are one ``dot``; the weights are stored once for each place
that they may have in a window, with zeros beside them. So a row of a 3x3 kernel takes one ``dot`` of an output pixel,
and two output pixels share a window; of a 5x5 kernel it takes two, and four share. Sums are exact in any order.

Registers: T sums, the windows of a row, which serve all sums that they reach.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

from numba import types
from numba.extending import intrinsic

from refnet.kernels.emit import aligned_frame, compiled
from refnet.kernels.integers.lanes import Lanes, index
from refnet.kernels.integers.machine import IntegerTiles, integer_tiles
from refnet.kernels.integers.rows import VECTOR, windows
from refnet.kernels.line_buffer import LineBuffer
from refnet.kernels.machine import LANES


class OutputRow(NamedTuple):
    """One row of output."""

    top: int  # row of the picture under the first row of the kernel
    outside: int  # arena offset of a row of zero points
    w: int  # weights offset: [row of the kernel][offset of a window][16][4]
    bias: int
    sums: int  # arena offset
    width: int


def _tile_of(pixels: Callable[[IntegerTiles], int], S: int, stride: int) -> Any:
    """Make the function that computes the sums of a tile from output pixel ``first`` on."""
    seen = windows(S, stride)

    @intrinsic
    def tile(typingctx: Any, arena: Any, weights: Any, buffer: Any, out: Any, slot: Any, first: Any) -> Any:
        T = pixels(integer_tiles())

        def codegen(context: Any, builder: Any, signature: Any, args: Any) -> Any:
            e, b = Lanes(context, builder), builder
            arena_, weights_, *records, slot_, first_ = args
            buffer_, out_ = (e.fields(t, v) for t, v in zip((buffer, out), records, strict=True))
            sums = e.variables([e.load(e.pointer(weights, weights_, out_.bias))] * T)
            column = b.mul(first_, index(stride * LANES))
            with e.loop(index(S)) as ky:
                unwrapped = b.add(slot_, ky)
                wrapped = b.sub(unwrapped, buffer_.rows)
                in_slot = b.select(b.icmp_signed("<", wrapped, index(0)), unwrapped, wrapped)
                # A negative row is a huge unsigned one.
                inside = b.icmp_unsigned("<", b.add(out_.top, ky), buffer_.height)
                line = b.add(buffer_.at, b.mul(in_slot, b.mul(buffer_.pitch, index(LANES))))
                x = e.pointer(arena, arena_, b.add(b.select(inside, line, out_.outside), column))
                w = e.pointer(weights, weights_, b.add(out_.w, b.mul(ky, index(len(seen.offsets) * VECTOR))))
                for begin in range(0, (T - 1) * stride + S, seen.step):
                    users = [
                        (t, seen.offsets.index(t * stride - begin))
                        for t in range(T)
                        if t * stride - begin in seen.offsets
                    ]
                    if not users:
                        continue
                    window = e.load_window(e.advance(x, begin * LANES))
                    for t, variant in users:
                        taps = e.load(e.advance(w, variant * VECTOR))
                        b.store(e.dot(b.load(sums[t]), window, taps), sums[t])
            target = e.pointer(arena, arena_, b.add(out_.sums, b.mul(first_, index(VECTOR))))
            for t, total in enumerate(sums):
                e.store(b.load(total), e.advance(target, t * VECTOR))
            return context.get_dummy_value()

        return types.void(arena, weights, buffer, out, types.int64, types.int64), codegen

    return tile


def _row_of(kernel: int, stride: int) -> Any:
    """Make the function that computes the sums of one output row of one block of channels."""
    long_tile = _tile_of(lambda tiles: tiles.row_pixels, kernel, stride)
    short_tile = _tile_of(lambda tiles: tiles.short_row_pixels, kernel, stride)

    @compiled
    def row(arena: Any, weights: Any, buffer: LineBuffer, out: OutputRow, tiles: IntegerTiles) -> None:
        aligned_frame()
        slot = out.top % buffer.rows
        ox = 0
        while ox < out.width:
            if out.width - ox > tiles.short_row_pixels:
                long_tile(arena, weights, buffer, out, slot, ox)
                ox += tiles.row_pixels
            else:
                short_tile(arena, weights, buffer, out, slot, ox)
                ox += tiles.short_row_pixels

    return row


row_k3s1 = _row_of(3, 1)
row_k3s2 = _row_of(3, 2)
row_k5s1 = _row_of(5, 1)
row_k5s2 = _row_of(5, 2)

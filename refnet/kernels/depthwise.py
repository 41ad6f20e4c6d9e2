"""Depthwise convolution: T neighbouring pixels of a row by one block of 16 channels, in registers.

For each kernel row the S weights are loaded, then the input row is walked once from left to right; each input pixel is
used by every output it touches. So each output meets its taps in order of (ky, kx), as the contract says. The input
rows lie in a line buffer with their zeros at both sides (see ``line_buffer``); rows above and below the picture are
read from a row of zeros instead.

Registers: T sums, S weights, one input; ``machine.tile_shapes`` chooses T.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

from numba import types
from numba.extending import intrinsic

from refnet.kernels.emit import Emitter, aligned_frame, compiled, index
from refnet.kernels.epilogue import Epilogue, finish
from refnet.kernels.line_buffer import LineBuffer
from refnet.kernels.machine import LANES, TileShapes, tile_shapes_of


class OutputRow(NamedTuple):
    """One output row of one block of channels."""

    top: int  # row of the picture that its first tap lies in
    zeros: int  # arena offset of a row of zeros, read above and below the picture
    w: int  # weights offset: [tap][16]
    y: int  # arena offset
    width: int
    scratch: int  # arena offset of memory for the pixels of a row that is shorter than the tiles


class _Tile(NamedTuple):
    """Where in an output row one tile begins: its first tap's slot and column in the line buffer, its sums' place."""

    slot: int
    column: int
    y: int


def _tile_of(pixels: Callable[[TileShapes], int], kernel: int, stride: int) -> Any:
    """Make the function that computes one tile of so many ``pixels``."""
    S, step = kernel, stride

    @intrinsic
    def tile(typingctx: Any, arena: Any, weights: Any, buffer: Any, out: Any, at: Any) -> Any:
        T = pixels(tile_shapes_of(arena))

        def codegen(context: Any, builder: Any, signature: Any, args: Any) -> Any:
            e, b = Emitter(context, builder, arena), builder
            arena_, weights_, *records = args
            buffer_, out_, at_ = (e.fields(t, v) for t, v in zip((buffer, out, at), records, strict=True))
            row_size = b.mul(buffer_.pitch, index(LANES))
            w_pointer = e.pointer(weights, weights_, out_.w)
            sums = e.variables(T)
            e.set_all(sums, 0.0)
            for ky in range(S):
                unwrapped = b.add(at_.slot, index(ky))
                wrapped = b.sub(unwrapped, buffer_.rows)
                in_slot = b.select(b.icmp_signed("<", wrapped, index(0)), unwrapped, wrapped)
                # A negative row is a huge unsigned one.
                inside = b.icmp_unsigned("<", b.add(out_.top, index(ky)), buffer_.height)
                row = b.select(inside, b.add(buffer_.at, b.mul(in_slot, row_size)), out_.zeros)
                first = e.pointer(arena, arena_, b.add(row, b.mul(at_.column, index(LANES))))
                taps = [e.load(e.advance(w_pointer, (ky * S + kx) * LANES)) for kx in range(S)]
                for i in range((T - 1) * step + S):
                    pixel = e.load(e.advance(first, i * LANES))
                    for t in range(T):
                        kx = i - t * step
                        if 0 <= kx < S:
                            b.store(e.fma(pixel, taps[kx], b.load(sums[t])), sums[t])
            y_pointer = e.pointer(arena, arena_, at_.y)
            for t in range(T):
                e.store(b.load(sums[t]), e.advance(y_pointer, t * LANES))
            return context.get_dummy_value()

        return types.void(arena, weights, buffer, out, at), codegen

    return tile


def _row_of(kernel: int, stride: int) -> Any:
    """Make the function that computes one output row of one block of channels."""
    long_tile = _tile_of(lambda tiles: tiles.row_pixels, kernel, stride)
    short_tile = _tile_of(lambda tiles: tiles.short_row_pixels, kernel, stride)

    @compiled
    def row(
        arena: Any, weights: Any, buffer: LineBuffer, out: OutputRow, epilogue: Epilogue, tiles: TileShapes
    ) -> None:
        aligned_frame()
        long, short = tiles.row_pixels, tiles.short_row_pixels
        slot = out.top % buffer.rows
        ox = 0
        while ox < out.width:
            left = out.width - ox
            # Which tiles waste least: 8 = 4 + 4, 12 = 4 + 4 + 4, 11 = 7 + 4, 15 = 7 + 4 + 4.
            tile = short if left <= short or left in (2 * short, 3 * short) or out.width < long else long
            ox = max(0, min(ox, out.width - tile))  # the last tile overlaps its neighbour: same values, written twice
            at = _Tile(slot=slot, column=ox * stride, y=out.y + ox * LANES if out.width >= short else out.scratch)
            if tile == long:
                long_tile(arena, weights, buffer, out, at)
            else:
                short_tile(arena, weights, buffer, out, at)
            ox += tile
        if out.width < short:
            for i in range(out.width * LANES):
                arena[out.y + i] = arena[out.scratch + i]
        finish(arena, weights, out.y, out.width, epilogue)

    return row


row_k3s1 = _row_of(3, 1)
row_k3s2 = _row_of(3, 2)
row_k5s1 = _row_of(5, 1)
row_k5s2 = _row_of(5, 2)

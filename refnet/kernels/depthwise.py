"""Depthwise convolution: T neighbouring pixels of a row by one block of 16 channels, in registers.

For each kernel row the S weights are loaded, then the input row is walked once from left to right; each input pixel is
used by every output it touches. So each output meets its taps in order of (ky, kx), as the contract says. The input
rows lie in a line buffer with their zeros at both sides (see ``line_buffer``); rows above and below the picture are
read from a row of zeros instead.

Registers: T sums, S weights, one input; ``machine.tile_shapes`` chooses T.
"""

from __future__ import annotations

from typing import Any

from numba import njit, types
from numba.extending import intrinsic

from refnet.kernels.emit import Emitter, aligned_frame, index
from refnet.kernels.finish import finish
from refnet.kernels.machine import LANES, tile_shapes_of

LONG, SHORT = range(2)


@intrinsic
def _tile(
    typingctx: Any, kernel: Any, stride: Any, length: Any, arena: Any, buffer: Any, buffer_rows: Any, pitch: Any,
    height: Any, top: Any, slot: Any, column: Any, zeros: Any, weights: Any, w: Any, y: Any,
) -> Any:  # fmt: skip
    """Compute one tile; ``kernel``, ``stride``, ``length`` are literals.

    Its first tap lies in row ``top`` of the picture, kept in ``slot`` of the buffer, and in ``column`` of the buffer.
    """
    if not isinstance(kernel, types.IntegerLiteral):
        return None
    S, step = kernel.literal_value, stride.literal_value
    tiles = tile_shapes_of(arena)
    T = tiles.row if length.literal_value == LONG else tiles.short_row
    int64 = types.int64

    def codegen(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        e, b = Emitter(context, builder, arena), builder
        (
            *_,
            arena_,
            buffer_,
            buffer_rows_,
            pitch_,
            height_,
            top_,
            slot_,
            column_,
            zeros_,
            weights_,
            w_,
            y_,
        ) = args
        row_size = b.mul(pitch_, index(LANES))
        w_pointer = e.pointer(weights, weights_, w_)
        sums = e.variables(T)
        e.set_all(sums, 0.0)
        for ky in range(S):
            unwrapped = b.add(slot_, index(ky))
            wrapped = b.sub(unwrapped, buffer_rows_)
            in_slot = b.select(b.icmp_signed("<", wrapped, index(0)), unwrapped, wrapped)
            inside = b.icmp_unsigned("<", b.add(top_, index(ky)), height_)  # a negative row is a huge unsigned one
            row = b.select(inside, b.add(buffer_, b.mul(in_slot, row_size)), zeros_)
            pixels = e.pointer(arena, arena_, b.add(row, b.mul(column_, index(LANES))))
            taps = [e.load(e.advance(w_pointer, (ky * S + kx) * LANES)) for kx in range(S)]
            for i in range((T - 1) * step + S):
                pixel = e.load(e.advance(pixels, i * LANES))
                for t in range(T):
                    kx = i - t * step
                    if 0 <= kx < S:
                        b.store(e.fma(pixel, taps[kx], b.load(sums[t])), sums[t])
        y_pointer = e.pointer(arena, arena_, y_)
        for t in range(T):
            e.store(b.load(sums[t]), e.advance(y_pointer, t * LANES))
        return context.get_dummy_value()

    signature = types.void(kernel, stride, length, arena, *[int64] * 8, weights, *[int64] * 2)
    return signature, codegen


def _row_of(kernel: int, stride: int) -> Any:
    """Make the function that computes one output row of one block of channels.

    The row's first tap lies in row ``top`` of a picture of ``height``; ``buffer`` holds ``buffer_rows`` of its rows,
    each of ``pitch`` pixels, row r in slot r % buffer_rows. ``zeros`` is a row of zeros. Offsets count elements into
    ``arena`` (buffer, zeros, y, total, scratch) and ``weights`` (w, scale, shift). ``long`` and ``short`` are the
    pixels of the two tiles; ``scratch`` takes the pixels of a row that is shorter than both. The sum of the row goes to
    ``total``, if that is not negative.
    """

    @njit(nogil=True, error_model="numpy")
    def row(
        arena: Any, buffer: int, buffer_rows: int, pitch: int, height: int, top: int, zeros: int,
        weights: Any, w: int, scale: int, shift: int, activation: int, y: int, total: int, out_width: int,
        long: int, short: int, scratch: int,
    ) -> None:  # fmt: skip
        aligned_frame()
        slot = top % buffer_rows
        ox = 0
        while ox < out_width:
            left = out_width - ox
            # Which tiles waste least: 8 = 4 + 4, 12 = 4 + 4 + 4, 11 = 7 + 4, 15 = 7 + 4 + 4.
            tile = short if left <= short or left in (2 * short, 3 * short) or out_width < long else long
            ox = max(0, min(ox, out_width - tile))  # the last tile overlaps its neighbour: same values, written twice
            target = y + ox * LANES if out_width >= short else scratch
            if tile == long:
                _tile(kernel, stride, LONG, arena, buffer, buffer_rows, pitch, height, top, slot, ox * stride, zeros,
                      weights, w, target)  # fmt: skip
            else:
                _tile(kernel, stride, SHORT, arena, buffer, buffer_rows, pitch, height, top, slot, ox * stride, zeros,
                      weights, w, target)  # fmt: skip
            ox += tile
        if out_width < short:
            for i in range(out_width * LANES):
                arena[y + i] = arena[scratch + i]
        finish(arena, y, out_width, weights, scale, shift, activation, -1, total)

    return row


row_k3s1 = _row_of(3, 1)
row_k3s2 = _row_of(3, 2)
row_k5s1 = _row_of(5, 1)
row_k5s2 = _row_of(5, 2)

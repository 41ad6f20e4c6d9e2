"""Depthwise convolution: T neighbouring pixels of a row by B blocks of 16 channels, from their input to their output.

The sums are made in registers. For each kernel row, the input row of each block is walked once from left to right; each
input pixel is used by every output it touches. So each output meets its taps in order of (ky, kx), as the contract
says. The input rows lie in line buffers with their zeros at both sides (see ``line_buffer``); rows above and below the
picture are read from a row of zeros instead.

Then, block by block, batch norm and activation follow; the pixels are stored, and added to the sum of their row from
left to right. No two tiles overlap.

Registers: B * T sums, S weights, one input; ``machine.tile_shapes`` chooses B and T.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable
from typing import Any, NamedTuple

from llvmlite import ir
from numba import types
from numba.core import cgutils
from numba.extending import intrinsic

from refnet.kernels.emit import Emitter, aligned_frame, compiled, index
from refnet.kernels.epilogue import Epilogue, finish_sums
from refnet.kernels.line_buffer import LineBuffer
from refnet.kernels.machine import LANES, NOWHERE, TileShapes, tile_shapes_of
from refnet.kernels.rows import IN_TILES

_Array = tuple[Any, ir.Value]  # an array argument: its type and its value


class OutputRows(NamedTuple):
    """The output of a block of channels and its neighbours, and how its rows are cut into tiles."""

    blocks: int  # as many as a tile has, or 1: the tile then makes the same sums twice
    zeros: int  # arena offset of a row of zeros, read above and below the picture
    w: int  # weights offset: [block][tap][16]
    y: int  # arena offset: [block][row][pixel][16]
    total: int  # arena offset of the sums of rows: [block][row][16]; negative: not wanted
    height: int
    width: int
    top: int  # rows of zeros above the picture
    long_tiles: int  # that a row begins with; then come short ones, and tiles of one pixel
    short_tiles: int


class _Shape(NamedTuple):
    """What a tile is compiled for."""

    blocks: int
    pixels: int
    kernel: int
    stride: int


class _Tile(NamedTuple):
    """Where one tile begins."""

    top: int  # row of the picture that its first tap lies in
    slot: int  # that row's in the line buffer
    column: int  # of the line buffer
    y: int  # arena offset of its first output pixel
    total: int  # arena offset of the sum of its row; negative: not wanted


def _tile_of(pixels: Callable[[TileShapes], int], kernel: int, stride: int) -> Any:
    """Make the function that computes one tile of so many ``pixels``."""

    @intrinsic
    def tile(typingctx: Any, arena: Any, weights: Any, buffer: Any, out: Any, epilogue: Any, at: Any) -> Any:
        tiles = tile_shapes_of(arena)
        shape = _Shape(tiles.blocks, pixels(tiles), kernel, stride)

        def codegen(context: Any, builder: Any, signature: Any, args: Any) -> Any:
            e = Emitter(context, builder, arena)
            arena_, weights_, *records = args
            buffer_, rows, then, at_ = (
                e.fields(t, v) for t, v in zip((buffer, out, epilogue, at), records, strict=True)
            )
            memory, parameters = (arena, arena_), (weights, weights_)
            sums = _sums(e, shape, memory, e.pointer(*parameters, rows.w), buffer_, rows, at_)
            _finish(e, shape, memory, parameters, sums, rows, then, at_)
            return context.get_dummy_value()

        return types.void(arena, weights, buffer, out, epilogue, at), codegen

    return tile


def _sums(
    e: Emitter,
    shape: _Shape,
    arena: _Array,
    w: ir.Value,
    buffer: LineBuffer,
    rows: OutputRows,
    at: _Tile,
) -> list[ir.Value]:
    """The sums of a tile, block after block."""
    b = e.builder
    B, T, S, stride = shape
    row_size = b.mul(buffer.pitch, index(LANES))
    has_neighbour = b.icmp_signed(">", rows.blocks, index(1))
    w_block, x_block = (
        b.select(has_neighbour, size, index(0)) for size in (index(S * S * LANES), b.mul(buffer.rows, row_size))
    )
    sums = [[e.constant(0.0)] * T for _ in range(B)]
    for ky in range(S):
        unwrapped = b.add(at.slot, index(ky))
        wrapped = b.sub(unwrapped, buffer.rows)
        slot = b.select(b.icmp_signed("<", wrapped, index(0)), unwrapped, wrapped)
        # A negative row is a huge unsigned one.
        inside = b.icmp_unsigned("<", b.add(at.top, index(ky)), buffer.height)
        row = b.select(inside, b.add(buffer.at, b.mul(slot, row_size)), rows.zeros)
        x, w_row = e.pointer(*arena, b.add(row, b.mul(at.column, index(LANES)))), e.advance(w, ky * S * LANES)
        for of_block in sums:
            taps = [e.load(e.advance(w_row, kx * LANES)) for kx in range(S)]
            for i in range((T - 1) * stride + S):
                pixel = e.load(e.advance(x, i * LANES))
                for t in range(T):
                    kx = i - t * stride
                    if 0 <= kx < S:
                        of_block[t] = e.fma(pixel, taps[kx], of_block[t])
            x, w_row = e.advance(x, b.select(inside, x_block, index(0))), e.advance(w_row, w_block)
    return list(itertools.chain(*sums))


def _finish(
    e: Emitter,
    shape: _Shape,
    arena: _Array,
    weights: _Array,
    sums: list[ir.Value],
    rows: OutputRows,
    epilogue: Epilogue,
    at: _Tile,
) -> None:
    """Do what follows the sums of a tile, in a loop over its blocks: code for all of them takes too long to compile."""
    b, T = e.builder, shape.pixels
    waiting = cgutils.alloca_once(b, e.vector, size=len(sums))
    for i, sum_ in enumerate(sums):
        b.store(sum_, b.gep(waiting, [index(i)]))
    with e.loop(rows.blocks) as block:
        of_channels = b.mul(block, index(LANES))
        of_rows = b.mul(of_channels, rows.height)
        values = e.variables(T)
        for t, value in enumerate(values):
            b.store(b.load(b.gep(waiting, [b.add(b.mul(block, index(T)), index(t))])), value)
        scale, shift = (
            e.load(e.pointer(*weights, b.add(offset, of_channels))) for offset in (epilogue.scale, epilogue.shift)
        )
        finish_sums(e, values, [scale] * T, [shift] * T, epilogue.activation, IN_TILES[1:])
        y = e.pointer(*arena, b.add(at.y, b.mul(of_rows, rows.width)))
        for t, value in enumerate(values):
            e.store(b.load(value), e.advance(y, t * LANES))
        with b.if_then(b.icmp_signed(">=", at.total, index(0))):
            place = e.pointer(*arena, b.add(at.total, of_rows))
            begins = b.icmp_signed("==", at.column, index(0))
            total = b.select(begins, e.constant(0.0), e.load(place))
            for value in values:
                total = b.fadd(total, b.load(value))
            e.store(total, place)


def _rows_of(kernel: int, stride: int) -> Any:
    """Make the function that computes output rows ``first`` … ``last`` - 1."""
    long_tile = _tile_of(lambda tiles: tiles.row_pixels, kernel, stride)
    short_tile = _tile_of(lambda tiles: tiles.short_row_pixels, kernel, stride)
    one_tile = _tile_of(lambda tiles: 1, kernel, stride)

    @compiled
    def rows(
        arena: Any,
        weights: Any,
        buffer: LineBuffer,
        out: OutputRows,
        epilogue: Epilogue,
        first: int,
        last: int,
        tiles: TileShapes,
    ) -> None:
        aligned_frame()
        long, short = tiles.row_pixels, tiles.short_row_pixels
        for oy in range(first, last):
            top = oy * stride - out.top
            slot = top % buffer.rows
            y = out.y + oy * out.width * LANES
            total = out.total + oy * LANES if out.total >= 0 else NOWHERE
            tile = ox = 0
            while ox < out.width:
                at = _Tile(top=top, slot=slot, column=ox * stride, y=y + ox * LANES, total=total)
                if tile < out.long_tiles:
                    long_tile(arena, weights, buffer, out, epilogue, at)
                    ox += long
                elif tile < out.long_tiles + out.short_tiles:
                    short_tile(arena, weights, buffer, out, epilogue, at)
                    ox += short
                else:
                    one_tile(arena, weights, buffer, out, epilogue, at)
                    ox += 1
                tile += 1

    return rows


rows_k3s1 = _rows_of(3, 1)
rows_k3s2 = _rows_of(3, 2)
rows_k5s1 = _rows_of(5, 1)
rows_k5s2 = _rows_of(5, 2)


@intrinsic
def ask_for(typingctx: Any, weights: Any, first: Any, count: Any) -> Any:
    """Ask for ``count`` vectors of weights, which will be read soon and lie in no cache yet."""

    def codegen(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        e = Emitter(context, builder, weights)
        pointer = e.pointer(weights, args[0], args[1])
        with e.loop(args[2]) as i:
            e.prefetch(e.advance(pointer, builder.mul(i, index(LANES))))
        return context.get_dummy_value()

    return types.void(weights, types.int64, types.int64), codegen

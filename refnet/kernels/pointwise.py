"""Convolution by a register tile: M neighbouring output pixels by B blocks of 16 output channels.

The tile keeps M * B sums in registers. For each tap in order it broadcasts one input element per pixel and multiplies
it with the same B vectors of weights: one fma per sum. After 32 taps the sums are stored, or added to what is stored,
and start again from +0, as the contract says. What follows a sum is done for a few tiles at once, while they are in the
first-level cache (see ``epilogue``).

Where the input of a tap lies: taps come in groups that lie side by side. A pointwise convolution reads a pixel's
channels in groups of 16, and pixels lie 16 apart. The stem reads rows of a padded picture [row][pixel][channel]: a
group is a row of its kernel, pixels are a stride apart (see ``line_buffer``).

Registers: M * B sums, B weights, one broadcast; ``machine.tile_shapes`` chooses M and B.
Refuses nothing: callers pass offsets that lie inside the arrays.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
from llvmlite import ir
from numba import types
from numba.extending import intrinsic

from refnet.kernels.emit import Emitter, aligned_frame, compiled, index
from refnet.kernels.epilogue import Epilogue, finish
from refnet.kernels.machine import LANES, NOWHERE, TileShapes, tile_shapes_of
from refnet.reference.numerics import TAPS_PER_BLOCK

# Where the input of a tile lies.
BLOCKED, PICTURE = range(2)

TILES_TO_FINISH = 4  # at once: they fit the first-level cache beside the weights


class Operands(NamedTuple):
    """What a strip multiplies: its inputs and its panel of weights."""

    x: int  # arena offset of the first tap of the first pixel
    x_pixel: int  # elements from a pixel to its neighbour
    group: int  # taps that lie side by side
    x_group: int  # elements from a group to the next
    far: int  # 1: the input is in memory rather than in a cache
    w: int  # weights offset: [tap][block][16]
    taps: int


class Output(NamedTuple):
    """Where the sums of a strip go: [block][pixel][16], pixels in rows that may have gaps between them."""

    y: int  # arena offset
    y_block: int  # elements from a block to the next
    width: int  # pixels in a row
    gap: int  # elements between rows


class _PointwiseTile(NamedTuple):
    """Where in a strip one tile begins."""

    x: int  # arena offsets
    y: int
    column: int
    ahead: int  # elements from its weights to those to ask for on the way


def _tile_of(pixels: Callable[[TileShapes], int], blocks: int, layout: int) -> Any:
    """Make the function that computes the sums of one tile of so many ``pixels``.

    On the way it asks for weights further ahead and, if the input is far away, for what the next tile will read.
    """
    in_blocks = layout == BLOCKED

    @intrinsic
    def tile(typingctx: Any, arena: Any, weights: Any, operands: Any, output: Any, at: Any) -> Any:
        M, B = pixels(tile_shapes_of(arena)), blocks

        def codegen(context: Any, builder: Any, signature: Any, args: Any) -> Any:
            e = Emitter(context, builder, arena)
            arena_, weights_, *records = args
            of, out, at_ = (e.fields(t, v) for t, v in zip((operands, output, at), records, strict=True))
            addresses = _Addresses(
                e.pointer(arena, arena_, at_.x),
                of.x_group,
                index(LANES) if in_blocks else of.group,
                index(LANES) if in_blocks else of.x_pixel,
                builder.icmp_signed("!=", of.far, index(0)) if in_blocks else None,
                e.pointer(weights, weights_, of.w),
                at_.ahead,
            )
            targets = []
            pixel, column = e.pointer(arena, arena_, at_.y), at_.column
            for _ in range(M):
                targets += [e.advance(pixel, builder.mul(out.y_block, index(i))) for i in range(B)]
                column = builder.add(column, index(1))
                row_ends = builder.icmp_signed("==", column, out.width)
                column = builder.select(row_ends, index(0), column)
                step = builder.select(row_ends, builder.add(out.gap, index(LANES)), index(LANES))
                pixel = e.advance(pixel, step)
            _sum_of_products(e, M, B, addresses, of.taps, targets)
            return context.get_dummy_value()

        return types.void(arena, weights, operands, output, at), codegen

    return tile


class _Addresses(NamedTuple):
    """The operands of a tile, as addresses, and the distances between them."""

    x: ir.Value  # first tap of the first pixel
    x_group: ir.Value
    group: ir.Value
    x_pixel: ir.Value
    far: ir.Value | None
    w: ir.Value
    ahead: ir.Value


def _sum_of_products(e: Emitter, M: int, B: int, of: _Addresses, taps: ir.Value, targets: list[ir.Value]) -> None:
    """Chain by chain: the first is stored, the others are added to what is stored."""
    b = e.builder
    sums = e.variables(M * B)
    tap = e.counter(0)
    with e.while_less(tap, taps):
        first = b.load(tap)
        e.set_all(sums, 0.0)
        end = e.minimum(taps, b.add(first, index(TAPS_PER_BLOCK)))
        with e.while_less(tap, end):
            _group(e, M, B, sums, of, tap, end)
        with b.if_else(b.icmp_signed("==", first, index(0))) as (is_first, is_later):
            with is_first:
                for acc, target in zip(sums, targets, strict=True):
                    e.store(b.load(acc), target)
            with is_later:
                for acc, target in zip(sums, targets, strict=True):
                    e.store(b.fadd(e.load(target), b.load(acc)), target)


def _group(e: Emitter, M: int, B: int, sums: list[ir.Value], of: _Addresses, tap: ir.Value, end: ir.Value) -> None:
    """Take the taps from ``tap`` to the end of its group, or of its chain if that comes first."""
    b = e.builder
    first = b.load(tap)
    inside = b.urem(first, of.group)
    count = e.minimum(b.sub(of.group, inside), b.sub(end, first))
    x_group = e.advance(of.x, b.add(b.mul(b.udiv(first, of.group), of.x_group), inside))
    w_group = e.advance(of.w, b.mul(first, index(B * LANES)))
    if of.far is not None:
        with b.if_then(of.far):
            for m in range(M, 2 * M):
                e.prefetch(e.advance(x_group, m * LANES))
    with e.loop(count) as lane:
        w_tap = e.advance(w_group, b.mul(lane, index(B * LANES)))
        weights = [e.load(e.advance(w_tap, i * LANES)) for i in range(B)]
        for i in range(B):
            e.prefetch(e.advance(e.advance(w_tap, of.ahead), i * LANES))
        x_tap = e.advance(x_group, lane)
        for m in range(M):
            element = e.load_broadcast(e.advance(x_tap, b.mul(of.x_pixel, index(m))))
            for i in range(B):
                acc = sums[m * B + i]
                b.store(e.fma(element, weights[i], b.load(acc)), acc)
    b.store(b.add(first, count), tap)


def _strip_of(blocks: int, layout: int) -> Any:
    """Make the function that computes a strip of neighbouring pixels by ``blocks`` blocks of output channels."""
    full_tile = _tile_of(lambda tiles: tiles.pixels, blocks, layout)
    half_tile = _tile_of(lambda tiles: tiles.half, blocks, layout)
    one_tile = _tile_of(lambda tiles: 1, blocks, layout)

    @compiled
    def strip(
        arena: Any, weights: Any, operands: Operands, output: Output, epilogue: Epilogue, pixels: int, tiles: TileShapes
    ) -> None:
        aligned_frame()
        full, half = tiles.pixels, tiles.half
        p = 0
        unfinished = 0
        ahead = operands.taps * blocks * LANES  # the next panel, which comes from far away: the first tile asks for it
        while p < pixels:
            left = pixels - p
            tile = full if left > half and pixels >= full else half if pixels >= half else 1
            p = min(p, pixels - tile)  # the last tile overlaps its neighbour: same values, made twice
            unfinished = min(unfinished, p)
            row = p // output.width
            at = _PointwiseTile(
                x=operands.x + p * operands.x_pixel,
                y=output.y + p * LANES + row * output.gap,
                column=p - row * output.width,
                ahead=ahead,
            )
            if tile == full:
                full_tile(arena, weights, operands, output, at)
            elif tile == half:
                half_tile(arena, weights, operands, output, at)
            else:
                one_tile(arena, weights, operands, output, at)
            p += tile
            ahead = 0
            if p - unfinished >= TILES_TO_FINISH * full or p == pixels:
                _finish_pixels(arena, weights, output, epilogue, np.int64(blocks), unfinished, p)
                unfinished = p

    return strip


@compiled
def _finish_pixels(
    arena: Any, weights: Any, output: Output, epilogue: Epilogue, blocks: int, first: int, last: int
) -> None:
    """Finish pixels ``first`` … ``last`` - 1 of a strip, row by row if there are gaps; a residual has none."""
    aligned_frame()
    while first < last:
        row = first // output.width if output.gap > 0 else 0
        end = min(last, (row + 1) * output.width) if output.gap > 0 else last
        for block in range(blocks):
            at = block * output.y_block + first * LANES
            of_block = Epilogue(
                scale=epilogue.scale + block * LANES,
                shift=epilogue.shift + block * LANES,
                activation=epilogue.activation,
                residual=epilogue.residual + at if epilogue.residual >= 0 else NOWHERE,
                total=NOWHERE,
            )
            finish(arena, weights, output.y + at + row * output.gap, end - first, of_block)
        first = end


strip_of_1 = _strip_of(1, BLOCKED)
strip_of_2 = _strip_of(2, BLOCKED)
picture_strip_of_1 = _strip_of(1, PICTURE)
picture_strip_of_2 = _strip_of(2, PICTURE)

"""Convolution by a register tile: M neighbouring output pixels by B blocks of 16 output channels.

The tile keeps M * B sums in registers. For each tap in order it broadcasts one input element per pixel and multiplies
it with the same B vectors of weights: one fma per sum. After 32 taps the sums are stored, or added to what is stored,
and start again from +0, as the contract says. What follows a sum is done for a few tiles at once, while they are in the
first-level cache (see ``finish``).

Where the input of a tap lies: taps come in groups that lie side by side. A pointwise convolution reads a pixel's
channels in groups of 16, ``x_group`` elements apart, and pixels 16 apart. The stem reads rows of a padded picture
[row][pixel][channel]: a group is a row of its kernel, pixels are a stride apart (see ``line_buffer``).

Registers: M * B sums, B weights, one broadcast; ``machine.tile_shapes`` chooses M and B.
Refuses nothing: callers pass offsets that lie inside the arrays.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from llvmlite import ir
from numba import njit, types
from numba.extending import intrinsic

from refnet.kernels.emit import Emitter, aligned_frame, index
from refnet.kernels.finish import finish
from refnet.kernels.machine import LANES, tile_shapes_of
from refnet.reference.numerics import TAPS_PER_BLOCK

# Kinds of tile, by their number of pixels and by where their input lies.
FULL, HALF, ONE = range(3)
BLOCKED, PICTURE = range(2)

TILES_TO_FINISH = 4  # at once: they fit the first-level cache beside the weights


def _pixels(shape: int, arena: Any) -> int:
    tiles = tile_shapes_of(arena)
    return {FULL: tiles.pixels, HALF: tiles.half, ONE: 1}[shape]


@intrinsic
def _tile(
    typingctx: Any, shape: Any, blocks: Any, layout: Any, arena: Any, x: Any, x_group: Any, group: Any, x_pixel: Any,
    far: Any, taps: Any, weights: Any, w: Any, ahead: Any, y: Any, y_block: Any, column: Any, width: Any, gap: Any,
) -> Any:  # fmt: skip
    """Compute the sums of one tile; ``shape``, ``blocks`` and ``layout`` are literals.

    On the way it asks for the weights that lie ``ahead`` elements further on and, if the input is ``far`` away (in
    memory rather than in a cache), for what the next tile will read. Output pixels lie 16 elements apart, and ``gap``
    more after the last one of a row of ``width``; the first one lies in ``column``.
    """
    if not isinstance(blocks, types.IntegerLiteral):
        return None
    M, B = _pixels(shape.literal_value, arena), blocks.literal_value
    in_blocks = layout.literal_value == BLOCKED
    int64 = types.int64

    def codegen(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        e = Emitter(context, builder, arena)
        arena_, x_, x_group_, group_, x_pixel_, far_, taps_, weights_, w_, ahead_ = args[3:13]
        y_, y_block_, column_, width_, gap_ = args[13:]
        operands = _Operands(
            e.pointer(arena, arena_, x_),
            x_group_,
            index(LANES) if in_blocks else group_,
            index(LANES) if in_blocks else x_pixel_,
            builder.icmp_signed("!=", far_, index(0)) if in_blocks else None,
            e.pointer(weights, weights_, w_),
            ahead_,
        )
        targets = []
        pixel = e.pointer(arena, arena_, y_)
        for _ in range(M):
            targets += [e.advance(pixel, builder.mul(y_block_, index(i))) for i in range(B)]
            column_ = builder.add(column_, index(1))
            row_ends = builder.icmp_signed("==", column_, width_)
            column_ = builder.select(row_ends, index(0), column_)
            pixel = e.advance(pixel, builder.select(row_ends, builder.add(gap_, index(LANES)), index(LANES)))
        _sum_of_products(e, M, B, operands, taps_, targets)
        return context.get_dummy_value()

    signature = types.void(shape, blocks, layout, arena, *[int64] * 6, weights, *[int64] * 7)
    return signature, codegen


class _Operands(NamedTuple):
    """What a tile multiplies: addresses and distances of its inputs and weights."""

    x: ir.Value  # first tap of the first pixel
    x_group: ir.Value
    group: ir.Value
    x_pixel: ir.Value
    far: ir.Value | None
    w: ir.Value
    ahead: ir.Value


def _sum_of_products(e: Emitter, M: int, B: int, of: _Operands, taps: ir.Value, targets: list[ir.Value]) -> None:
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


def _group(e: Emitter, M: int, B: int, sums: list[ir.Value], of: _Operands, tap: ir.Value, end: ir.Value) -> None:
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
    """Make the function that computes a strip of neighbouring pixels by ``blocks`` blocks of output channels.

    Offsets count elements: x, y, residual into ``arena``, w, scale, shift into ``weights``. The output is
    [block][pixel][16], blocks ``y_block`` apart, with ``gap`` elements after every ``width`` pixels; the residual lies
    like an output without gaps; a negative one means none. ``full`` and ``half`` are the pixels of those tiles.
    """

    @njit(nogil=True, error_model="numpy")
    def strip(
        arena: Any, x: int, x_group: int, group: int, x_pixel: int, far: int, taps: int, weights: Any, w: int,
        scale: int, shift: int, activation: int, residual: int, y: int, y_block: int, pixels: int, width: int, gap: int,
        full: int, half: int,
    ) -> None:  # fmt: skip
        aligned_frame()
        p = 0
        unfinished = 0
        ahead = taps * blocks * LANES  # the next panel, which comes from far away: the first tile asks for it
        while p < pixels:
            left = pixels - p
            tile = full if left > half and pixels >= full else half if pixels >= half else 1
            p = min(p, pixels - tile)  # the last tile overlaps its neighbour: same values, made twice
            unfinished = min(unfinished, p)
            row = p // width
            source, target, column = x + p * x_pixel, y + p * LANES + row * gap, p - row * width
            if tile == full:
                _tile(FULL, blocks, layout, arena, source, x_group, group, x_pixel, far, taps, weights, w, ahead,
                      target, y_block, column, width, gap)  # fmt: skip
            elif tile == half:
                _tile(HALF, blocks, layout, arena, source, x_group, group, x_pixel, far, taps, weights, w, ahead,
                      target, y_block, column, width, gap)  # fmt: skip
            else:
                _tile(ONE, blocks, layout, arena, source, x_group, group, x_pixel, far, taps, weights, w, ahead,
                      target, y_block, column, width, gap)  # fmt: skip
            p += tile
            ahead = 0
            if p - unfinished >= TILES_TO_FINISH * full or p == pixels:
                _finish(
                    arena,
                    y,
                    y_block,
                    np.int64(blocks),
                    unfinished,
                    p,
                    width,
                    gap,
                    weights,
                    scale,
                    shift,
                    activation,
                    residual,
                )
                unfinished = p

    return strip


@njit(nogil=True, error_model="numpy")
def _finish(
    arena: Any, y: int, y_block: int, blocks: int, first: int, last: int, width: int, gap: int, weights: Any,
    scale: int, shift: int, activation: int, residual: int,
) -> None:  # fmt: skip
    """Finish pixels ``first`` … ``last`` - 1 of a strip, row by row if there are gaps between rows."""
    aligned_frame()
    while first < last:
        row = first // width if gap > 0 else 0
        end = min(last, (row + 1) * width) if gap > 0 else last
        for block in range(blocks):
            at = block * y_block + first * LANES
            r = residual + at if residual >= 0 else -1
            s = block * LANES
            finish(arena, y + at + row * gap, end - first, weights, scale + s, shift + s, activation, r, -1)
        first = end


strip_of_1 = _strip_of(1, BLOCKED)
strip_of_2 = _strip_of(2, BLOCKED)
picture_strip_of_1 = _strip_of(1, PICTURE)
picture_strip_of_2 = _strip_of(2, PICTURE)

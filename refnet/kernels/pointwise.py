"""Convolution by a register tile: M neighbouring output pixels by B blocks of 16 output channels.

For each tap in order the tile broadcasts one input element per pixel and multiplies it with the same B vectors of
weights: one fma per sum. After 32 taps the sums are added to the totals, and start again from +0, as the contract says.
When all taps are in, a full tile does what follows (see ``epilogue``), and then come the only stores.

Registers: M * B sums, as many totals, B weights, one broadcast; ``machine.tile_shapes`` chooses M * B. Where a CPU has
too few, the totals wait on the stack, and activations are for several tiles together, afterwards; so they are for the
smaller tiles at the end of a strip: each copy of an activation takes time to compile.

Pieces: all tiles of a strip take some taps, whose weights meanwhile stay in the first-level cache, before the first one
takes the next taps. On the way they ask for the weights of these, each tile for its part. Between two pieces the totals
lie where the output will be.

Where the input of a tap lies: taps come in groups that lie side by side. A pointwise convolution reads a pixel's
channels in groups of 16, and pixels lie 16 apart. The stem reads rows of a padded picture [row][pixel][channel]: a
group is a row of its kernel, pixels are a stride apart (see ``line_buffer``).

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
from refnet.kernels.epilogue import LINEAR, Epilogue, finish, finish_sums
from refnet.kernels.machine import LANES, NOWHERE, ZERO, TileShapes, tile_shapes_of
from refnet.kernels.rows import IN_TILES
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
    """Where the results of a strip go: [block][pixel][16], pixels in rows that may have gaps between them."""

    y: int  # arena offset
    y_block: int  # elements from a block to the next
    width: int  # pixels in a row
    gap: int  # elements between rows


class _Turn(NamedTuple):
    """What one tile does in one piece of the taps."""

    x: int  # arena offset of the first of these taps of its first pixel
    w: int  # weights offset of the first of them
    taps: int
    begins: int  # 1: these are the first taps, there are no totals yet
    finishes: int  # 1: these are the last, and it does what follows
    y: int  # arena offset of its first pixel's output
    column: int
    residual: int  # arena offset; negative: none
    ahead: int  # weights offset of what it asks for on the way
    lines: int  # vectors to ask for with each group of 16 taps


def _tile_of(pixels: Callable[[int], int], blocks: int, layout: int, *, finishes: bool = False) -> Any:
    """Make the function that gives one tile its turn; ``pixels`` says how many it has of those of a full one."""
    in_blocks = layout == BLOCKED

    @intrinsic
    def tile(typingctx: Any, arena: Any, weights: Any, operands: Any, output: Any, epilogue: Any, turn: Any) -> Any:
        shapes, B = tile_shapes_of(arena), blocks
        M = pixels(shapes.sums // B)

        def codegen(context: Any, builder: Any, signature: Any, args: Any) -> Any:
            if shapes.blocks < B:
                return context.get_dummy_value()  # never called
            e, b = Emitter(context, builder, arena), builder
            arena_, weights_, *records = args
            of, out, then, at = (
                e.fields(t, v) for t, v in zip((operands, output, epilogue, turn), records, strict=True)
            )
            addresses = _Addresses(
                e.pointer(arena, arena_, at.x),
                of.x_group,
                index(LANES) if in_blocks else of.group,
                index(LANES) if in_blocks else of.x_pixel,
                b.icmp_signed("!=", of.far, index(0)) if in_blocks else None,
                e.pointer(weights, weights_, at.w),
                e.pointer(weights, weights_, at.ahead) if in_blocks else None,
                at.lines,
            )
            totals = e.variables(M * B)
            y = e.pointer(arena, arena_, at.y)
            begins = b.icmp_signed("!=", at.begins, index(0))
            with b.if_then(b.not_(begins)):
                for total, target in zip(totals, _targets(e, M, B, y, at.column, out), strict=True):
                    b.store(e.load(target), total)
            _sum_of_products(e, _Shape(M, B, shapes.unrolled), addresses, at.taps, totals, begins)
            if finishes:
                with b.if_then(b.icmp_signed("!=", at.finishes, index(0))):
                    scale, shift = (
                        [e.load(e.advance(e.pointer(weights, weights_, offset), i * LANES)) for i in range(B)] * M
                        for offset in (then.scale, then.shift)
                    )
                    finish_sums(e, totals, scale, shift, then.activation, IN_TILES[1:] if shapes.holds_totals else ())
                    with b.if_then(b.icmp_signed(">=", at.residual, index(0))):
                        residual = e.pointer(arena, arena_, at.residual)
                        for total, other in zip(totals, _neighbours(e, M, B, residual, out), strict=True):
                            b.store(b.fadd(b.load(total), e.load(other)), total)
            with b.if_else(b.icmp_signed("<=", b.add(at.column, index(M)), out.width)) as (in_a_row, in_two):
                with in_a_row:
                    for total, target in zip(totals, _neighbours(e, M, B, y, out), strict=True):
                        e.store(b.load(total), target)
                with in_two:
                    for total, target in zip(totals, _targets(e, M, B, y, at.column, out), strict=True):
                        e.store(b.load(total), target)
            return context.get_dummy_value()

        return types.void(arena, weights, operands, output, epilogue, turn), codegen

    return tile


def _neighbours(e: Emitter, M: int, B: int, pixel: ir.Value, out: Output) -> list[ir.Value]:
    """Addresses of M pixels of B blocks, from ``pixel`` on, that lie side by side."""
    blocks = [e.advance(pixel, e.builder.mul(out.y_block, index(i))) for i in range(B)]
    return [e.advance(block, m * LANES) for m in range(M) for block in blocks]


def _targets(e: Emitter, M: int, B: int, pixel: ir.Value, column: ir.Value, out: Output) -> list[ir.Value]:
    """The same where they may lie in two rows; ``pixel`` lies in ``column``."""
    b = e.builder
    found = []
    for _ in range(M):
        found += [e.advance(pixel, b.mul(out.y_block, index(i))) for i in range(B)]
        column = b.add(column, index(1))
        row_ends = b.icmp_signed("==", column, out.width)
        column = b.select(row_ends, index(0), column)
        pixel = e.advance(pixel, b.select(row_ends, b.add(out.gap, index(LANES)), index(LANES)))
    return found


class _Shape(NamedTuple):
    """The size of a tile, and how many taps its loop takes between two jumps."""

    pixels: int
    blocks: int
    unrolled: int


class _Addresses(NamedTuple):
    """The operands of a tile, as addresses, and the distances between them."""

    x: ir.Value  # first tap of the first pixel
    x_group: ir.Value
    group: ir.Value
    x_pixel: ir.Value
    far: ir.Value | None
    w: ir.Value
    ahead: ir.Value | None
    lines: ir.Value


def _sum_of_products(
    e: Emitter, shape: _Shape, of: _Addresses, taps: ir.Value, totals: list[ir.Value], begins: ir.Value
) -> None:
    """Chain by chain, each added to the totals, which the very first one begins."""
    b = e.builder
    sums = e.variables(len(totals))
    tap = e.counter(0)
    with e.while_less(tap, taps):
        e.set_all(sums, 0.0)
        first = b.load(tap)
        end = e.minimum(taps, b.add(first, index(TAPS_PER_BLOCK)))
        with e.while_less(tap, end):
            _group(e, shape, sums, of, tap, end)
        with b.if_else(b.and_(begins, b.icmp_signed("==", first, index(0)))) as (is_first, is_later):
            with is_first:
                for total, sum_ in zip(totals, sums, strict=True):
                    b.store(b.load(sum_), total)
            with is_later:
                for total, sum_ in zip(totals, sums, strict=True):
                    b.store(b.fadd(b.load(total), b.load(sum_)), total)


def _group(e: Emitter, shape: _Shape, sums: list[ir.Value], of: _Addresses, tap: ir.Value, end: ir.Value) -> None:
    """Take the taps from ``tap`` to the end of its group, or of its chain if that comes first."""
    b = e.builder
    M, B, unrolled = shape
    first = b.load(tap)
    inside = b.urem(first, of.group)
    count = e.minimum(b.sub(of.group, inside), b.sub(end, first))
    number = b.udiv(first, of.group)
    x_group = e.advance(of.x, b.add(b.mul(number, of.x_group), inside))
    w_group = e.advance(of.w, b.mul(first, index(B * LANES)))
    if of.far is not None:
        with b.if_then(of.far):
            for m in range(M, 2 * M):
                e.prefetch(e.advance(x_group, m * LANES))
    if of.ahead is not None:
        soon = e.advance(of.ahead, b.mul(b.mul(number, of.lines), index(LANES)))
        with e.loop(of.lines) as line:
            e.prefetch(e.advance(soon, b.mul(line, index(LANES))))

    def take(lane: ir.Value, taps: int) -> None:
        w_lane, x_lane = e.advance(w_group, b.mul(lane, index(B * LANES))), e.advance(x_group, lane)
        for k in range(taps):
            weights = [e.load(e.advance(w_lane, (k * B + i) * LANES)) for i in range(B)]
            for m in range(M):
                element = e.load_broadcast(e.advance(e.advance(x_lane, k), b.mul(of.x_pixel, index(m))))
                for i in range(B):
                    acc = sums[m * B + i]
                    b.store(e.fma(element, weights[i], b.load(acc)), acc)

    done = index(0)
    if unrolled > 1:
        turns = b.udiv(count, index(unrolled))
        with e.loop(turns) as turn:
            take(b.mul(turn, index(unrolled)), unrolled)
        done = b.mul(turns, index(unrolled))
    with e.loop(b.sub(count, done)) as lane:
        take(b.add(done, lane), 1)
    b.store(b.add(first, count), tap)


def _strip_of(blocks: int, layout: int) -> Any:
    """Make the function that computes a strip of neighbouring pixels by ``blocks`` blocks of output channels."""
    full_tile = _tile_of(lambda pixels: pixels, blocks, layout, finishes=layout == BLOCKED)
    half_tile = _tile_of(lambda pixels: (pixels + 1) // 2, blocks, layout)
    one_tile = _tile_of(lambda pixels: 1, blocks, layout)

    @compiled
    def strip(
        arena: Any, weights: Any, operands: Operands, output: Output, epilogue: Epilogue, pixels: int, tiles: TileShapes
    ) -> None:
        aligned_frame()
        full = tiles.sums // blocks
        half = (full + 1) // 2
        finishes = layout == BLOCKED and (epilogue.activation == LINEAR or tiles.holds_totals != 0)
        piece = _taps_of_a_piece(operands.taps, blocks, tiles) if layout == BLOCKED else operands.taps
        tap = ZERO
        while tap < operands.taps:
            taps = min(piece, operands.taps - tap)
            w = operands.w + tap * blocks * LANES
            groups = (taps + LANES - 1) // LANES
            turns = groups * max(1, pixels // full)  # in which the next piece is asked for
            lines = (taps * blocks + turns - 1) // turns
            is_last = tap + taps == operands.taps
            asked = unfinished = p = column = ZERO
            y = output.y
            while p < pixels:
                left = pixels - p
                tile = full if left >= full else half if left >= half else 1
                turn = _Turn(
                    x=operands.x + p * operands.x_pixel + tap // LANES * operands.x_group,
                    w=w,
                    taps=taps,
                    begins=int(tap == 0),
                    finishes=int(is_last and finishes),
                    y=y,
                    column=column,
                    residual=epilogue.residual + p * LANES if epilogue.residual >= 0 else NOWHERE,
                    ahead=w + (taps * blocks + asked) * LANES,
                    lines=lines if asked < taps * blocks else ZERO,
                )
                asked += lines * groups
                if tile == full:
                    full_tile(arena, weights, operands, output, epilogue, turn)
                elif tile == half:
                    half_tile(arena, weights, operands, output, epilogue, turn)
                else:
                    one_tile(arena, weights, operands, output, epilogue, turn)
                p += tile
                y += tile * LANES
                column += tile
                while column >= output.width:
                    column -= output.width
                    y += output.gap
                if finishes and tile == full:
                    unfinished = p
                if is_last and (p - unfinished >= TILES_TO_FINISH * full or p == pixels):
                    _finish_pixels(arena, weights, output, epilogue, np.int64(blocks), unfinished, p)
                    unfinished = p
            tap += taps

    return strip


@compiled
def _taps_of_a_piece(taps: int, blocks: int, tiles: TileShapes) -> int:
    """Taps of each of the pieces, about as large as they should be, and all alike, in whole chains."""
    pieces = max(1, (taps * blocks + tiles.piece // 2) // tiles.piece)
    chains = (taps + TAPS_PER_BLOCK - 1) // TAPS_PER_BLOCK
    return (chains + pieces - 1) // pieces * TAPS_PER_BLOCK


@compiled
def _finish_pixels(
    arena: Any, weights: Any, output: Output, epilogue: Epilogue, blocks: int, first: int, last: int
) -> None:
    """Finish pixels ``first`` … ``last`` - 1 of a strip, row by row if there are gaps."""
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
            )
            finish(arena, weights, output.y + at + row * output.gap, end - first, of_block)
        first = end


strip_of_1 = _strip_of(1, BLOCKED)
strip_of_2 = _strip_of(2, BLOCKED)
picture_strip_of_1 = _strip_of(1, PICTURE)
picture_strip_of_2 = _strip_of(2, PICTURE)

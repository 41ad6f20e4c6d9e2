"""Convolution by a register tile: M neighbouring output pixels by B blocks of 16 output channels.

The tile keeps M * B sums of 32 bits, 16 lanes each, in registers, from the bias on. For each four input channels it
loads a pixel's four bytes into all lanes and adds their products with the same B vectors of weights, whose lanes are
output channels: one ``dot`` per sum. Whole numbers add up to the same in any order, so the order is what is fastest.

Where the input of a tile lies: a pointwise convolution reads a pixel's channels in groups of 16, which are four steps;
the last group may have fewer. The stem reads rows of a padded picture [row][pixel][channel]: a group is a row of its
kernel, up to three bytes of what follows come along, and their weights are 0.

Sums are left in the thread's own memory, [block][pixel][16]. A tile may be wider than what is left of the pixels: what
it reads behind them is in the arena, what it makes of that is not looked at.

Registers: M * B sums, B weights, the four bytes; ``machine.integer_tiles`` chooses M and B.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

from llvmlite import ir
from numba import types
from numba.extending import intrinsic

from refnet.kernels.emit import aligned_frame, compiled
from refnet.kernels.integers.lanes import Lanes, index
from refnet.kernels.integers.machine import IntegerTiles, integer_tiles
from refnet.kernels.integers.rows import BLOCK_OF_SUMS, VECTOR

BLOCKED, PICTURE = range(2)


class Operands(NamedTuple):
    """What a strip multiplies, and where its sums go."""

    x: int  # arena offset of the first pixel
    x_pixel: int  # bytes from a pixel to its neighbour
    groups: int  # of a picture: rows of the kernel
    x_group: int  # bytes from a group to the next
    steps: int  # sums of four products: of all channels, or of a group of a picture
    w: int  # weights offset: [step][block][16][4]
    bias: int  # of the first block
    sums: int  # arena offset
    sums_block: int  # bytes from a block's to the next


class _Addresses(NamedTuple):
    x: ir.Value
    x_pixel: ir.Value
    w: ir.Value


def _tile_of(pixels: Callable[[IntegerTiles], int], B: int, layout: int) -> Any:
    """Make the function that computes the sums of one tile, of so many ``pixels``, from pixel ``first`` on."""

    @intrinsic
    def tile(typingctx: Any, arena: Any, weights: Any, operands: Any, first: Any) -> Any:
        M = pixels(integer_tiles())

        def codegen(context: Any, builder: Any, signature: Any, args: Any) -> Any:
            e, b = Lanes(context, builder), builder
            arena_, weights_, operands_, first_ = args
            of: Operands = e.fields(operands, operands_)
            x_pixel = of.x_pixel if layout == PICTURE else index(16)
            at = _Addresses(
                e.pointer(arena, arena_, b.add(of.x, b.mul(first_, x_pixel))),
                x_pixel,
                e.pointer(weights, weights_, of.w),
            )
            bias = e.pointer(weights, weights_, of.bias)
            start = [e.load(e.advance(bias, i * BLOCK_OF_SUMS)) for i in range(B)]
            sums = e.variables(start * M)
            if layout == PICTURE:
                with e.loop(of.groups) as group, e.loop(of.steps) as step:
                    x = e.advance(at.x, b.add(b.mul(group, of.x_group), b.mul(step, index(4))))
                    w = e.advance(at.w, b.mul(b.add(b.mul(group, of.steps), step), index(B * VECTOR)))
                    _step(e, B, sums, at._replace(x=x, w=w))
            else:
                # How many steps a group has is not said, or LLVM would unroll them and run out of registers.
                groups = b.lshr(b.add(of.steps, index(3)), index(2))
                with e.loop(groups) as group:
                    done = b.shl(group, index(2))
                    left = b.sub(of.steps, done)
                    count = b.select(b.icmp_signed("<", left, index(4)), left, index(4))
                    with e.loop(count) as step:
                        x = e.advance(at.x, b.add(b.mul(group, of.x_group), b.mul(step, index(4))))
                        w = e.advance(at.w, b.mul(b.add(done, step), index(B * VECTOR)))
                        _step(e, B, sums, at._replace(x=x, w=w))
            target = e.pointer(arena, arena_, b.add(of.sums, b.mul(first_, index(VECTOR))))
            for i, total in enumerate(sums):
                block = b.mul(of.sums_block, index(i % B))
                e.store(b.load(total), e.advance(e.advance(target, block), i // B * VECTOR))
            return context.get_dummy_value()

        return types.void(arena, weights, operands, types.int64), codegen

    return tile


def _step(e: Lanes, B: int, sums: list[ir.Value], at: _Addresses) -> None:
    """Four products more for each sum."""
    b = e.builder
    weights = [e.load(e.advance(at.w, i * VECTOR)) for i in range(B)]
    for m in range(len(sums) // B):
        four = e.load_four(e.advance(at.x, b.mul(at.x_pixel, index(m))))
        for i in range(B):
            total = sums[m * B + i]
            b.store(e.dot(b.load(total), four, weights[i]), total)


def _strip_of(B: int, layout: int) -> Any:
    """Make the function that computes the sums of up to ``TILES_TO_FINISH`` tiles of neighbouring pixels."""
    full_tile = _tile_of(lambda tiles: tiles.pixels, B, layout)
    half_tile = _tile_of(lambda tiles: tiles.half, B, layout)
    one_tile = _tile_of(lambda tiles: 1, B, layout)

    @compiled
    def strip(arena: Any, weights: Any, operands: Operands, pixels: int, tiles: IntegerTiles) -> None:
        aligned_frame()
        p = 0
        while p < pixels:
            left = pixels - p
            if left > tiles.half:
                full_tile(arena, weights, operands, p)
                p += tiles.pixels
            elif left > 1:
                half_tile(arena, weights, operands, p)
                p += tiles.half
            else:
                one_tile(arena, weights, operands, p)
                p += 1

    return strip


strip_of_1 = _strip_of(1, BLOCKED)
strip_of_2 = _strip_of(2, BLOCKED)
picture_strip_of_1 = _strip_of(1, PICTURE)
picture_strip_of_2 = _strip_of(2, PICTURE)

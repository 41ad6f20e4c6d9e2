"""Pointwise convolution: every output pixel from the input pixel under it, by a register tile.

The tile keeps the sums of M pixels by B blocks of 16 output channels in registers. For each input channel in order it
broadcasts one input element per pixel and multiplies it with the same B vectors of weights: one fma per sum. After 32
taps the sums are added to the totals (kept in memory close by) and start again from +0, as the contract says. Batch
norm, activation and residual follow while the tile is in registers.

Registers: M * B sums, B weights, one broadcast; ``machine.tile_shapes`` chooses M and B.
Refuses nothing: callers pass offsets that lie inside the arrays.
"""

from __future__ import annotations

from typing import Any

from llvmlite import ir
from numba import njit, types
from numba.extending import intrinsic

from refnet.kernels.emit import INDEX, Emitter, index
from refnet.kernels.machine import LANES, tile_shapes_of
from refnet.numerics import TAPS_PER_BLOCK


@intrinsic
def _tile(
    typingctx: Any, pixels: Any, blocks: Any, arena: Any, x: Any, x_block: Any, channels: Any,
    weights: Any, w: Any, scale: Any, shift: Any, activation: Any, residual: Any, y: Any, y_block: Any,
) -> Any:  # fmt: skip
    """Compute one tile; ``pixels`` and ``blocks`` are literals, 0 pixels meaning the shape that fits the CPU."""
    if not isinstance(blocks, types.IntegerLiteral):
        return None
    M = pixels.literal_value or tile_shapes_of(arena).pixels
    B = blocks.literal_value
    int64 = types.int64

    def codegen(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        e = Emitter(context, builder, arena)
        (
            _,
            _,
            arena_,
            x_,
            x_block_,
            channels_,
            weights_,
            w_,
            scale_,
            shift_,
            activation_,
            residual_,
            y_,
            y_block_,
        ) = args
        totals = e.variables(M * B)
        e.set_all(totals, -0.0)  # -0 + first == first, whatever its sign
        x_pointer = e.pointer(arena, arena_, x_)
        w_pointer = e.pointer(weights, weights_, w_)
        _sum_of_products(e, M, B, totals, x_pointer, x_block_, channels_, w_pointer)
        per_block = [e.pointer(weights, weights_, offset) for offset in (scale_, shift_)]
        scales, shifts = ([e.load(e.advance(p, b * LANES)) for b in range(B)] * M for p in per_block)
        e.finish(totals, scales, shifts, activation_)
        _store(e, M, B, totals, arena, arena_, residual_, y_, y_block_)
        return context.get_dummy_value()

    signature = types.void(
        pixels, blocks, arena, int64, int64, int64, weights, int64, int64, int64, int64, int64, int64, int64
    )
    return signature, codegen


def _sum_of_products(
    e: Emitter,
    M: int,
    B: int,
    totals: list[ir.Value],
    x: ir.Value,
    x_block: ir.Value,
    channels: ir.Value,
    w: ir.Value,
) -> None:
    b = e.builder
    sums = e.variables(M * B)
    taps = index(TAPS_PER_BLOCK)
    chains = b.udiv(b.add(channels, index(TAPS_PER_BLOCK - 1)), taps)
    with e.loop(chains) as chain:
        e.set_all(sums, 0.0)
        first = b.mul(chain, taps)
        left = b.sub(channels, first)
        count = b.select(b.icmp_signed("<", left, taps), left, taps)
        groups = b.udiv(b.add(count, index(LANES - 1)), index(LANES))
        with e.loop(groups) as group:
            begin = b.mul(group, index(LANES))
            rest = b.sub(count, begin)
            lanes = b.select(b.icmp_signed("<", rest, index(LANES)), rest, index(LANES))
            channel = b.add(first, begin)
            x_group = e.advance(x, b.mul(b.udiv(channel, index(LANES)), x_block))
            w_group = e.advance(w, b.mul(channel, index(B * LANES)))
            with e.loop(lanes) as lane:
                w_tap = e.advance(w_group, b.mul(lane, index(B * LANES)))
                weights = [e.load(e.advance(w_tap, i * LANES)) for i in range(B)]
                x_tap = e.advance(x_group, lane)
                for m in range(M):
                    element = e.load_broadcast(e.advance(x_tap, m * LANES))
                    for i in range(B):
                        acc = sums[m * B + i]
                        b.store(e.fma(element, weights[i], b.load(acc)), acc)
        for acc, total in zip(sums, totals, strict=True):
            b.store(b.fadd(b.load(total), b.load(acc)), total)


def _store(
    e: Emitter,
    M: int,
    B: int,
    totals: list[ir.Value],
    arena: Any,
    arena_: Any,
    residual: Any,
    y: Any,
    y_block: Any,
) -> None:
    """Write the totals, with the residual added where there is one (its offset is not negative)."""
    b = e.builder

    def element(base: ir.Value, m: int, i: int) -> ir.Value:
        return e.advance(e.advance(base, b.mul(y_block, index(i))), m * LANES)

    with b.if_then(b.icmp_signed(">=", residual, ir.Constant(INDEX, 0))):
        base = e.pointer(arena, arena_, residual)
        for m in range(M):
            for i in range(B):
                total = totals[m * B + i]
                b.store(b.fadd(b.load(total), e.load(element(base, m, i))), total)
    base = e.pointer(arena, arena_, y)
    for m in range(M):
        for i in range(B):
            e.store(b.load(totals[m * B + i]), element(base, m, i))


def _strip_of(blocks: int) -> Any:
    """Make the function that computes a strip of neighbouring pixels by ``blocks`` blocks of output channels.

    Offsets count elements: x, y, residual into ``arena`` ([block][pixel][16], ``x_block`` and ``y_block`` apart),
    w, scale, shift into ``weights``. A negative ``residual`` means none. M is the pixels of a full tile.
    """

    @njit(nogil=True, error_model="numpy")
    def strip(
        arena: Any, x: int, x_block: int, channels: int, weights: Any, w: int, scale: int, shift: int,
        activation: int, residual: int, y: int, y_block: int, pixels: int, M: int,
    ) -> None:  # fmt: skip
        p = 0
        while p < pixels:
            if pixels >= M:
                p = min(p, pixels - M)  # the last tile overlaps its neighbour: same values, written twice
            at = p * LANES
            r = residual + at if residual >= 0 else -1
            if pixels >= M:
                _tile(0, blocks, arena, x + at, x_block, channels, weights, w, scale, shift, activation, r, y + at,
                      y_block)  # fmt: skip
                p += M
            else:
                _tile(1, blocks, arena, x + at, x_block, channels, weights, w, scale, shift, activation, r, y + at,
                      y_block)  # fmt: skip
                p += 1

    return strip


strip_of_1 = _strip_of(1)
strip_of_2 = _strip_of(2)

"""Dense layer: one pixel by all output channels.

A sum of one pixel waits for itself, so several are made at once: the chains of 32 taps of a long sum, which are added
to its total in their order, or short sums of several panels of channels. Nothing is used twice: weights come from far
away as fast as they can, and those of long sums are asked for early.

Registers: chains * panels * B sums, panels * B totals, one broadcast; ``machine.tile_shapes`` says how many sums are
made at once for each of B blocks. The weights are operands in memory.
Refuses nothing: callers pass offsets that lie inside the arrays.
"""

from __future__ import annotations

from typing import Any, NamedTuple

from llvmlite import ir
from numba import types
from numba.extending import intrinsic

from refnet.kernels.emit import Emitter, aligned_frame, compiled, index
from refnet.kernels.epilogue import Epilogue, finish_sums
from refnet.kernels.machine import LANES, NOWHERE, TileShapes, tile_shapes_of
from refnet.kernels.rows import IN_DENSE
from refnet.reference.numerics import TAPS_PER_BLOCK

_AHEAD = 16 * 1024  # bytes from the weights of a long sum that are read to those that are asked for


class Layer(NamedTuple):
    """What a dense layer multiplies, from some output channels on, and where the results go."""

    x: int  # arena offset
    taps: int
    w: int  # weights offset: [panel][tap][block][16]
    y: int  # arena offset


def _tile_of(blocks: int, *, is_long: bool) -> Any:
    """Make the function that computes one panel of so many blocks, several chains at once, or several panels."""
    B = blocks

    @intrinsic
    def tile(typingctx: Any, arena: Any, weights: Any, layer: Any, epilogue: Any) -> Any:
        def codegen(context: Any, builder: Any, signature: Any, args: Any) -> Any:
            tiles = tile_shapes_of(arena)
            if tiles.blocks < B:
                return context.get_dummy_value()  # never called
            P, Q = (1, tiles.at_once) if is_long else (tiles.at_once, 1)
            e, b = Emitter(context, builder, arena), builder
            arena_, weights_, *records = args
            of, then = (e.fields(t, v) for t, v in zip((layer, epilogue), records, strict=True))
            x, w, y = e.pointer(arena, arena_, of.x), e.pointer(weights, weights_, of.w), e.pointer(arena, arena_, of.y)
            apart = b.mul(of.taps, index(B * LANES))  # from a panel to the next
            totals = e.variables(P * B)
            e.set_all(totals, -0.0)  # the first sum is added to it as it is
            tap = e.counter(0)

            def take(count: ir.Value, chains: int) -> None:
                """Take the next ``count`` taps of so many chains."""
                first = b.load(tap)
                x_tap, w_tap = e.advance(x, first), e.advance(w, b.mul(first, index(B * LANES)))
                places = [(q, p, i) for q in range(chains) for p in range(P) for i in range(B)]
                sums = dict(zip(places, e.variables(len(places)), strict=True))
                e.set_all(list(sums.values()), 0.0)
                with e.loop(count) as lane:
                    at = e.advance(w_tap, b.mul(lane, index(B * LANES)))
                    for q in range(chains):
                        element = e.load_broadcast(e.advance(e.advance(x_tap, lane), q * TAPS_PER_BLOCK))
                        for p in range(P):
                            row = e.advance(e.advance(at, q * TAPS_PER_BLOCK * B * LANES), b.mul(apart, index(p)))
                            for i in range(B):
                                acc, vector = sums[q, p, i], e.advance(row, i * LANES)
                                if Q > 1:
                                    e.prefetch(e.advance(vector, _AHEAD * 8 // e.dtype.bitwidth))
                                b.store(e.fma(element, e.load(vector), b.load(acc)), acc)
                for (_, p, i), acc in sums.items():
                    total = totals[p * B + i]
                    b.store(b.fadd(b.load(total), b.load(acc)), total)
                b.store(b.add(first, b.mul(count, index(chains))), tap)

            if Q > 1:
                many = index(Q * TAPS_PER_BLOCK)
                with e.while_less(tap, b.mul(b.udiv(of.taps, many), many)):
                    take(index(TAPS_PER_BLOCK), Q)
            with e.while_less(tap, of.taps):
                take(e.minimum(index(TAPS_PER_BLOCK), b.sub(of.taps, b.load(tap))), 1)
            scale, shift = (
                [e.load(e.advance(e.pointer(weights, weights_, offset), i * LANES)) for i in range(P * B)]
                for offset in (then.scale, then.shift)
            )
            finish_sums(e, totals, scale, shift, then.activation, IN_DENSE[1:])
            for i, total in enumerate(totals):
                e.store(b.load(total), e.advance(y, i * LANES))
            return context.get_dummy_value()

        return types.void(arena, weights, layer, epilogue), codegen

    return tile


_long_of_1, _long_of_2 = (_tile_of(blocks, is_long=True) for blocks in (1, 2))
_short_of_1, _short_of_2 = (_tile_of(blocks, is_long=False) for blocks in (1, 2))


@compiled
def dense(arena: Any, weights: Any, layer: Layer, epilogue: Epilogue, blocks: int, tiles: TileShapes) -> None:
    """``blocks`` blocks of output channels, from the first one of a panel on."""
    aligned_frame()
    panel, many = tiles.blocks, tiles.at_once * tiles.blocks
    is_short = layer.taps < tiles.at_once * TAPS_PER_BLOCK
    block = 0
    while block < blocks:
        here = Layer(x=layer.x, taps=layer.taps, w=layer.w + block * LANES * layer.taps, y=layer.y + block * LANES)
        then = Epilogue(
            scale=epilogue.scale + block * LANES,
            shift=epilogue.shift + block * LANES,
            activation=epilogue.activation,
            residual=NOWHERE,
        )
        left = blocks - block
        if is_short and left >= many:
            if panel == 2:
                _short_of_2(arena, weights, here, then)
            else:
                _short_of_1(arena, weights, here, then)
            block += many
        elif panel == 2 and left >= 2:
            _long_of_2(arena, weights, here, then)
            block += 2
        else:
            _long_of_1(arena, weights, here, then)
            block += 1

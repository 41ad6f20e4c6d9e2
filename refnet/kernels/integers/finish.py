"""From sums to codes: 32 bits of 16 channels become 16 bytes, for some neighbouring pixels.

Registers: the numbers of the channels and the limits, loaded once; of each pixel a few vectors.
"""

from __future__ import annotations

from typing import Any

from llvmlite import ir
from numba import types
from numba.extending import intrinsic

from refnet.kernels.emit import aligned_frame, compiled
from refnet.kernels.integers import rows
from refnet.kernels.integers.lanes import Lanes, index
from refnet.kernels.integers.requantise import Limits, Stored, codes, codes_of_four, load_limits, load_stored
from refnet.kernels.machine import LANES

# Ways to round that usual networks need: with AVX-512, four pixels are packed at once.
_BY_FOUR = (rows.DOUBLE_NARROW, rows.FP32_EVEN)


def _by_four(
    e: Lanes, policy: int, stored: Stored, limits: Limits, at: tuple[ir.Value, ir.Value], pixels: ir.Value
) -> None:
    """Finish four pixels at a time; of the last ones those that there are: sums behind them are there to be read."""
    b = e.builder
    source, target = at

    def four(first: ir.Value) -> ir.Value:
        sums = e.advance(source, b.mul(first, index(rows.VECTOR)))
        totals = [e.load(e.advance(sums, k * rows.VECTOR)) for k in range(4)]
        return codes_of_four(e, policy, totals, stored, limits)

    whole = b.lshr(pixels, index(2))
    with e.loop(whole) as i:
        first = b.shl(i, index(2))
        e.store(four(first), e.advance(target, b.mul(first, index(LANES))))
    done = b.shl(whole, index(2))
    left = b.sub(pixels, done)
    with b.if_then(b.icmp_signed(">", left, index(0))):
        bytes_ = four(done)
        for k in range(3):
            with b.if_then(b.icmp_signed(">", left, index(k))):
                order = ir.Constant(ir.VectorType(ir.IntType(32), 4), list(range(4 * k, 4 * k + 4)))
                pixel = b.shuffle_vector(bytes_, bytes_, order)
                e.store(pixel, e.advance(target, b.mul(b.add(done, index(k)), index(LANES))))


def _finishing(policy: int) -> Any:
    @intrinsic
    def finish(typingctx: Any, arena: Any, weights: Any, at: Any, block: Any, sums: Any, y: Any, pixels: Any) -> Any:
        def codegen(context: Any, builder: Any, signature: Any, args: Any) -> Any:
            e = Lanes(context, builder)
            arena_, weights_, at_, block_, sums_, y_, pixels_ = args
            numbers = e.pointer(weights, weights_, at_)
            limits = load_limits(e, numbers)
            own = e.advance(numbers, builder.mul(block_, index(rows.BLOCK_OF_SUMS)))
            stored = load_stored(e, e.advance(own, rows.LIMITS + rows.VECTOR))
            source, target = e.pointer(arena, arena_, sums_), e.pointer(arena, arena_, y_)
            if policy in _BY_FOUR and e.kind in ("vnni512", "pairs512"):
                _by_four(e, policy, stored, limits, (source, target), pixels_)
                return context.get_dummy_value()
            with e.loop(pixels_) as i:
                total = e.load(e.advance(source, builder.mul(i, index(rows.VECTOR))))
                e.store_codes(codes(e, policy, total, stored, limits), e.advance(target, builder.mul(i, index(LANES))))
            return context.get_dummy_value()

        return types.void(arena, weights, *[types.int64] * 5), codegen

    return finish


_double, _double_up, _double_narrow = map(_finishing, (rows.DOUBLE, rows.DOUBLE_UP, rows.DOUBLE_NARROW))
_single, _truncate = _finishing(rows.SINGLE), _finishing(rows.TRUNCATE)
_fp32_even, _double_float = _finishing(rows.FP32_EVEN), _finishing(rows.DOUBLE_FLOAT)
DOUBLE, DOUBLE_UP, DOUBLE_NARROW, SINGLE, TRUNCATE, FP32_EVEN = (
    rows.DOUBLE, rows.DOUBLE_UP, rows.DOUBLE_NARROW, rows.SINGLE, rows.TRUNCATE, rows.FP32_EVEN,
)  # fmt: skip


@compiled
def finish(arena: Any, weights: Any, policy: int, at: int, block: int, sums: int, y: int, pixels: int) -> None:
    """Make codes at ``y`` of the sums of a block of channels; its numbers are at ``at``."""
    aligned_frame()
    if policy == DOUBLE_NARROW:
        _double_narrow(arena, weights, at, block, sums, y, pixels)
    elif policy == DOUBLE:
        _double(arena, weights, at, block, sums, y, pixels)
    elif policy == FP32_EVEN:
        _fp32_even(arena, weights, at, block, sums, y, pixels)
    elif policy == SINGLE:
        _single(arena, weights, at, block, sums, y, pixels)
    elif policy == DOUBLE_UP:
        _double_up(arena, weights, at, block, sums, y, pixels)
    elif policy == TRUNCATE:
        _truncate(arena, weights, at, block, sums, y, pixels)
    else:
        _double_float(arena, weights, at, block, sums, y, pixels)

"""From sums to codes: 32 bits of 16 channels become 16 bytes, for some neighbouring pixels.

Registers: the numbers of the channels and the limits, loaded once; of each pixel a few vectors.
"""

from __future__ import annotations

from typing import Any

from numba import types
from numba.extending import intrinsic

from refnet.kernels.emit import aligned_frame, compiled
from refnet.kernels.integers import rows
from refnet.kernels.integers.lanes import Lanes, index
from refnet.kernels.integers.requantise import codes, load_limits, load_stored


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
            with e.loop(pixels_) as i:
                total = e.load(e.advance(source, builder.mul(i, index(rows.VECTOR))))
                e.store_codes(codes(e, policy, total, stored, limits), e.advance(target, builder.mul(i, index(16))))
            return context.get_dummy_value()

        return types.void(arena, weights, *[types.int64] * 5), codegen

    return finish


_double, _double_up = _finishing(rows.DOUBLE), _finishing(rows.DOUBLE_UP)
_single, _truncate = _finishing(rows.SINGLE), _finishing(rows.TRUNCATE)
_fp32_even, _double_float = _finishing(rows.FP32_EVEN), _finishing(rows.DOUBLE_FLOAT)
DOUBLE, DOUBLE_UP, SINGLE, TRUNCATE, FP32_EVEN = (
    rows.DOUBLE, rows.DOUBLE_UP, rows.SINGLE, rows.TRUNCATE, rows.FP32_EVEN,
)  # fmt: skip


@compiled
def finish(arena: Any, weights: Any, policy: int, at: int, block: int, sums: int, y: int, pixels: int) -> None:
    """Make codes at ``y`` of the sums of a block of channels; its numbers are at ``at``."""
    aligned_frame()
    if policy == DOUBLE:
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

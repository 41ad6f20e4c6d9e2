"""Softmax: exponentials come from a table of all 256 differences; they are added and divided here, each way of three.

In float32 the sum runs from the first class to the last; integers have no order.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from llvmlite import ir
from numba import types
from numba.extending import intrinsic

from refnet.kernels.emit import compiled
from refnet.kernels.integers.lanes import Lanes
from refnet.kernels.integers.rows import SOFTMAX_BY_TABLE, SOFTMAX_IN_FLOAT32

CODES = 256
_BITS = 31  # behind the point of a fraction
_LEAST, _MOST = -(1 << _BITS), (1 << _BITS) - 1
_HALF = 1 << (_BITS - 1)


@intrinsic
def number_at(typingctx: Any, array: Any, at: Any) -> Any:
    """The int32 at an offset of bytes."""

    def codegen(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        pointer = builder.bitcast(Lanes(context, builder).pointer(array, *args), ir.IntType(32).as_pointer())
        return builder.sext(builder.load(pointer, align=4), ir.IntType(64))

    return types.int64(array, types.int64), codegen


@intrinsic
def float_at(typingctx: Any, array: Any, at: Any) -> Any:
    """The float32 at an offset of bytes."""

    def codegen(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        pointer = builder.bitcast(Lanes(context, builder).pointer(array, *args), ir.FloatType().as_pointer())
        return builder.load(pointer, align=4)

    return types.float32(array, types.int64), codegen


@compiled
def _inverse_in_float32(arena: Any, weights: Any, at: int, x: int, classes: int, largest: int) -> Any:
    """1 over a 256th of the sum of all exponentials."""
    total = np.float32(0)
    for k in range(classes):
        total += float_at(weights, at + 4 * (largest - arena[x + k]))
    return np.float32(1) / (total * np.float32(1 / 256))


@compiled
def _high_product(x: int, y: int) -> int:
    return min((x * y + _HALF) >> _BITS, _MOST)


@compiled
def _shift_half_away(x: int, bits: int) -> int:
    half = (1 << bits) >> 1
    return (x + half) >> bits if x >= 0 else -((half - x) >> bits)


@compiled
def _saturated(x: int) -> int:
    return min(max(x, _LEAST), _MOST)


@compiled
def _reciprocal(total: int, constant: int, slope: int) -> tuple[Any, Any]:
    """1 / (1 + f) of a sum that is (1 + f) shifted to the right, and by how many bits more than 0."""
    bits = np.int64(0)
    while total >> bits > 0:
        bits += 1
    headroom = 32 - bits
    half = _shift_half_away((total << headroom) - (1 << 31) + _MOST, 1)
    inverse = constant + _high_product(half, slope)
    for _ in range(3):
        missing = (1 << 29) - _high_product(half, inverse)
        inverse += _saturated(_high_product(inverse, missing) << 2)
    return _saturated(inverse << 1), headroom


@compiled
def softmax(arena: Any, weights: Any, at: int, x: int, y: int, classes: int, scratch: int) -> None:
    """Codes of probabilities; ``scratch`` has room for 256 bytes."""
    largest = np.int64(0)
    for k in range(classes):
        largest = max(largest, np.int64(arena[x + k]))
    behind = at + 8 * CODES
    least, most = number_at(weights, behind), number_at(weights, behind + 4)
    constant, slope = number_at(weights, behind + 8), number_at(weights, behind + 12)
    sum_bits = number_at(weights, behind + 16)
    total, scale = np.int64(0), np.float32(0)
    if sum_bits == SOFTMAX_IN_FLOAT32:
        scale = _inverse_in_float32(arena, weights, at, x, classes, largest)
    else:
        for k in range(classes):
            total += number_at(weights, at + 4 * (CODES + largest - arena[x + k]))
    inverse, headroom = _reciprocal(total, constant, slope) if sum_bits > 0 else (total, total)
    for difference in range(CODES):
        e = number_at(weights, at + 4 * difference)
        if sum_bits == SOFTMAX_IN_FLOAT32:
            code = np.int64(float_at(weights, at + 4 * difference) * scale + np.float32(0.5)) - 128
        elif sum_bits == SOFTMAX_BY_TABLE:
            code = (e * 256 + (total >> 1)) // total - 128
        elif number_at(weights, at + 4 * (CODES + difference)) > 0:
            code = _shift_half_away(_high_product(inverse, e), sum_bits - headroom + 31 - 8) - 128
        else:
            code = np.int64(-128)
        arena[scratch + difference] = min(max(code, least), most) + 128
    for k in range(classes):
        arena[y + k] = arena[scratch + largest - arena[x + k]]

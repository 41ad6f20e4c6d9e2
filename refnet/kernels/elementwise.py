"""Squeeze, excite, residual, and batch norm or activation alone: one block of 16 channels at a time."""

from __future__ import annotations

from typing import Any

from numba import njit, types
from numba.extending import intrinsic

from refnet.kernels.emit import Emitter
from refnet.kernels.machine import LANES


@intrinsic
def _add_up(typingctx: Any, arena: Any, x: Any, count: Any, stride: Any, y: Any) -> Any:
    """Sum ``count`` blocks of 16 that lie ``stride`` apart, from +0 in order."""
    int64 = types.int64

    def codegen(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        e = Emitter(context, builder, arena)
        arena_, x_, count_, stride_, y_ = args
        pointer = e.pointer(arena, arena_, x_)
        (total,) = e.variables(1)
        e.set_all([total], 0.0)
        with e.loop(count_) as i:
            value = e.load(e.advance(pointer, builder.mul(i, stride_)))
            builder.store(builder.fadd(builder.load(total), value), total)
        e.store(builder.load(total), e.pointer(arena, arena_, y_))
        return context.get_dummy_value()

    return types.void(arena, *[int64] * 4), codegen


@intrinsic
def _affine_pixel(
    typingctx: Any, arena: Any, x: Any, weights: Any, scale: Any, shift: Any, activation: Any, y: Any
) -> Any:
    int64 = types.int64

    def codegen(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        e = Emitter(context, builder, arena)
        arena_, x_, weights_, scale_, shift_, activation_, y_ = args
        (value,) = e.variables(1)
        builder.store(e.load(e.pointer(arena, arena_, x_)), value)
        per_channel = [e.load(e.pointer(weights, weights_, offset)) for offset in (scale_, shift_)]
        e.finish([value], per_channel[:1], per_channel[1:], activation_)
        e.store(builder.load(value), e.pointer(arena, arena_, y_))
        return context.get_dummy_value()

    return types.void(arena, int64, weights, *[int64] * 4), codegen


@njit(nogil=True, error_model="numpy")
def mean(arena: Any, x: int, height: int, width: int, y: int, scratch: int) -> None:
    """Global mean of one block: each row from the left, the rows' sums from the top, one division."""
    for h in range(height):
        _add_up(arena, x + h * width * LANES, width, LANES, scratch + h * LANES)
    _add_up(arena, scratch, height, LANES, y)
    size = arena.dtype.type(height * width)
    for lane in range(LANES):
        arena[y + lane] /= size


@njit(nogil=True, error_model="numpy")
def excite(arena: Any, x: int, gate: int, y: int, pixels: int) -> None:
    """Multiply each channel by its gate."""
    for p in range(pixels):
        for lane in range(LANES):
            arena[y + p * LANES + lane] = arena[x + p * LANES + lane] * arena[gate + lane]


@njit(nogil=True, error_model="numpy")
def add(arena: Any, x: int, other: int, y: int, pixels: int) -> None:
    """Add the residual."""
    for i in range(pixels * LANES):
        arena[y + i] = arena[x + i] + arena[other + i]


@njit(nogil=True, error_model="numpy")
def affine(arena: Any, x: int, weights: Any, scale: int, shift: int, activation: int, y: int, pixels: int) -> None:
    """Batch norm and activation by themselves, for the unfused view."""
    for p in range(pixels):
        _affine_pixel(arena, x + p * LANES, weights, scale, shift, activation, y + p * LANES)

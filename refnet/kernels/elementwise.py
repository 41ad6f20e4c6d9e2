"""Squeeze, excite, residual, and batch norm or activation alone: one block of 16 channels at a time."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from llvmlite import ir
from numba import types
from numba.extending import intrinsic

from refnet.kernels.emit import Emitter, compiled, index
from refnet.kernels.epilogue import Epilogue, finish_alone
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


def _combining(operation: Callable[..., ir.Value]) -> Any:
    """Make the function that combines ``count`` blocks of 16 of x, each with one of ``other``."""

    @intrinsic
    def combine(typingctx: Any, arena: Any, x: Any, other: Any, other_stride: Any, y: Any, count: Any) -> Any:
        def codegen(context: Any, builder: Any, signature: Any, args: Any) -> Any:
            e = Emitter(context, builder, arena)
            arena_, x_, other_, other_stride_, y_, count_ = args
            x_pointer, other_pointer, y_pointer = (e.pointer(arena, arena_, offset) for offset in (x_, other_, y_))
            with e.loop(count_) as i:
                at = builder.mul(i, index(LANES))
                second = e.load(e.advance(other_pointer, builder.mul(i, other_stride_)))
                e.store(operation(builder, e.load(e.advance(x_pointer, at)), second), e.advance(y_pointer, at))
            return context.get_dummy_value()

        return types.void(arena, *[types.int64] * 5), codegen

    return combine


_multiply = _combining(ir.IRBuilder.fmul)
_add = _combining(ir.IRBuilder.fadd)


@compiled
def mean(arena: Any, x: int, height: int, width: int, count: int, y: int, scratch: int) -> None:
    """Global mean of one block: each row from the left, the rows' sums from the top, one division."""
    for h in range(height):
        _add_up(arena, x + h * width * LANES, width, LANES, scratch + h * LANES)
    _add_up(arena, scratch, height, LANES, y)
    size = arena.dtype.type(count)
    for lane in range(LANES):
        arena[y + lane] /= size


@compiled
def excite(arena: Any, x: int, gate: int, y: int, pixels: int) -> None:
    """Multiply each channel by its gate."""
    _multiply(arena, x, gate, 0, y, pixels)


@compiled
def add(arena: Any, x: int, other: int, y: int, pixels: int) -> None:
    """Add the residual."""
    _add(arena, x, other, LANES, y, pixels)


@compiled
def affine(arena: Any, weights: Any, x: int, y: int, pixels: int, epilogue: Epilogue) -> None:
    """Batch norm and activation by themselves: in a top, and for the unfused view."""
    if x != y:
        for i in range(pixels * LANES):
            arena[y + i] = arena[x + i]
    finish_alone(arena, weights, y, pixels, epilogue)

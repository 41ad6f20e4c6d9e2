"""Bytes copied, and places filled with one byte."""

from __future__ import annotations

from typing import Any

from llvmlite import ir
from numba import types
from numba.core import cgutils
from numba.extending import intrinsic

from refnet.kernels.integers.lanes import BYTE, BYTES, Lanes, index
from refnet.kernels.machine import LANES


@intrinsic
def copy(typingctx: Any, arena: Any, source: Any, target: Any, count: Any) -> Any:
    """Copy ``count`` bytes that do not overlap."""

    def codegen(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        e = Lanes(context, builder)
        arena_, source_, target_, count_ = args
        cgutils.raw_memcpy(builder, *(e.pointer(arena, arena_, offset) for offset in (target_, source_)), count_, 1)
        return context.get_dummy_value()

    return types.void(arena, *[types.int64] * 3), codegen


@intrinsic
def fill(typingctx: Any, arena: Any, at: Any, count: Any, value: Any) -> Any:
    """Set ``count`` bytes, of which there are few, to a value."""

    def codegen(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        e = Lanes(context, builder)
        arena_, at_, count_, value_ = args
        first, byte = e.pointer(arena, arena_, at_), builder.trunc(value_, BYTE)
        with e.loop(count_) as i:
            builder.store(byte, e.advance(first, i))
        return context.get_dummy_value()

    return types.void(arena, *[types.int64] * 3), codegen


@intrinsic
def fill_pixels(typingctx: Any, arena: Any, at: Any, count: Any, value: Any) -> Any:
    """Set all 16 channels of ``count`` pixels to a value."""

    def codegen(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        e = Lanes(context, builder)
        arena_, at_, count_, value_ = args
        undefined = ir.Constant(BYTES, ir.Undefined)
        byte = builder.insert_element(undefined, builder.trunc(value_, BYTE), ir.IntType(32)(0))
        pixel = builder.shuffle_vector(byte, undefined, ir.Constant(ir.VectorType(ir.IntType(32), LANES), [0] * LANES))
        first = e.pointer(arena, arena_, at_)
        with e.loop(count_) as i:
            e.store(pixel, e.advance(first, builder.mul(i, index(LANES))))
        return context.get_dummy_value()

    return types.void(arena, *[types.int64] * 3), codegen

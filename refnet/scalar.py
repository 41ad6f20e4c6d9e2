"""Scalar building blocks for Numba-compiled code: fused multiply-add, and the bits of a number."""

from __future__ import annotations

from typing import Any

from llvmlite import ir
from numba import types
from numba.extending import intrinsic


@intrinsic
def fma(typingctx: Any, x: Any, y: Any, z: Any) -> Any:
    """x * y + z rounded once, whatever the CPU: an instruction, or the C library's fma where there is none."""
    if not (x == y == z and x in (types.float32, types.float64)):
        return None

    def codegen(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        return builder.fma(*args)

    return x(x, y, z), codegen


@intrinsic
def power_of_two(typingctx: Any, exponent: Any, like: Any) -> Any:
    """2**exponent in the format of ``like``, for exponents of normal numbers, made from its bits."""
    if not (isinstance(exponent, types.Integer) and like in (types.float32, types.float64)):
        return None
    bits, bias, mantissa = (32, 127, 23) if like == types.float32 else (64, 1023, 52)

    def codegen(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        biased = builder.add(args[0], ir.Constant(args[0].type, bias))
        word = builder.trunc(biased, ir.IntType(bits)) if args[0].type.width > bits else biased
        return builder.bitcast(builder.shl(word, ir.Constant(word.type, mantissa)), args[1].type)

    return like(types.int64, like), codegen

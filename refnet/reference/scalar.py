"""Scalar functions for Numba-compiled code: fma and exp, the same bits on every CPU."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from llvmlite import ir
from numba import njit, types
from numba.extending import intrinsic, overload

from refnet.reference.numerics import EXP, ExpConstants


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


def _exp(x: Any) -> Any:
    raise NotImplementedError  # compiled code only


@overload(_exp)
def _exp_overload(x: Any) -> Any:
    return _define_exp(np.float32 if x == types.float32 else np.float64)


def _define_exp(dtype: Any) -> Any:
    c: ExpConstants = EXP[np.dtype(dtype).name]
    low, high = dtype(c.low), dtype(c.high)
    inverse_ln2, ln2_high, ln2_low = dtype(c.inverse_ln2), dtype(c.ln2_high), dtype(c.ln2_low)
    shifter = dtype(c.shifter)
    coefficients = tuple(dtype(a) for a in c.coefficients)

    def exp(x: Any) -> Any:
        x = low if x < low else x
        x = high if x > high else x
        if math.isnan(x):
            return x
        n = fma(x, inverse_ln2, shifter) - shifter  # x / ln 2 rounded to an integer, ties to even
        r = fma(-n, ln2_high, x)
        r = fma(-n, ln2_low, r)
        p = coefficients[0]
        for a in coefficients[1:]:
            p = fma(p, r, a)
        # 2**n in two factors: n may lie outside the exponents of normal numbers. The first product is exact.
        half = np.int64(n) >> 1
        return (p * power_of_two(half, x)) * power_of_two(np.int64(n) - half, x)

    return exp


@njit
def exp(x: Any) -> Any:
    """e**x of a float32 or float64; ``refnet.reference.exp`` says how."""
    return _exp(x)

"""Scalar functions for Numba-compiled code: fma, exp and log, the same bits on every CPU."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np
from llvmlite import ir
from numba import njit, types, vectorize
from numba.extending import intrinsic, overload

from refnet.reference.numerics import EXP, LOG, ExpConstants, LogConstants


@intrinsic
def fma(typingctx: Any, x: Any, y: Any, z: Any) -> Any:
    """x * y + z rounded once, whatever the CPU: an instruction, or the C library's fma where there is none."""
    if not (x == y == z and x in (types.float32, types.float64)):
        return None

    def codegen(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        return builder.fma(*args)

    return x(x, y, z), codegen


def _format(kind: Any) -> tuple[int, int, int]:
    """Bits of a number, bias of its exponent, and bits of its mantissa."""
    return (32, 127, 23) if kind == types.float32 else (64, 1023, 52)


@intrinsic
def power_of_two(typingctx: Any, exponent: Any, like: Any) -> Any:
    """2**exponent in the format of ``like``, for exponents of normal numbers, made from its bits."""
    if not (isinstance(exponent, types.Integer) and like in (types.float32, types.float64)):
        return None
    bits, bias, mantissa = _format(like)

    def codegen(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        biased = builder.add(args[0], ir.Constant(args[0].type, bias))
        word = builder.trunc(biased, ir.IntType(bits)) if args[0].type.width > bits else biased
        return builder.bitcast(builder.shl(word, ir.Constant(word.type, mantissa)), args[1].type)

    return like(types.int64, like), codegen


@intrinsic
def _exponent(typingctx: Any, x: Any) -> Any:
    """Exponent of a positive normal number: 2**exponent is at most ``x``."""
    if x not in (types.float32, types.float64):
        return None
    bits, bias, mantissa = _format(x)

    def codegen(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        word = builder.bitcast(args[0], ir.IntType(bits))
        exponent = builder.sub(builder.lshr(word, ir.Constant(word.type, mantissa)), ir.Constant(word.type, bias))
        return builder.sext(exponent, ir.IntType(64)) if bits == 32 else exponent

    return types.int64(x), codegen


@intrinsic
def _significand(typingctx: Any, x: Any) -> Any:
    """A positive normal number over 2**exponent: from 1 to below 2, exact."""
    if x not in (types.float32, types.float64):
        return None
    bits, bias, mantissa = _format(x)

    def codegen(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        word = builder.bitcast(args[0], ir.IntType(bits))
        digits = builder.and_(word, ir.Constant(word.type, (1 << mantissa) - 1))
        return builder.bitcast(builder.or_(digits, ir.Constant(word.type, bias << mantissa)), args[0].type)

    return x(x), codegen


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


def _log(x: Any) -> Any:
    raise NotImplementedError  # compiled code only


@overload(_log)
def _log_overload(x: Any) -> Any:
    return _define_log(np.float32 if x == types.float32 else np.float64)


def _define_log(dtype: Any) -> Any:
    c: LogConstants = LOG[np.dtype(dtype).name]
    of_exp: ExpConstants = EXP[np.dtype(dtype).name]
    least, root_2, half, one, two = dtype(c.least), dtype(c.root_2), dtype(0.5), dtype(1), dtype(2)
    ln2_high, ln2_low = dtype(of_exp.ln2_high), dtype(of_exp.ln2_low)
    infinity = dtype(np.inf)
    coefficients = tuple(dtype(a) for a in c.coefficients)

    def log(x: Any) -> Any:
        if not x < infinity:
            return x
        x = least if x < least else x
        exponent, m = _exponent(x), _significand(x)
        if m > root_2:
            exponent, m = exponent + 1, m * half
        f = m - one
        s = f / (f + two)
        z = s * s
        p = coefficients[0]
        for a in coefficients[1:]:
            p = fma(p, z, a)
        w = s + s
        n = dtype(exponent)
        return fma(n, ln2_high, fma(n, ln2_low, fma(w, z * p, w)))

    return log


@njit
def log(x: Any) -> Any:
    """Natural logarithm of a float32 or float64; ``refnet.reference.elementary.log`` says how."""
    return _log(x)


_FORMATS = ("float32", "float64")  # in this order: NumPy takes the first that holds the arguments without loss


def _fma(x: Any, y: Any, z: Any) -> Any:
    return fma(x, y, z)


_FUNCTIONS: dict[str, tuple[Callable[..., Any], int]] = {
    "fma": (_fma, 3),
    "exp": (exp.py_func, 1),
    "log": (log.py_func, 1),
}


def ufunc(name: str) -> Callable[..., Any]:
    """Compile one of these functions to work on arrays, element by element, in both formats."""
    function, arguments = _FUNCTIONS[name]
    made: Callable[..., Any] = vectorize([f"{dtype}({', '.join([dtype] * arguments)})" for dtype in _FORMATS])(function)
    return made

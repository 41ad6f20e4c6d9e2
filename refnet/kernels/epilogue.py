"""The epilogue, what follows a sum: batch norm, activation, residual.

``finish_sums`` is for the sums of a tile while they are in registers. ``finish``, after a tile, and ``finish_alone``,
for an operation by itself, work in place on some pixels of 16 channels. A few vectors take each step of the exponential
together: one alone would wait for every result.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

from llvmlite import ir
from numba import types
from numba.extending import intrinsic

from refnet.kernels.emit import Emitter, index
from refnet.kernels.machine import LANES
from refnet.kernels.rows import ACTIVATION_CODES, IN_TILES
from refnet.reference.numerics import EXP

_TOGETHER, _MOST_TOGETHER = 4, 5  # vectors
LINEAR = ACTIVATION_CODES["none"]

Vectors = Sequence[ir.Value]


class Epilogue(NamedTuple):
    """What is done to the sums of a block of channels."""

    scale: int  # weights offsets
    shift: int
    activation: int  # one of ACTIVATION_CODES
    residual: int  # arena offset of what is added, laid out like the sums; negative: none


def finish_sums(
    e: Emitter, sums: Vectors, scale: Vectors, shift: Vectors, activation: ir.Value, names: Sequence[str]
) -> None:
    """Batch norm and activation of variables that hold the sums of a tile: all that follows but a residual.

    Each has a scale and a shift of its own. The activation is one of ``names``, or none: each takes time to compile.
    """
    b = e.builder
    for sum_, by, and_ in zip(sums, scale, shift, strict=True):
        b.store(e.fma(b.load(sum_), by, and_), sum_)
    for name in names:
        with b.if_then(b.icmp_signed("==", activation, index(ACTIVATION_CODES[name]))):
            size = -(-len(sums) // -(-len(sums) // _MOST_TOGETHER))  # 14 are 5, 5 and 4
            for first in range(0, len(sums), size):
                some = sums[first : first + size]
                for sum_, result in zip(some, FORMULAS[name](e, [b.load(sum_) for sum_ in some]), strict=True):
                    b.store(result, sum_)


def _finishing(names: Sequence[str]) -> Any:
    """Make the function that finishes sums with one of these activations: each takes time to compile."""

    @intrinsic
    def finish(typingctx: Any, arena: Any, weights: Any, y: Any, pixels: Any, epilogue: Any) -> Any:
        def codegen(context: Any, builder: Any, signature: Any, args: Any) -> Any:
            b, e = builder, Emitter(context, builder, arena)
            arena_, weights_, y_, pixels_, epilogue_ = args
            of: Epilogue = e.fields(epilogue, epilogue_)
            scale, shift = (e.load(e.pointer(weights, weights_, offset)) for offset in (of.scale, of.shift))
            y_pointer, residual = (e.pointer(arena, arena_, o) for o in (y_, of.residual))

            def some(count: int, first: ir.Value) -> None:
                at = [b.mul(b.add(first, index(i)), index(LANES)) for i in range(count)]
                values = e.variables(count)
                for value, offset in zip(values, at, strict=True):
                    b.store(e.fma(e.load(e.advance(y_pointer, offset)), scale, shift), value)
                for name in names:
                    with b.if_then(b.icmp_signed("==", of.activation, index(ACTIVATION_CODES[name]))):
                        for value, result in zip(values, FORMULAS[name](e, [b.load(v) for v in values]), strict=True):
                            b.store(result, value)
                with b.if_then(b.icmp_signed(">=", of.residual, index(0))):
                    for value, offset in zip(values, at, strict=True):
                        b.store(b.fadd(b.load(value), e.load(e.advance(residual, offset))), value)
                for value, offset in zip(values, at, strict=True):
                    e.store(b.load(value), e.advance(y_pointer, offset))

            groups = b.sdiv(pixels_, index(_TOGETHER))
            with e.loop(groups) as group:
                some(_TOGETHER, b.mul(group, index(_TOGETHER)))
            done = b.mul(groups, index(_TOGETHER))
            with e.loop(b.sub(pixels_, done)) as pixel:
                some(1, b.add(done, pixel))
            return context.get_dummy_value()

        return types.void(arena, weights, types.int64, types.int64, epilogue), codegen

    return finish


def _swish(e: Emitter, ys: Vectors) -> Vectors:
    return [e.builder.fdiv(y, d) for y, d in zip(ys, _one_plus_exp_of_minus(e, ys), strict=True)]


def _relu6(e: Emitter, ys: Vectors) -> Vectors:
    return [e.clamp(y, 0.0, 6.0) for y in ys]


def _sigmoid(e: Emitter, ys: Vectors) -> Vectors:
    return [e.builder.fdiv(e.constant(1.0), d) for d in _one_plus_exp_of_minus(e, ys)]


def _relu(e: Emitter, ys: Vectors) -> Vectors:
    return [e.at_least(y, 0.0) for y in ys]


def _tanh(e: Emitter, ys: Vectors) -> Vectors:
    b = e.builder
    quotients = [b.fdiv(e.constant(2.0), d) for d in _one_plus_exp_of_minus(e, [b.fadd(y, y) for y in ys])]
    return [b.fsub(q, e.constant(1.0)) for q in quotients]


FORMULAS = {"swish": _swish, "relu6": _relu6, "sigmoid": _sigmoid, "relu": _relu, "tanh": _tanh}

# In each pixel of one block, from ``y`` on: fma(y, scale, shift), then the activation, then plus the residual. The
# first is for what follows a sum, in a tile; the second, for an operation by itself.
finish = _finishing(IN_TILES[1:])
finish_alone = _finishing(tuple(FORMULAS))


def _one_plus_exp_of_minus(e: Emitter, xs: Vectors) -> Vectors:
    """1 + exp(clamp(-x)): the denominators of sigmoid and swish. See reference/elementary.py for the steps.

    Two differ in form, not in bits. x is negated inside of the fmas that use it. And p * 2**n adds n to the exponent of
    p: both are normal numbers, as the clamp makes sure; and n is 0 in the bits of a NaN that arithmetic made.
    """
    b, c = e.builder, EXP[str(e.dtype)]
    integers = ir.VectorType(e.integer, LANES)
    mantissa = ir.Constant(integers, [c.mantissa_bits] * LANES)

    def each(formula: Callable[..., ir.Value], *columns: Vectors) -> Vectors:
        return [formula(*values) for values in zip(*columns, strict=True)]

    def times_power_of_two(p: ir.Value, shifted: ir.Value) -> ir.Value:
        n = b.shl(b.bitcast(shifted, integers), mantissa)
        return b.bitcast(b.add(b.bitcast(p, integers), n), e.vector)

    z = each(lambda x: e.clamp(x, -c.sigmoid_bound, c.sigmoid_bound), xs)
    shifted = each(lambda z: e.fma(z, e.constant(-c.inverse_ln2), e.constant(c.shifter)), z)
    n = each(lambda s: b.fsub(s, e.constant(c.shifter)), shifted)
    r = each(lambda n, z: e.fma(n, e.constant(-c.ln2_high), b.fneg(z)), n, z)
    r = each(lambda n, r: e.fma(n, e.constant(-c.ln2_low), r), n, r)
    p: Vectors = [e.constant(c.coefficients[0])] * len(xs)
    for a in c.coefficients[1:]:
        p = each(lambda p, r, a=a: e.fma(p, r, e.constant(a)), p, r)
    return each(lambda p, s: b.fadd(e.constant(1.0), times_power_of_two(p, s)), p, shifted)

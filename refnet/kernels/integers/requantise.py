"""Requantisation on 16 lanes: a sum of 32 bits times a real number becomes an integer within limits.

Each way is written as its definition in ``reference.integers.policy`` has it, with the same bits of the same products.
A product of 64 bits takes the even and the odd lanes apart. Results fit 32 bits: whoever packs the numbers sees to it.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

from llvmlite import ir

from refnet.kernels.integers import rows
from refnet.kernels.integers.lanes import DOUBLES, FLOATS, LONGS, WORDS, Lanes, words
from refnet.kernels.machine import LANES

_LOW = (1 << 32) - 1
_MAGIC = 0x4B400000  # 1.5 * 2**23 as float32: its last place is 1, so that adding it rounds to a whole number


class Stored(NamedTuple):
    """What is kept of a real number: vectors of 32 bits, as ``rows`` says."""

    first: ir.Value
    second: ir.Value
    third: ir.Value


class Limits(NamedTuple):
    """Least and largest result, and what is then added."""

    least: ir.Value
    most: ir.Value
    zero: ir.Value


Rescale = Callable[[Lanes, ir.Value, Stored], ir.Value]


def load_stored(e: Lanes, pointer: ir.Value) -> Stored:
    """Load what is kept of a real number."""
    return Stored(*(e.load(e.advance(pointer, rows.VECTOR * i)) for i in range(3)))


def load_limits(e: Lanes, pointer: ir.Value) -> Limits:
    """Load limits."""
    return Limits(*(e.load(e.advance(pointer, rows.VECTOR * i)) for i in range(3)))


def codes(e: Lanes, policy: int, total: ir.Value, by: Stored, limits: Limits) -> ir.Value:
    """The bytes of sums, as lanes of 0 to 255."""
    result = _IN_FLOATS[policy](e, total, by, limits) if policy in _IN_FLOATS else RESCALE[policy](e, total, by)
    return e.builder.add(clamp(e, result, limits), limits.zero)


def clamp(e: Lanes, x: ir.Value, limits: Limits) -> ir.Value:
    """Bring lanes within limits."""
    x = e.builder.select(e.builder.icmp_signed("<", x, limits.least), limits.least, x)
    return e.builder.select(e.builder.icmp_signed(">", x, limits.most), limits.most, x)


def _longs(value: int) -> ir.Constant:
    return ir.Constant(LONGS, [value] * (LANES // 2))


def _by_halves(e: Lanes, formula: Callable[..., ir.Value], *values: ir.Value) -> ir.Value:
    """Apply a formula of 64 bits to the even and the odd lanes, signed; the low 32 bits of its results."""
    b = e.builder
    wide = [b.bitcast(value, LONGS) for value in values]
    even = formula(*(b.ashr(b.shl(value, _longs(32)), _longs(32)) for value in wide))
    odd = formula(*(b.ashr(value, _longs(32)) for value in wide))
    return b.bitcast(b.or_(b.and_(even, _longs(_LOW)), b.shl(odd, _longs(32))), WORDS)


def _high_product(e: Lanes, x: ir.Value, mantissa: ir.Value) -> ir.Value:
    """x * mantissa / 2**31, a tie up; the mantissa is not negative, so that nothing saturates."""
    b = e.builder
    return _by_halves(
        e, lambda x, m: b.lshr(b.add(b.mul(x, m), _longs(1 << 30)), _longs(31)), x, mantissa
    )  # the sign is in bits that are cut off


def _shift_half_away(e: Lanes, x: ir.Value, bits: ir.Value, *, away: bool) -> ir.Value:
    """x / 2**bits, a tie away from 0 or up, without a sum that could overflow."""
    b = e.builder
    mask = b.sub(b.shl(words(1), bits), words(1))
    threshold = b.lshr(mask, words(1))
    if away:
        threshold = b.add(threshold, b.lshr(x, words(31)))
    rest = b.icmp_signed(">", b.and_(x, mask), threshold)
    return b.add(b.ashr(x, bits), b.zext(rest, WORDS))


def _double(e: Lanes, total: ir.Value, by: Stored, *, away: bool = True) -> ir.Value:
    product = _high_product(e, e.builder.shl(total, by.second), by.first)
    return _shift_half_away(e, product, by.third, away=away)


def _double_up(e: Lanes, total: ir.Value, by: Stored) -> ir.Value:
    return _double(e, total, by, away=False)


def _single(e: Lanes, total: ir.Value, by: Stored) -> ir.Value:
    b = e.builder

    def formula(x: ir.Value, mantissa: ir.Value, shift: ir.Value) -> ir.Value:
        half = b.lshr(b.shl(_longs(1), shift), _longs(1))
        return b.ashr(b.add(b.mul(x, mantissa), half), shift)

    return _by_halves(e, formula, total, by.first, by.second)


def _truncate(e: Lanes, total: ir.Value, by: Stored) -> ir.Value:
    b = e.builder
    return _by_halves(e, lambda x, m, shift: b.ashr(b.mul(x, m), shift), total, by.first, by.second)


def _fp32_even(e: Lanes, total: ir.Value, by: Stored, limits: Limits) -> ir.Value:
    b = e.builder
    return nearest(e, b.fmul(b.sitofp(total, FLOATS), b.bitcast(by.first, FLOATS)), limits)


def _shifted(e: Lanes, total: ir.Value, by: Stored, limits: Limits) -> ir.Value:
    b = e.builder
    factor, offset = (b.bitcast(each, FLOATS) for each in by[:2])
    return nearest(e, b.fadd(b.fmul(b.sitofp(total, FLOATS), factor), offset), limits)


def nearest(e: Lanes, x: ir.Value, limits: Limits) -> ir.Value:
    """The nearest integer of float32, a tie to the even one, for numbers within limits; others are brought there."""
    b = e.builder
    least, most = (b.sitofp(each, FLOATS) for each in limits[:2])
    x = b.select(b.fcmp_ordered("<", x, least), least, x)
    x = b.select(b.fcmp_ordered(">", x, most), most, x)
    magic = b.bitcast(words(_MAGIC), FLOATS)
    return b.sub(b.bitcast(b.fadd(x, magic), WORDS), words(_MAGIC))


def _double_float(e: Lanes, total: ir.Value, by: Stored, limits: Limits) -> ir.Value:
    """Both halves of the stored vectors are the float64 of 16 channels."""
    b = e.builder
    order = ir.Constant(ir.VectorType(ir.IntType(32), 2 * LANES), list(range(2 * LANES)))
    factor = b.bitcast(b.shuffle_vector(by.first, by.second, order), DOUBLES)
    x = b.fmul(b.sitofp(total, DOUBLES), factor)
    least, most = (b.sitofp(each, DOUBLES) for each in limits[:2])
    x = b.select(b.fcmp_ordered("<", x, least), least, x)
    x = b.select(b.fcmp_ordered(">", x, most), most, x)
    whole = b.fptosi(x, WORDS)
    rest = b.fsub(x, b.sitofp(whole, DOUBLES))
    half = ir.Constant(DOUBLES, [0.5] * LANES)
    up = b.zext(b.fcmp_ordered(">=", rest, half), WORDS)
    down = b.zext(b.fcmp_ordered("<=", rest, ir.Constant(DOUBLES, [-0.5] * LANES)), WORDS)
    return b.sub(b.add(whole, up), down)


def _divided(e: Lanes, total: ir.Value, by: Stored) -> ir.Value:
    """total / count, a tie away from 0; the count is the first number that is stored."""
    b = e.builder
    half = b.lshr(by.first, words(1))
    negative = b.icmp_signed("<", total, words(0))
    size = b.add(b.select(negative, b.neg(total), total), half)
    quotient = b.udiv(size, by.first)
    return b.select(negative, b.neg(quotient), quotient)


RESCALE: dict[int, Rescale] = {
    rows.DOUBLE: _double,
    rows.DOUBLE_UP: _double_up,
    rows.SINGLE: _single,
    rows.TRUNCATE: _truncate,
    rows.DIVIDED: _divided,
}
_IN_FLOATS: dict[int, Callable[..., Any]] = {
    rows.FP32_EVEN: _fp32_even,
    rows.DOUBLE_FLOAT: _double_float,
    rows.SHIFTED: _shifted,
}

"""Writes LLVM instructions on blocks of 16 lanes: what the tile generators are made of.

A tile is straight vector code that a compiler would not find by itself, so it is emitted directly. An Emitter knows the
element type; its values are vectors of 16 elements, which LLVM splits into as many registers as the CPU needs.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from llvmlite import ir
from numba.core import cgutils

from refnet.kernels.machine import LANES
from refnet.numerics import EXP, ExpConstants

# Activation codes in a program row.
NONE, SWISH, RELU6, SIGMOID = range(4)
ACTIVATION_CODES = {"none": NONE, "swish": SWISH, "relu6": RELU6, "sigmoid": SIGMOID}

INDEX = ir.IntType(64)


def index(value: int) -> ir.Constant:
    """Return a 64-bit constant."""
    return ir.Constant(INDEX, value)


class Emitter:
    """Emits code on vectors of 16 elements of one array element type, at a builder's position."""

    def __init__(self, context: Any, builder: ir.IRBuilder, array_type: Any) -> None:
        self.context, self.builder = context, builder
        self.dtype = array_type.dtype
        self.scalar = context.get_value_type(self.dtype)
        self.vector = ir.VectorType(self.scalar, LANES)
        self.integer = ir.IntType(self.dtype.bitwidth)

    # --- memory: addresses are pointers to elements ---

    def pointer(self, array_type: Any, array: Any, offset: ir.Value) -> ir.Value:
        """Address of element ``offset`` of a one-dimensional array argument."""
        data = self.context.make_array(array_type)(self.context, self.builder, value=array).data
        return self.advance(data, offset)

    def advance(self, pointer: ir.Value, elements: ir.Value | int) -> ir.Value:
        """Address ``elements`` further on."""
        return self.builder.gep(pointer, [index(elements) if isinstance(elements, int) else elements])

    def load(self, pointer: ir.Value) -> ir.Value:
        """Load 16 elements."""
        return self.builder.load(self._as_vector(pointer), align=self.dtype.bitwidth // 8)

    def store(self, value: ir.Value, pointer: ir.Value) -> None:
        """Store 16 elements."""
        self.builder.store(value, self._as_vector(pointer), align=self.dtype.bitwidth // 8)

    def _as_vector(self, pointer: ir.Value) -> ir.Value:
        return self.builder.bitcast(pointer, self.vector.as_pointer())

    def load_broadcast(self, pointer: ir.Value) -> ir.Value:
        """Load one element into all 16 lanes."""
        return self._splat(self.builder.load(pointer))

    def _splat(self, value: ir.Value) -> ir.Value:
        undefined = ir.Constant(self.vector, ir.Undefined)
        first = self.builder.insert_element(undefined, value, ir.Constant(ir.IntType(32), 0))
        mask = ir.Constant(ir.VectorType(ir.IntType(32), LANES), [0] * LANES)
        return self.builder.shuffle_vector(first, undefined, mask)

    # --- variables: LLVM turns them into registers ---

    def variables(self, count: int) -> list[ir.Value]:
        """Make vector variables, not yet set."""
        return [cgutils.alloca_once(self.builder, self.vector) for _ in range(count)]

    def set_all(self, variables: Sequence[ir.Value], constant: float) -> None:
        """Set variables to a constant."""
        for variable in variables:
            self.builder.store(self.constant(constant), variable)

    @contextmanager
    def loop(self, count: ir.Value) -> Iterator[ir.Value]:
        """Emit the body of a loop over 0 … count - 1."""
        with cgutils.for_range(self.builder, count) as loop:
            yield loop.index

    # --- arithmetic ---

    def constant(self, value: float) -> ir.Constant:
        """Return a vector constant."""
        return ir.Constant(self.vector, [value] * LANES)

    def fma(self, x: ir.Value, y: ir.Value, z: ir.Value) -> ir.Value:
        """x * y + z, rounded once."""
        signature = ir.FunctionType(self.vector, [self.vector] * 3)
        name = f"llvm.fma.v{LANES}f{self.dtype.bitwidth}"
        function = cgutils.get_or_insert_function(self.builder.module, signature, name)
        return self.builder.call(function, [x, y, z])

    def clamp(self, x: ir.Value, low: float, high: float) -> ir.Value:
        """``low`` where x < low, ``high`` where x > high, else x."""
        for comparison, bound in (("<", self.constant(low)), (">", self.constant(high))):
            x = self.builder.select(self.builder.fcmp_ordered(comparison, x, bound), bound, x)
        return x

    def one_plus_exp_of_minus(self, x: ir.Value) -> ir.Value:
        """1 + exp(clamp(-x)): the denominator of sigmoid and swish. See ops/elementary.py for the steps."""
        b, c = self.builder, self._exp_constants()
        z = self.clamp(b.fneg(x), -c.sigmoid_bound, c.sigmoid_bound)
        shifted = self.fma(z, self.constant(c.inverse_ln2), self.constant(c.shifter))
        minus_n = b.fneg(b.fsub(shifted, self.constant(c.shifter)))
        r = self.fma(minus_n, self.constant(c.ln2_high), z)
        r = self.fma(minus_n, self.constant(c.ln2_low), r)
        p = self.constant(c.coefficients[0])
        for a in c.coefficients[1:]:
            p = self.fma(p, r, self.constant(a))
        return b.fadd(self.constant(1.0), b.fmul(p, self._power_of_two(shifted, c)))

    def _power_of_two(self, shifted: ir.Value, c: ExpConstants) -> ir.Value:
        """2**n from the low bits of n + shifter; the clamp keeps n among the exponents of normal numbers."""
        b, integers = self.builder, ir.VectorType(self.integer, LANES)
        bits = b.shl(b.bitcast(shifted, integers), ir.Constant(integers, [c.mantissa_bits] * LANES))
        one = ir.Constant(integers, [c.exponent_bias << c.mantissa_bits] * LANES)
        return b.bitcast(b.add(bits, one), self.vector)

    def _exp_constants(self) -> ExpConstants:
        return EXP[str(self.dtype)]

    # --- what follows a sum ---

    def finish(
        self,
        sums: Sequence[ir.Value],
        scales: Sequence[ir.Value],
        shifts: Sequence[ir.Value],
        activation: ir.Value,
    ) -> None:
        """In each variable: fma(sum, scale, shift), then the activation that the code selects at run time."""
        b = self.builder
        for total, scale, shift in zip(sums, scales, shifts, strict=True):
            b.store(self.fma(b.load(total), scale, shift), total)
        formulas: dict[int, Callable[[ir.Value], ir.Value]] = {
            SWISH: lambda y: b.fdiv(y, self.one_plus_exp_of_minus(y)),
            RELU6: lambda y: self.clamp(y, 0.0, 6.0),
            SIGMOID: lambda y: b.fdiv(self.constant(1.0), self.one_plus_exp_of_minus(y)),
        }
        for code, formula in formulas.items():
            with b.if_then(b.icmp_signed("==", activation, index(code))):
                for total in sums:
                    b.store(formula(b.load(total)), total)

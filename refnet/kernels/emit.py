"""Writes LLVM instructions on blocks of 16 lanes: what the tile generators are made of.

A tile is straight vector code that a compiler would not find by itself, so it is emitted directly. An Emitter knows the
element type; its values are vectors of 16 elements, which LLVM splits into as many registers as the CPU needs.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from llvmlite import ir
from numba import njit, types
from numba.core import cgutils
from numba.extending import intrinsic
from numba.np.arrayobj import populate_array

from refnet.kernels.machine import LANES

INDEX = ir.IntType(64)
LINE_BITS = 512  # of a line of a cache

# Of an array whose length no kernel asks for. It is small enough to be counted in bytes, and cut.
SIZE_UNKNOWN = 1 << 58

# For what only compiled code calls: no wrappers for Python, which take a tenth of the time to compile, and no counted
# references: arrays are somebody else's.
OPTIONS = {"nogil": True, "error_model": "numpy", "_nrt": False}
compiled = njit(**OPTIONS, no_cpython_wrapper=True, no_cfunc_wrapper=True)


def index(value: int) -> ir.Constant:
    """Return a 64-bit constant."""
    return ir.Constant(INDEX, value)


@intrinsic
def aligned_frame(typingctx: Any) -> Any:
    """Give the function that calls this a stack frame on a cache line, and keep it from being inlined elsewhere.

    Registers that a tile spills would otherwise straddle two lines, in some processes and not in others.
    """

    def codegen(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        builder.function.attributes.alignstack = 64
        builder.function.attributes.add("noinline")
        return context.get_dummy_value()

    return types.void(), codegen


@intrinsic
def array_at(typingctx: Any, address: Any, size: Any) -> Any:
    """Make an array of ``size`` elements of what lies at an address, which is a typed pointer."""
    array_type = types.Array(address.dtype, 1, "C")

    def codegen(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        array = context.make_array(array_type)(context, builder)
        element = context.get_abi_sizeof(context.get_data_type(address.dtype))
        populate_array(
            array,
            data=builder.bitcast(args[0], array.data.type),
            shape=[args[1]],
            strides=[index(element)],
            itemsize=index(element),
            meminfo=None,
        )
        return array._getvalue()

    return array_type(address, types.int64), codegen


class Emitter:
    """Emits code on vectors of 16 elements of one array element type, at a builder's position."""

    def __init__(self, context: Any, builder: ir.IRBuilder, array_type: Any) -> None:
        self.context, self.builder = context, builder
        self.dtype = array_type.dtype
        self.scalar = context.get_value_type(self.dtype)
        self.vector = ir.VectorType(self.scalar, LANES)
        self.integer = ir.IntType(self.dtype.bitwidth)

    def fields(self, record_type: Any, record: ir.Value) -> Any:
        """Take a NamedTuple argument apart: the same NamedTuple, of values."""
        return record_type.instance_class(*cgutils.unpack_tuple(self.builder, record))

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

    def prefetch(self, pointer: ir.Value) -> None:
        """Ask for the 16 elements at an address, which need not be there, before they are read."""
        i8, i32 = ir.IntType(8).as_pointer(), ir.IntType(32)
        signature = ir.FunctionType(ir.VoidType(), [i8, i32, i32, i32])
        function = cgutils.get_or_insert_function(self.builder.module, signature, "llvm.prefetch.p0")
        read, keep, data = i32(0), i32(2), i32(1)
        for first in range(0, LANES, LINE_BITS // self.dtype.bitwidth):
            line = self.builder.bitcast(self.advance(pointer, first), i8)
            self.builder.call(function, [line, read, keep, data])

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

    def counter(self, start: int) -> ir.Value:
        """Make an integer variable."""
        variable = cgutils.alloca_once(self.builder, INDEX)
        self.builder.store(index(start), variable)
        return variable

    @contextmanager
    def while_less(self, counter: ir.Value, end: ir.Value) -> Iterator[None]:
        """Emit the body of a loop that goes on while an integer variable is below ``end``."""
        b = self.builder
        test, body, after = (b.append_basic_block(name) for name in ("while", "body", "after"))
        b.branch(test)
        b.position_at_end(test)
        b.cbranch(b.icmp_signed("<", b.load(counter), end), body, after)
        b.position_at_end(body)
        yield
        b.branch(test)
        b.position_at_end(after)

    def minimum(self, i: ir.Value, j: ir.Value) -> ir.Value:
        """Return the lesser integer."""
        return self.builder.select(self.builder.icmp_signed("<", i, j), i, j)

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
        x, bound = self.at_least(x, low), self.constant(high)
        return self.builder.select(self.builder.fcmp_ordered(">", x, bound), bound, x)

    def at_least(self, x: ir.Value, low: float) -> ir.Value:
        """``low`` where x < low, else x."""
        bound = self.constant(low)
        return self.builder.select(self.builder.fcmp_ordered("<", x, bound), bound, x)

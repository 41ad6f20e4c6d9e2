"""Writes LLVM instructions on 16 lanes of 32 bits, and on the four bytes in each.

``dot`` is the heart: to each lane it adds the products of four bytes of a picture, 0 to 255, and four bytes of weights,
-128 to 127. With VNNI that is one instruction; else bytes become 16 bits first, whose products are added by pairs in 32
bits. Nothing saturates (``vpmaddubsw`` would), and what wraps around on the way comes back: sums are exact modulo 2**32
in any order, and the whole one fits.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from llvmlite import ir
from numba.core import cgutils

from refnet.kernels.integers.machine import Dot, dot
from refnet.kernels.machine import LANES

BYTE, WORD, LONG, INDEX = ir.IntType(8), ir.IntType(32), ir.IntType(64), ir.IntType(64)
FLOAT, DOUBLE = ir.FloatType(), ir.DoubleType()
WORDS, BYTES = ir.VectorType(WORD, LANES), ir.VectorType(BYTE, LANES)
LONGS, FLOATS, DOUBLES = ir.VectorType(LONG, LANES // 2), ir.VectorType(FLOAT, LANES), ir.VectorType(DOUBLE, LANES)
FOUR_PIXELS = ir.VectorType(BYTE, 4 * LANES)

_HALVES = 0x00FF00FF  # of each 16 bits the lower byte


def index(value: int) -> ir.Constant:
    """Return a 64-bit constant."""
    return ir.Constant(INDEX, value)


def words(value: int) -> ir.Constant:
    """Return 16 lanes of a constant."""
    return ir.Constant(WORDS, [value] * LANES)


class Lanes:
    """Emits code at a builder's position; addresses are pointers to bytes."""

    def __init__(self, context: Any, builder: ir.IRBuilder) -> None:
        self.context, self.builder = context, builder
        self.kind: Dot = dot()

    def fields(self, record_type: Any, record: ir.Value) -> Any:
        """Take a NamedTuple argument apart: the same NamedTuple, of values."""
        return record_type.instance_class(*cgutils.unpack_tuple(self.builder, record))

    # --- memory ---

    def pointer(self, array_type: Any, array: ir.Value, offset: ir.Value) -> ir.Value:
        """Address of byte ``offset`` of an array argument."""
        return self.advance(self.context.make_array(array_type)(self.context, self.builder, value=array).data, offset)

    def advance(self, pointer: ir.Value, offset: ir.Value | int) -> ir.Value:
        """Address so many bytes further on."""
        return self.builder.gep(pointer, [index(offset) if isinstance(offset, int) else offset])

    def load(self, pointer: ir.Value, kind: ir.Type = WORDS) -> ir.Value:
        """Load a vector, from any address."""
        return self.builder.load(self.builder.bitcast(pointer, kind.as_pointer()), align=1)

    def store(self, value: ir.Value, pointer: ir.Value) -> None:
        """Store a vector, to any address."""
        self.builder.store(value, self.builder.bitcast(pointer, value.type.as_pointer()), align=1)

    def load_codes(self, pointer: ir.Value) -> ir.Value:
        """Load 16 bytes as lanes, 0 to 255."""
        return self.builder.zext(self.load(pointer, BYTES), WORDS)

    def store_codes(self, lanes: ir.Value, pointer: ir.Value) -> None:
        """Store lanes that are 0 to 255 as 16 bytes."""
        self.store(self.builder.trunc(lanes, BYTES), pointer)

    def load_four(self, pointer: ir.Value) -> ir.Value:
        """Load four bytes into all lanes."""
        four = self.builder.load(self.builder.bitcast(pointer, WORD.as_pointer()), align=1)
        return self.splat(four)

    def splat(self, value: ir.Value) -> ir.Value:
        """The same number in all lanes."""
        undefined = ir.Constant(WORDS, ir.Undefined)
        first = self.builder.insert_element(undefined, value, WORD(0))
        return self.builder.shuffle_vector(first, undefined, words(0))

    def load_window(self, pointer: ir.Value) -> ir.Value:
        """Load four neighbouring pixels of 16 channels: in each lane the four bytes of a channel."""
        b = self.builder
        quads = b.bitcast(self.load(pointer, FOUR_PIXELS), WORDS)  # [pixel][channel / 4]
        quads = b.shuffle_vector(quads, quads, ir.Constant(WORDS, [i % 4 * 4 + i // 4 for i in range(LANES)]))
        each = b.bitcast(quads, FOUR_PIXELS)  # [channel / 4][pixel][channel % 4]
        order = [i // 16 * 16 + i % 4 * 4 + i // 4 % 4 for i in range(4 * LANES)]
        return b.bitcast(b.shuffle_vector(each, each, ir.Constant(ir.VectorType(WORD, 4 * LANES), order)), WORDS)

    # --- variables: LLVM turns them into registers ---

    def variables(self, values: Sequence[ir.Value]) -> list[ir.Value]:
        """Make a variable for each value."""
        made = [cgutils.alloca_once(self.builder, value.type) for value in values]
        for variable, value in zip(made, values, strict=True):
            self.builder.store(value, variable)
        return made

    @contextmanager
    def loop(self, count: ir.Value) -> Iterator[ir.Value]:
        """Emit the body of a loop over 0 … count - 1."""
        with cgutils.for_range(self.builder, count) as loop:
            yield loop.index

    # --- sums of four products ---

    def dot(self, total: ir.Value, codes: ir.Value, weights: ir.Value) -> ir.Value:
        """Add to each lane the four products of its bytes."""
        return _DOTS[self.kind](self, total, codes, weights)

    def call(self, name: str, arguments: Sequence[ir.Value], result: ir.Type | None = None) -> ir.Value:
        """Call a function of LLVM's; what comes back is of the first argument's type, unless said otherwise."""
        signature = ir.FunctionType(result or arguments[0].type, [each.type for each in arguments])
        return self.builder.call(cgutils.get_or_insert_function(self.builder.module, signature, name), arguments)

    def by_parts(self, count: int, function: Callable[..., ir.Value], *values: ir.Value) -> ir.Value:
        """Apply a function to parts of so many lanes, and put the results together."""
        b = self.builder
        results = []
        for first in range(0, LANES, count):
            order = ir.Constant(ir.VectorType(WORD, count), list(range(first, first + count)))
            results.append(function(*(b.shuffle_vector(value, value, order) for value in values)))
        while len(results) > 1:
            order = ir.Constant(ir.VectorType(WORD, 2 * count), list(range(2 * count)))
            results = [b.shuffle_vector(*pair, order) for pair in zip(results[::2], results[1::2], strict=True)]
            count *= 2
        return results[0]


def _vnni(name: str, count: int) -> Callable[..., ir.Value]:
    def dot(e: Lanes, *operands: ir.Value) -> ir.Value:
        return e.by_parts(count, lambda *parts: e.call(name, parts), *operands)

    return dot


def _sdot(e: Lanes, total: ir.Value, codes: ir.Value, weights: ir.Value) -> ir.Value:
    b = e.builder
    codes = b.xor(codes, words(0x80808080 - (1 << 32)))

    def quarter(total: ir.Value, codes: ir.Value, weights: ir.Value) -> ir.Value:
        return e.call("llvm.aarch64.neon.sdot.v4i32.v16i8", [total, b.bitcast(codes, BYTES), b.bitcast(weights, BYTES)])

    return e.by_parts(4, quarter, total, codes, weights)


def _pairs(name: str, count: int) -> Callable[..., ir.Value]:
    halves, result = ir.VectorType(ir.IntType(16), 2 * count), ir.VectorType(WORD, count)

    def dot(e: Lanes, total: ir.Value, codes: ir.Value, weights: ir.Value) -> ir.Value:
        b = e.builder
        all_halves = ir.VectorType(ir.IntType(16), 2 * LANES)
        eight = ir.Constant(all_halves, [8] * (2 * LANES))
        odd = b.ashr(b.bitcast(weights, all_halves), eight)
        even = b.ashr(b.shl(b.bitcast(weights, all_halves), eight), eight)
        columns = (
            (b.and_(codes, words(_HALVES)), b.bitcast(even, WORDS)),
            (b.and_(b.lshr(codes, words(8)), words(_HALVES)), b.bitcast(odd, WORDS)),
        )

        def part(x: ir.Value, w: ir.Value) -> ir.Value:
            return e.call(name, [b.bitcast(x, halves), b.bitcast(w, halves)], result)

        for x, w in columns:
            total = b.add(total, e.by_parts(count, part, x, w))
        return total

    return dot


def _plain(e: Lanes, total: ir.Value, codes: ir.Value, weights: ir.Value) -> ir.Value:
    b = e.builder
    for byte in range(4):
        x = b.and_(b.lshr(codes, words(8 * byte)), words(255))
        total = b.add(total, b.mul(x, b.ashr(b.shl(weights, words(24 - 8 * byte)), words(24))))
    return total


_DOTS: dict[Dot, Callable[..., ir.Value]] = {
    "vnni512": _vnni("llvm.x86.avx512.vpdpbusd.512", 16),
    "vnni256": _vnni("llvm.x86.avx512.vpdpbusd.256", 8),
    "pairs512": _pairs("llvm.x86.avx512.pmaddw.d.512", 16),
    "pairs256": _pairs("llvm.x86.avx2.pmadd.wd", 8),
    "pairs128": _pairs("llvm.x86.sse2.pmadd.wd", 4),
    "sdot": _sdot,
    "plain": _plain,
}

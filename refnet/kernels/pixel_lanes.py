"""Lanes: a pixel in the lanes of a vector, for what a compiler does not find by itself.

Whole numbers add up to the same in any order; of float32, each operation stands as it is written, and none is
contracted. The lane beside red, green and blue holds anything: what is stored later overwrites it.
"""

from __future__ import annotations

from typing import Any

from llvmlite import ir
from numba import types
from numba.core import cgutils
from numba.extending import intrinsic
from numba.np.arrayobj import populate_array

from refnet.kernels.emit import SIZE_UNKNOWN, index
from refnet.kernels.picture_kinds import LINES, PIXEL_LANES, PRECISION, WIDE

_BYTE, _WORD, _FLOAT = ir.IntType(8), ir.IntType(32), ir.FloatType()
_HALF = 1 << (PRECISION - 1)


def _constant(*values: int) -> ir.Constant:
    return ir.Constant(ir.VectorType(_WORD, len(values)), list(values))


def _pointer(context: Any, builder: ir.IRBuilder, array_type: Any, array: ir.Value, at: ir.Value) -> ir.Value:
    return builder.gep(context.make_array(array_type)(context, builder, value=array).data, [at])


def _load(builder: ir.IRBuilder, pointer: ir.Value, lanes: int) -> ir.Value:
    vector = ir.VectorType(pointer.type.pointee, lanes)
    return builder.load(builder.bitcast(pointer, vector.as_pointer()), align=1)


def _store(builder: ir.IRBuilder, vector: ir.Value, pointer: ir.Value) -> None:
    builder.store(vector, builder.bitcast(pointer, vector.type.as_pointer()), align=1)


def _lanes(builder: ir.IRBuilder, vector: ir.Value, *lanes: int) -> ir.Value:
    return builder.shuffle_vector(vector, vector, _constant(*lanes))


def _add_product(builder: ir.IRBuilder, total: ir.Value, levels: ir.Value, weights: ir.Value) -> None:
    product = builder.mul(builder.zext(levels, weights.type), weights)
    builder.store(builder.add(builder.load(total), product), total)


def _store_levels(builder: ir.IRBuilder, sums: ir.Value, pointer: ir.Value) -> None:
    """Round sums, cut them to 0..255, store them as bytes."""
    lanes = sums.type.count
    levels = builder.ashr(sums, _constant(*[PRECISION] * lanes))
    for bound, beyond in ((0, "<"), (255, ">")):
        limit = _constant(*[bound] * lanes)
        levels = builder.select(builder.icmp_signed(beyond, levels, limit), limit, levels)
    _store(builder, builder.trunc(levels, ir.VectorType(_BYTE, lanes)), pointer)


@intrinsic
def behind(typingctx: Any, array: Any, at: Any) -> Any:
    """What lies behind an element: array[at:], of unknown length, without a look at the bounds."""

    def codegen(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        return _array(context, builder, array, _pointer(context, builder, array, *args))

    return array(array, types.int64), codegen


@intrinsic
def as_floats(typingctx: Any, array: Any) -> Any:
    """Take the bytes of an array for float32, of unknown length."""
    floats = types.Array(types.float32, 1, "C")

    def codegen(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        return _array(context, builder, floats, _pointer(context, builder, array, args[0], index(0)))

    return floats(array), codegen


def _array(context: Any, builder: ir.IRBuilder, array_type: Any, pointer: ir.Value) -> ir.Value:
    array = context.make_array(array_type)(context, builder)
    size = index(array_type.dtype.bitwidth // 8)
    data = builder.bitcast(pointer, array.data.type)
    populate_array(array, data=data, shape=[index(SIZE_UNKNOWN)], strides=[size], itemsize=size, meminfo=None)
    return array._getvalue()


@intrinsic
def weigh_along(typingctx: Any, lines: Any, at: Any, size: Any, weights: Any, w: Any, pairs: Any, y: Any,
                pitch: Any) -> Any:  # fmt: skip
    """Sum a run of pixels, two at a time, each times its weight, in ``LINES`` lines that lie ``size`` apart.

    It begins at lines[at] and has 2 ``pairs`` pixels. The results, a pixel each, lie at lines[y] and ``pitch`` apart.
    """

    def codegen(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        lines_, at_, size_, weights_, w_, pairs_, y_, pitch_ = args
        start = _pointer(context, builder, lines, lines_, at_)
        weight = _pointer(context, builder, weights, weights_, w_)
        first = _constant(*[_HALF] * PIXEL_LANES, *[0] * PIXEL_LANES)
        totals = [cgutils.alloca_once_value(builder, first) for _ in range(LINES)]
        with cgutils.for_range(builder, pairs_) as loop:
            both = _load(builder, builder.gep(weight, [builder.mul(loop.index, index(2))]), 2)
            both = _lanes(builder, both, *[0] * PIXEL_LANES, *[1] * PIXEL_LANES)
            pixel = builder.gep(start, [builder.mul(loop.index, index(2 * PIXEL_LANES))])
            for line, total in enumerate(totals):
                two = builder.gep(pixel, [builder.mul(size_, index(line))])
                _add_product(builder, total, _load(builder, two, 2 * PIXEL_LANES), both)
        target = _pointer(context, builder, lines, lines_, y_)
        for line, total in enumerate(totals):
            sums = builder.load(total)
            halves = (_lanes(builder, sums, *range(begin, begin + PIXEL_LANES)) for begin in (0, PIXEL_LANES))
            _store_levels(builder, builder.add(*halves), builder.gep(target, [builder.mul(pitch_, index(line))]))
        return context.get_dummy_value()

    int64 = types.int64
    return types.void(lines, int64, int64, weights, int64, int64, int64, int64), codegen


@intrinsic
def weigh_down(typingctx: Any, lines: Any, at: Any, first: Any, size: Any, pitch: Any, weights: Any, w: Any, count: Any,
               y: Any) -> Any:  # fmt: skip
    """Sum ``WIDE`` bytes of ``count`` lines, each times the line's weight; the result lies at lines[y].

    The lines lie at ``at + first``, ``pitch`` apart, in a ring of ``size`` bytes from ``at`` on.
    """

    def codegen(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        lines_, at_, first_, size_, pitch_, weights_, w_, count_, y_ = args
        start = _pointer(context, builder, lines, lines_, at_)
        weight = _pointer(context, builder, weights, weights_, w_)
        total = cgutils.alloca_once_value(builder, _constant(*[_HALF] * WIDE))
        place = cgutils.alloca_once_value(builder, first_)
        with cgutils.for_range(builder, count_) as loop:
            offset = builder.load(place)
            same = _lanes(builder, _load(builder, builder.gep(weight, [loop.index]), 1), *[0] * WIDE)
            _add_product(builder, total, _load(builder, builder.gep(start, [offset]), WIDE), same)
            offset = builder.add(offset, pitch_)
            is_behind = builder.icmp_signed(">=", offset, size_)
            builder.store(builder.select(is_behind, builder.sub(offset, size_), offset), place)
        _store_levels(builder, builder.load(total), _pointer(context, builder, lines, lines_, y_))
        return context.get_dummy_value()

    return types.void(lines, *[types.int64] * 4, weights, *[types.int64] * 3), codegen


@intrinsic
def blend_along(typingctx: Any, line: Any, at: Any, weights: Any, w: Any, y: Any) -> Any:
    """Weigh four pixels of a line, float32, and add them in order; the result lies at line[y].

    The pixels lie at line[at[i]].
    """

    def codegen(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        line_, at_, weights_, w_, y_ = args
        four = _load(builder, _pointer(context, builder, weights, weights_, w_), 4)
        terms = []
        for tap, place in enumerate(cgutils.unpack_tuple(builder, at_)):
            pixel = _load(builder, _pointer(context, builder, line, line_, place), PIXEL_LANES)
            terms.append(builder.fmul(pixel, _lanes(builder, four, *[tap] * PIXEL_LANES)))
        total = builder.fadd(builder.fadd(builder.fadd(terms[0], terms[1]), terms[2]), terms[3])
        _store(builder, total, _pointer(context, builder, line, line_, y_))
        return context.get_dummy_value()

    return types.void(line, at, weights, types.int64, types.int64), codegen


@intrinsic
def lerp_along(typingctx: Any, levels: Any, left: Any, right: Any, weights: Any, w: Any, line: Any, y: Any) -> Any:
    """Go from one pixel of bytes a part of the way to another: x0 + (x1 - x0) * weight, in float32, to line[y]."""

    def codegen(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        levels_, left_, right_, weights_, w_, line_, y_ = args
        pixel = ir.VectorType(_FLOAT, PIXEL_LANES)
        x0, x1 = (
            builder.uitofp(_load(builder, _pointer(context, builder, levels, levels_, place), PIXEL_LANES), pixel)
            for place in (left_, right_)
        )
        weight = _lanes(
            builder, _load(builder, _pointer(context, builder, weights, weights_, w_), 1), *[0] * PIXEL_LANES
        )
        moved = builder.fadd(x0, builder.fmul(builder.fsub(x1, x0), weight))
        _store(builder, moved, _pointer(context, builder, line, line_, y_))
        return context.get_dummy_value()

    return types.void(levels, types.int64, types.int64, weights, types.int64, line, types.int64), codegen

"""Additions, products, means and tables: a block of 16 channels at a time."""

from __future__ import annotations

from typing import Any

from llvmlite import ir
from numba import types
from numba.extending import intrinsic

from refnet.kernels.emit import compiled
from refnet.kernels.integers import rows
from refnet.kernels.integers.lanes import FLOATS, Lanes, index, words
from refnet.kernels.integers.requantise import RESCALE, clamp, codes, load_limits, load_stored, nearest
from refnet.kernels.machine import LANES


def _adding(policy: int) -> Any:
    """Make the function that adds two tensors by three requantisations, or by one."""

    @intrinsic
    def add(typingctx: Any, arena: Any, weights: Any, at: Any, x: Any, other: Any, y: Any, pixels: Any) -> Any:
        def codegen(context: Any, builder: Any, signature: Any, args: Any) -> Any:
            e, b = Lanes(context, builder), builder
            arena_, weights_, at_, x_, other_, y_, pixels_ = args
            numbers = e.pointer(weights, weights_, at_)
            zeros = [e.load(e.advance(numbers, i * rows.VECTOR)) for i in range(2)]
            by = [load_stored(e, e.advance(numbers, rows.ZEROS_OF_TWO + i * rows.STORED)) for i in range(3)]
            limits = load_limits(e, e.advance(numbers, rows.ZEROS_OF_TWO + 3 * rows.STORED))
            pointers = [e.pointer(arena, arena_, offset) for offset in (x_, other_, y_)]
            with e.loop(pixels_) as i:
                *sources, target = (e.advance(pointer, b.mul(i, index(LANES))) for pointer in pointers)
                terms = [b.sub(e.load_codes(source), zero) for source, zero in zip(sources, zeros, strict=True)]
                if policy == rows.WEIGHTED:
                    first, second, shift = by[0]
                    half = b.lshr(b.shl(words(1), shift), words(1))
                    total = b.add(b.mul(terms[0], first), b.mul(terms[1], second))
                    result = b.ashr(b.add(total, half), shift)
                elif policy == rows.FUSED:
                    x, y = (b.sitofp(term, FLOATS) for term in terms)
                    first, second, offset = (b.bitcast(each, FLOATS) for each in by[0])
                    result = nearest(e, _fma(e, x, first, _fma(e, y, second, offset)), limits)
                else:
                    raised = [
                        RESCALE[policy](e, b.shl(term, words(20)), stored)
                        for term, stored in zip(terms, by[:2], strict=True)
                    ]
                    result = RESCALE[policy](e, b.add(*raised), by[2])
                e.store_codes(b.add(clamp(e, result, limits), limits.zero), target)
            return context.get_dummy_value()

        return types.void(arena, weights, *[types.int64] * 5), codegen

    return add


def _fma(e: Lanes, *operands: ir.Value) -> ir.Value:
    """x * y + z in float32, rounded once."""
    return e.call("llvm.fma.v16f32", operands)


def _multiplying(policy: int) -> Any:
    @intrinsic
    def multiply(
        typingctx: Any, arena: Any, weights: Any, at: Any, x: Any, other: Any, step: Any, y: Any, pixels: Any
    ) -> Any:
        def codegen(context: Any, builder: Any, signature: Any, args: Any) -> Any:
            e, b = Lanes(context, builder), builder
            arena_, weights_, at_, x_, other_, step_, y_, pixels_ = args
            numbers = e.pointer(weights, weights_, at_)
            zeros = [e.load(e.advance(numbers, i * rows.VECTOR)) for i in range(2)]
            by = load_stored(e, e.advance(numbers, rows.ZEROS_OF_TWO))
            limits = load_limits(e, e.advance(numbers, rows.ZEROS_OF_TWO + rows.STORED))
            pointers = [e.pointer(arena, arena_, offset) for offset in (x_, other_, y_)]
            with e.loop(pixels_) as i:
                steps = (index(LANES), step_, index(LANES))
                source, factor, target = (
                    e.advance(pointer, b.mul(i, step)) for pointer, step in zip(pointers, steps, strict=True)
                )
                product = b.mul(b.sub(e.load_codes(source), zeros[0]), b.sub(e.load_codes(factor), zeros[1]))
                e.store_codes(codes(e, policy, product, by, limits), target)
            return context.get_dummy_value()

        return types.void(arena, weights, *[types.int64] * 6), codegen

    return multiply


def _averaging(policy: int) -> Any:
    @intrinsic
    def mean(typingctx: Any, arena: Any, weights: Any, at: Any, x: Any, y: Any, pixels: Any) -> Any:
        def codegen(context: Any, builder: Any, signature: Any, args: Any) -> Any:
            e, b = Lanes(context, builder), builder
            arena_, weights_, at_, x_, y_, pixels_ = args
            numbers = e.pointer(weights, weights_, at_)
            by = load_stored(e, e.advance(numbers, rows.VECTOR))
            limits = load_limits(e, e.advance(numbers, rows.VECTOR + rows.STORED))
            source = e.pointer(arena, arena_, x_)
            (total,) = e.variables([b.sub(words(0), e.load(numbers))])
            with e.loop(pixels_) as i:
                pixel = e.load_codes(e.advance(source, b.mul(i, index(LANES))))
                b.store(b.add(b.load(total), pixel), total)
            e.store_codes(codes(e, policy, b.load(total), by, limits), e.pointer(arena, arena_, y_))
            return context.get_dummy_value()

        return types.void(arena, weights, *[types.int64] * 4), codegen

    return mean


DOUBLE, DOUBLE_UP, SINGLE, TRUNCATE = rows.DOUBLE, rows.DOUBLE_UP, rows.SINGLE, rows.TRUNCATE
FP32_EVEN, WEIGHTED, FUSED, SHIFTED = rows.FP32_EVEN, rows.WEIGHTED, rows.FUSED, rows.SHIFTED
_add_double, _add_double_up, _add_single, _add_truncate, _add_weighted, _add_fused = map(
    _adding, (DOUBLE, DOUBLE_UP, SINGLE, TRUNCATE, WEIGHTED, FUSED)
)
_multiply_double, _multiply_double_up, _multiply_single, _multiply_truncate = map(
    _multiplying, (DOUBLE, DOUBLE_UP, SINGLE, TRUNCATE)
)
_multiply_fp32, _multiply_shifted, _multiply_float = map(_multiplying, (FP32_EVEN, SHIFTED, rows.DOUBLE_FLOAT))
_mean_double, _mean_double_up, _mean_single, _mean_truncate = map(_averaging, (DOUBLE, DOUBLE_UP, SINGLE, TRUNCATE))
_mean_fp32, _mean_shifted, _mean_divided = map(_averaging, (FP32_EVEN, SHIFTED, rows.DIVIDED))


@compiled
def add(arena: Any, weights: Any, policy: int, at: int, x: int, other: int, y: int, pixels: int) -> None:
    """Add two tensors; y may be one of them."""
    if policy == DOUBLE:
        _add_double(arena, weights, at, x, other, y, pixels)
    elif policy == WEIGHTED:
        _add_weighted(arena, weights, at, x, other, y, pixels)
    elif policy == FUSED:
        _add_fused(arena, weights, at, x, other, y, pixels)
    elif policy == DOUBLE_UP:
        _add_double_up(arena, weights, at, x, other, y, pixels)
    elif policy == SINGLE:
        _add_single(arena, weights, at, x, other, y, pixels)
    else:
        _add_truncate(arena, weights, at, x, other, y, pixels)


@compiled
def multiply(
    arena: Any, weights: Any, policy: int, at: int, x: int, other: int, step: int, y: int, pixels: int
) -> None:
    """Multiply a tensor by another one, or each channel by its gate: then ``step`` is 0."""
    if policy == DOUBLE:
        _multiply_double(arena, weights, at, x, other, step, y, pixels)
    elif policy == FP32_EVEN:
        _multiply_fp32(arena, weights, at, x, other, step, y, pixels)
    elif policy == SHIFTED:
        _multiply_shifted(arena, weights, at, x, other, step, y, pixels)
    elif policy == DOUBLE_UP:
        _multiply_double_up(arena, weights, at, x, other, step, y, pixels)
    elif policy == SINGLE:
        _multiply_single(arena, weights, at, x, other, step, y, pixels)
    elif policy == TRUNCATE:
        _multiply_truncate(arena, weights, at, x, other, step, y, pixels)
    else:
        _multiply_float(arena, weights, at, x, other, step, y, pixels)


@compiled
def mean(arena: Any, weights: Any, policy: int, at: int, x: int, y: int, pixels: int) -> None:
    """Mean of each channel over all pixels."""
    if policy == DOUBLE:
        _mean_double(arena, weights, at, x, y, pixels)
    elif policy == SHIFTED:
        _mean_shifted(arena, weights, at, x, y, pixels)
    elif policy == FP32_EVEN:
        _mean_fp32(arena, weights, at, x, y, pixels)
    elif policy == DOUBLE_UP:
        _mean_double_up(arena, weights, at, x, y, pixels)
    elif policy == SINGLE:
        _mean_single(arena, weights, at, x, y, pixels)
    elif policy == TRUNCATE:
        _mean_truncate(arena, weights, at, x, y, pixels)
    else:
        _mean_divided(arena, weights, at, x, y, pixels)


@compiled
def look_up(arena: Any, weights: Any, at: int, x: int, y: int, count: int) -> None:
    """Replace each byte by its entry of a table."""
    for i in range(count):
        arena[y + i] = weights[at + arena[x + i]]

"""The interpreter of integer programs: as ``kernels.run``, walks through rows, whose chunks threads share.

A thread's own memory has sums of 32 bits first, then a row of zero points and a line buffer, last the rows of the
picture that the stem reads.
"""

from __future__ import annotations

from typing import Any

import numba
import numpy as np
from numba import njit, types

from refnet.kernels import atomic
from refnet.kernels.emit import OPTIONS, SIZE_UNKNOWN, aligned_frame, array_at, compiled
from refnet.kernels.float_mode import restore_mode, set_default_mode
from refnet.kernels.integers import elementwise, rows
from refnet.kernels.integers.depthwise import OutputRow, row_k3s1, row_k3s2, row_k5s1, row_k5s2
from refnet.kernels.integers.finish import finish
from refnet.kernels.integers.machine import IntegerTiles
from refnet.kernels.integers.memory import copy, fill, fill_pixels
from refnet.kernels.integers.pointwise import (
    Operands,
    picture_strip_of_1,
    picture_strip_of_2,
    strip_of_1,
    strip_of_2,
)
from refnet.kernels.integers.rows import BLOCK_OF_SUMS, LIMITS, TILES_TO_FINISH, VECTOR, Constants
from refnet.kernels.integers.softmax import softmax
from refnet.kernels.line_buffer import LineBuffer, copy_rows
from refnet.kernels.machine import LANES, PIXEL, ZERO
from refnet.kernels.rows import COUNTER_STRIDE

_CONVOLUTION, _POINTWISE, _DEPTHWISE, _MEAN = rows.CONVOLUTION, rows.POINTWISE, rows.DEPTHWISE, rows.MEAN
_MULTIPLY, _ADD, _TABLE, _SOFTMAX = rows.MULTIPLY, rows.ADD, rows.TABLE, rows.SOFTMAX

# LLVM optimises all that a function calls anew with every function around it: no functions between here and the tiles.
_inlined = njit(**OPTIONS, inline="always")


@compiled
def _finish(row: Any, block: int, arena: Any, weights: Any, sums: int, y: int, pixels: int, residual: int) -> None:
    """Codes of a block's sums of neighbouring pixels, and what follows them in the same sweep."""
    aligned_frame()
    finish(arena, weights, row.policy, row.parameters, block, sums, y, pixels)
    if row.then == _TABLE:
        elementwise.look_up(arena, weights, row.then_parameters, y, y, pixels * LANES)
    elif row.then == _ADD:
        elementwise.add(arena, weights, row.then_policy, row.then_parameters, y, residual, y, pixels)


@compiled
def _convolution_row(
    row: Any, panel: int, oy: int, arena: Any, weights: Any, constants: Constants, scratch: int, y: int, y_block: int
) -> None:
    """A panel of output channels of output row ``oy`` of a convolution that reads the network's input, to ``y``."""
    aligned_frame()
    size = row.channels
    line = row.pitch * size
    picture = scratch + constants.scratch_size - row.kernel * line - VECTOR  # the last piece of the thread's own
    first = oy * row.stride - row.top
    for ky in range(row.kernel):
        at, inside = picture + ky * line, row.left * size
        if 0 <= first + ky < row.height:
            behind = inside + row.width * size
            fill(arena, at, inside, row.fill)
            copy(arena, row.x + (first + ky) * row.width * size, at + inside, row.width * size)
            fill(arena, at + behind, line - behind, row.fill)
        else:
            fill(arena, at, line, row.fill)
    block = panel * constants.tiles.blocks
    blocks = min(constants.tiles.blocks, row.out_blocks - block)
    at_once = TILES_TO_FINISH * constants.tiles.pixels
    for ox in range(0, row.out_width, at_once):
        pixels = min(at_once, row.out_width - ox)
        operands = Operands(
            x=picture + ox * row.stride * size,
            x_pixel=row.stride * size,
            groups=row.kernel,
            x_group=line,
            steps=row.steps,
            w=row.weights + block * row.kernel * row.steps * VECTOR,
            bias=row.parameters + LIMITS + block * BLOCK_OF_SUMS,
            sums=scratch,
            sums_block=(at_once + constants.tiles.pixels) * VECTOR,
        )
        if blocks == 2:
            picture_strip_of_2(arena, weights, operands, pixels, constants.tiles)
        else:
            picture_strip_of_1(arena, weights, operands, pixels, constants.tiles)
        for b in range(blocks):
            to = y + b * y_block + ox * LANES
            _finish(row, block + b, arena, weights, scratch + b * operands.sums_block, to, pixels, to)


@compiled
def _pointwise_panel(
    row: Any, panel: int, first: int, pixels: int, arena: Any, weights: Any, constants: Constants, scratch: int,
    y: int, y_block: int, gap: int,
) -> None:  # fmt: skip
    """A panel of output channels of some neighbouring pixels, to ``y``; with ``gap`` bytes behind each whole row."""
    aligned_frame()
    block = panel * constants.tiles.blocks
    blocks = min(constants.tiles.blocks, row.out_blocks - block)
    at_once = TILES_TO_FINISH * constants.tiles.pixels
    sums_block = (at_once + constants.tiles.pixels) * VECTOR
    for p in range(0, pixels, at_once):
        count = min(at_once, pixels - p)
        operands = Operands(
            x=row.x + (first + p) * LANES,
            x_pixel=PIXEL,
            groups=ZERO,
            x_group=row.x_block,
            steps=row.steps,
            w=row.weights + block * row.steps * VECTOR,
            bias=row.parameters + LIMITS + block * BLOCK_OF_SUMS,
            sums=scratch,
            sums_block=sums_block,
        )
        if blocks == 2:
            strip_of_2(arena, weights, operands, count, constants.tiles)
        else:
            strip_of_1(arena, weights, operands, count, constants.tiles)
        begin = ZERO
        while begin < count:
            line = (p + begin) // row.width
            end = min(count, (line + 1) * row.width - p) if gap > 0 else count
            for b in range(blocks):
                at = b * y_block + (p + begin) * LANES
                to = y + at + line * gap if gap > 0 else y + at
                sums = scratch + b * sums_block + begin * VECTOR
                _finish(row, block + b, arena, weights, sums, to, end - begin, row.other + to - row.y)
            begin = end


@_inlined
def _pointwise_chunk(
    row: Any, panel: int, strip: int, arena: Any, weights: Any, constants: Constants, scratch: int
) -> None:
    """A strip of pixels, one panel of output channels."""
    all_pixels = row.out_height * row.out_width
    first = strip * row.per_strip
    y_block = all_pixels * LANES
    y = row.y + panel * constants.tiles.blocks * y_block + first * LANES
    pixels = min(row.per_strip, all_pixels - first)
    _pointwise_panel(row, panel, first, pixels, arena, weights, constants, scratch, y, y_block, ZERO)


@_inlined
def _depthwise_chunk(
    program: Any, i: int, panel: int, strip: int, arena: Any, weights: Any, constants: Constants, scratch: int
) -> None:
    """Some output rows of a panel of channels.

    The input goes through a line buffer that stays in the cache: it is copied there from the arena, or made there by
    the convolution before it, which then is nowhere else.
    """
    row, expansion = program[i], program[i - program[i].expansion]
    first_block = panel * constants.tiles.blocks
    blocks = min(constants.tiles.blocks, row.out_blocks - first_block)
    oy, end = strip * row.per_strip, min((strip + 1) * row.per_strip, row.out_height)
    buffer_rows, pitch, width = row.buffer_rows, row.pitch, row.width
    outside = scratch + constants.sums
    buffer = outside + pitch * LANES
    buffer_block = buffer_rows * pitch * LANES
    fill_pixels(arena, outside, pitch, row.fill)
    for line in range(blocks * buffer_rows):
        at = buffer + line * pitch * LANES
        fill_pixels(arena, at, row.left, row.fill)
        fill_pixels(arena, at + (row.left + width) * LANES, pitch - row.left - width, row.fill)
    filled = max(0, oy * row.stride - row.top)
    needed = min(row.height, (end - 1) * row.stride - row.top + row.kernel)
    at_once = max(1, TILES_TO_FINISH * constants.tiles.pixels // row.out_width)
    while oy < end:
        # As many rows as the buffer holds, then all output rows that they are enough for.
        limit = min(needed, max(0, oy * row.stride - row.top) + buffer_rows)
        while filled < limit:
            slot = filled % buffer_rows
            count = min(limit - filled, buffer_rows - slot)
            target = buffer + (slot * pitch + row.left) * LANES
            if row.expansion and expansion.op == _CONVOLUTION:
                for r in range(count):
                    y = target + r * pitch * LANES
                    _convolution_row(expansion, panel, filled + r, arena, weights, constants, scratch, y, buffer_block)
            elif row.expansion:
                _pointwise_panel(
                    expansion, panel, filled * width, count * width, arena, weights, constants, scratch,
                    target, buffer_block, (pitch - width) * LANES,
                )  # fmt: skip
            else:
                for b in range(blocks):
                    x = row.x + (first_block + b) * row.x_block
                    copy_rows(arena, x, filled, filled + count, _line_buffer(row, buffer + b * buffer_block))
            filled += count
        ready = end if limit == needed else (limit + row.top - row.kernel) // row.stride + 1
        for b in range(blocks):
            lines = _line_buffer(row, buffer + b * buffer_block)
            for first in range(oy, ready, at_once):
                count = min(at_once, ready - first)
                _depthwise_rows(row, first_block + b, first, count, arena, weights, constants, lines, outside, scratch)
        oy = ready


@_inlined
def _line_buffer(row: Any, at: int) -> LineBuffer:
    """The line buffer of one block of channels of a depthwise convolution."""
    return LineBuffer(
        at=at, rows=row.buffer_rows, pitch=row.pitch, left=row.left, height=row.height, width=row.width, size=PIXEL
    )


@compiled
def _depthwise_rows(
    row: Any,
    block: int,
    first: int,
    count: int,
    arena: Any,
    weights: Any,
    constants: Constants,
    buffer: LineBuffer,
    outside: int,
    scratch: int,
) -> None:
    """Some output rows of one block, from the line buffer; the sums of all are finished together."""
    aligned_frame()
    pixels = row.out_width
    for i in range(count):
        out = OutputRow(
            top=(first + i) * row.stride - row.top,
            outside=outside,
            w=row.weights + block * row.steps * VECTOR,
            bias=row.parameters + LIMITS + block * BLOCK_OF_SUMS,
            sums=scratch + i * pixels * VECTOR,  # what a tile makes behind its row, the next row writes over
            width=pixels,
        )
        if row.kernel == 3 and row.stride == 1:
            row_k3s1(arena, weights, buffer, out, constants.tiles)
        elif row.kernel == 3:
            row_k3s2(arena, weights, buffer, out, constants.tiles)
        elif row.stride == 1:
            row_k5s1(arena, weights, buffer, out, constants.tiles)
        else:
            row_k5s2(arena, weights, buffer, out, constants.tiles)
    y = row.y + (block * row.out_height + first) * pixels * LANES
    _finish(row, block, arena, weights, scratch, y, count * pixels, y)


@_inlined
def _blocks_chunk(row: Any, strip: int, arena: Any, weights: Any) -> None:
    """Some blocks of channels of an operation that works on each channel alone."""
    pixels = row.out_height * row.out_width
    for block in range(strip * row.per_strip, min((strip + 1) * row.per_strip, row.out_blocks)):
        x, y = row.x + block * row.x_block, row.y + block * pixels * LANES
        if row.op == _MEAN:
            elementwise.mean(arena, weights, row.policy, row.parameters, x, y, row.height * row.width)
        elif row.op == _TABLE:
            elementwise.look_up(arena, weights, row.parameters, x, y, pixels * LANES)
        elif row.op == _ADD:
            other = row.other + block * row.x_block
            elementwise.add(arena, weights, row.policy, row.parameters, x, other, y, pixels)
        else:
            other = row.other + block * (row.x_block if row.other_pixel > 0 else LANES)
            elementwise.multiply(arena, weights, row.policy, row.parameters, x, other, row.other_pixel, y, pixels)


def make(dtype: np.dtype[Any]) -> tuple[Any, Any]:
    """Make the interpreter, a function to be compiled, and its signature: those of ``kernels.run``, on bytes."""

    def run_rows(
        program_at: Any, count: int, first: int, last: int, arena_at: Any, weights_at: Any, c: Any, counters_at: Any
    ) -> None:
        program = array_at(program_at, count)
        arena, weights = array_at(arena_at, SIZE_UNKNOWN), array_at(weights_at, SIZE_UNKNOWN)
        counters = array_at(counters_at, (2 * count + 1) * COUNTER_STRIDE)
        constants = Constants(IntegerTiles(c[0], c[1], c[2], c[3], c[4]), c[5], c[6], c[7], c[8])
        mode = set_default_mode()
        thread = atomic.fetch_add(counters, 2 * count * COUNTER_STRIDE, 1)
        scratch = constants.scratch + thread * constants.scratch_size
        for i in range(first, last):
            row = program[i]
            claimed, done = 2 * i * COUNTER_STRIDE, (2 * i + 1) * COUNTER_STRIDE
            chunk = atomic.fetch_add(counters, claimed, 1)
            computed = 0
            while chunk < row.chunks:
                if row.panel_major:
                    panel, strip = chunk // row.strips, chunk % row.strips
                else:
                    strip, panel = chunk // row.panels, chunk % row.panels
                if row.op == _POINTWISE:
                    _pointwise_chunk(row, panel, strip, arena, weights, constants, scratch)
                elif row.op == _DEPTHWISE:
                    _depthwise_chunk(program, i, panel, strip, arena, weights, constants, scratch)
                elif row.op == _CONVOLUTION:
                    y_block = row.out_height * row.out_width * LANES
                    y = row.y + panel * constants.tiles.blocks * y_block + strip * row.out_width * LANES
                    _convolution_row(row, panel, strip, arena, weights, constants, scratch, y, y_block)
                elif row.op == _SOFTMAX:
                    softmax(arena, weights, row.parameters, row.x, row.y, row.channels, scratch)
                else:
                    _blocks_chunk(row, strip, arena, weights)
                computed += 1
                chunk = atomic.fetch_add(counters, claimed, 1)
            if computed > 0:
                atomic.fetch_add(counters, done, computed)
            atomic.wait_until(counters, done, row.chunks)
        restore_mode(mode)

    program, codes, integers = (types.CPointer(numba.from_dtype(np.dtype(kind))) for kind in (rows.ROW, "u1", "i8"))
    int64 = types.int64
    return run_rows, types.void(program, int64, int64, int64, codes, codes, integers, integers)

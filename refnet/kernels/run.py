"""The interpreter: walks a program's rows; threads share the work of each row chunk by chunk.

Every thread runs the same function over the same program. For each row it claims chunks from a shared counter until
there are none left, then waits until all are done. A thread that comes late finds the chunks taken and catches up; one
that never comes is not missed. Which thread computes a chunk changes no bit.
"""

from __future__ import annotations

from typing import Any

import numba
import numpy as np
from numba import njit, types

from refnet.kernels import atomic, elementwise, rows, tops
from refnet.kernels.dense import Layer, dense
from refnet.kernels.depthwise import OutputRows, ask_for, rows_k3s1, rows_k3s2, rows_k5s1, rows_k5s2
from refnet.kernels.emit import OPTIONS, SIZE_UNKNOWN, array_at
from refnet.kernels.epilogue import Epilogue
from refnet.kernels.float_mode import restore_mode, set_default_mode
from refnet.kernels.line_buffer import LineBuffer, clear_margins, copy_rows, picture_rows
from refnet.kernels.machine import LANES, NOWHERE, PIXEL, ZERO, TileShapes
from refnet.kernels.pointwise import (
    Operands,
    Output,
    picture_strip_of_1,
    picture_strip_of_2,
    strip_of_1,
    strip_of_2,
)
from refnet.kernels.rows import COUNTER_STRIDE, Constants
from refnet.kernels.softmax import log_softmax, softmax

_CONVOLUTION, _POINTWISE, _DEPTHWISE = rows.CONVOLUTION, rows.POINTWISE, rows.DEPTHWISE
_MEAN, _EXCITE, _ADD, _AFFINE, _SOFTMAX = rows.MEAN, rows.EXCITE, rows.ADD, rows.AFFINE, rows.SOFTMAX
_DENSE, _MAX, _GEM, _DIVIDE = rows.DENSE, rows.MAX, rows.GEM, rows.DIVIDE
_CONCATENATE, _LOG_SOFTMAX = rows.CONCATENATE, rows.LOG_SOFTMAX
_ON_VECTORS = (_DENSE, _SOFTMAX, _LOG_SOFTMAX, _CONCATENATE)


# LLVM optimises all that a function calls anew with every function around it: no functions between here and the tiles.
_inlined = njit(**OPTIONS, inline="always")


@_inlined
def _convolution_panel(
    row: Any, panel: int, oy: int, arena: Any, weights: Any, constants: Constants, scratch: int, output: Output
) -> None:
    """A panel of output channels of output row ``oy`` of a convolution that reads the network's input."""
    size = row.channels
    picture_size = row.kernel * row.pitch * size
    picture = LineBuffer(
        at=scratch + constants.scratch_size - picture_size,  # the last piece of the thread's own
        rows=row.kernel,
        pitch=row.pitch,
        left=row.left,
        height=row.height,
        width=row.width,
        size=size,
    )
    picture_rows(arena, row.x, oy * row.stride - row.top, picture)
    block = panel * constants.tiles.blocks
    taps = row.kernel * row.kernel * size
    operands = Operands(
        x=picture.at,
        x_pixel=row.stride * size,
        group=row.kernel * size,
        x_group=row.pitch * size,
        far=ZERO,
        w=row.weights + block * LANES * taps,
        taps=taps,
    )
    epilogue = _epilogue(row, block, NOWHERE)
    if min(constants.tiles.blocks, row.out_blocks - block) == 2:
        picture_strip_of_2(arena, weights, operands, output, epilogue, row.out_width, constants.tiles)
    else:
        picture_strip_of_1(arena, weights, operands, output, epilogue, row.out_width, constants.tiles)


@_inlined
def _convolution_chunk(
    row: Any, panel: int, oy: int, arena: Any, weights: Any, constants: Constants, scratch: int
) -> None:
    """One output row of one panel."""
    y_block = row.out_height * row.out_width * LANES
    y = row.y + panel * constants.tiles.blocks * y_block + oy * row.out_width * LANES
    output = Output(y=y, y_block=y_block, width=row.out_width, gap=ZERO)
    _convolution_panel(row, panel, oy, arena, weights, constants, scratch, output)


@_inlined
def _epilogue(row: Any, block: int, residual: int) -> Epilogue:
    """What follows the sums of a block of output channels."""
    return Epilogue(
        scale=row.scale + block * LANES,
        shift=row.shift + block * LANES,
        activation=row.activation,
        residual=residual,
    )


@_inlined
def _pointwise_panel(
    row: Any, panel: int, first: int, pixels: int, arena: Any, weights: Any, tiles: TileShapes, output: Output
) -> None:
    """A panel of output channels of some neighbouring pixels; a residual lies like the row's own output."""
    block = panel * tiles.blocks
    operands = Operands(
        x=row.x + first * LANES,
        x_pixel=PIXEL,
        group=PIXEL,
        x_group=row.x_block,
        far=row.far,
        w=row.weights + block * LANES * row.channels,
        taps=row.channels,
    )
    epilogue = _epilogue(row, block, row.other + output.y - row.y if row.other >= 0 else NOWHERE)
    if min(tiles.blocks, row.out_blocks - block) == 2:
        strip_of_2(arena, weights, operands, output, epilogue, pixels, tiles)
    else:
        strip_of_1(arena, weights, operands, output, epilogue, pixels, tiles)


@_inlined
def _pointwise_chunk(row: Any, panel: int, strip: int, arena: Any, weights: Any, tiles: TileShapes) -> None:
    """A strip of pixels, one panel of output channels."""
    all_pixels = row.out_height * row.out_width
    first = strip * row.per_strip
    y_block = all_pixels * LANES
    y = row.y + panel * tiles.blocks * y_block + first * LANES
    output = Output(y=y, y_block=y_block, width=all_pixels, gap=ZERO)
    _pointwise_panel(row, panel, first, min(row.per_strip, all_pixels - first), arena, weights, tiles, output)


@_inlined
def _vector_chunk(row: Any, strip: int, arena: Any, weights: Any, tiles: TileShapes) -> None:
    """An operation on a vector, or some blocks of output channels of one."""
    if row.op == _DENSE:
        _dense_chunk(row, strip, arena, weights, tiles)
    elif row.op == _SOFTMAX:
        softmax(arena, row.x, row.y, row.channels)
    elif row.op == _LOG_SOFTMAX:
        log_softmax(arena, row.x, row.y, row.channels)
    else:
        tops.concatenate(arena, row.x, row.other, row.y, row.channels)


@_inlined
def _dense_chunk(row: Any, strip: int, arena: Any, weights: Any, tiles: TileShapes) -> None:
    """Some blocks of output channels of a dense layer."""
    block = strip * row.per_strip
    at = block * LANES
    layer = Layer(x=row.x, taps=row.channels, w=row.weights + at * row.channels, y=row.y + at)
    epilogue = _epilogue(row, block, NOWHERE)
    dense(arena, weights, layer, epilogue, min(row.per_strip, row.out_blocks - block), tiles)


@_inlined
def _depthwise_chunk(
    program: Any,
    i: int,
    panel: int,
    strip: int,
    arena: Any,
    weights: Any,
    constants: Constants,
    scratch: int,
    is_first: bool,
) -> None:
    """Some output rows of a panel of channels; ``is_first`` of those that this thread computes.

    The input goes through a line buffer that stays in the cache: it is copied there from the arena, or made there by
    the convolution before it, which then is nowhere else.
    """
    row, expansion = program[i], program[i - program[i].expansion]
    first_block = panel * constants.tiles.blocks
    blocks = min(constants.tiles.blocks, row.out_blocks - first_block)
    oy, end = strip * row.per_strip, min((strip + 1) * row.per_strip, row.out_height)
    buffer_rows, pitch, width = row.buffer_rows, row.pitch, row.width
    buffer_block = buffer_rows * pitch * LANES
    taps = row.kernel * row.kernel
    ask_for(weights, row.weights + first_block * LANES * taps, blocks * taps)
    ask_for(weights, row.scale + first_block * LANES, blocks)
    ask_for(weights, row.shift + first_block * LANES, blocks)
    for b in range(constants.tiles.blocks if is_first else 0):
        clear_margins(arena, _line_buffer(row, scratch + b * buffer_block))
    filled = max(0, oy * row.stride - row.top)
    needed = min(row.height, (end - 1) * row.stride - row.top + row.kernel)
    while oy < end:
        # As many rows as the buffer holds, then all output rows that they are enough for.
        limit = min(needed, max(0, oy * row.stride - row.top) + buffer_rows)
        while filled < limit:
            slot = filled % buffer_rows
            count = min(limit - filled, buffer_rows - slot)
            target = scratch + (slot * pitch + row.left) * LANES
            if row.expansion and expansion.op == _CONVOLUTION:
                for r in range(count):
                    output = Output(y=target + r * pitch * LANES, y_block=buffer_block, width=width, gap=ZERO)
                    _convolution_panel(expansion, panel, filled + r, arena, weights, constants, scratch, output)
            elif row.expansion:
                output = Output(y=target, y_block=buffer_block, width=width, gap=(pitch - width) * LANES)
                pixels = count * width
                _pointwise_panel(expansion, panel, filled * width, pixels, arena, weights, constants.tiles, output)
            else:
                for b in range(blocks):
                    x = row.x + (first_block + b) * row.x_block
                    copy_rows(arena, x, filled, filled + count, _line_buffer(row, scratch + b * buffer_block))
            filled += count
        ready = end if limit == needed else (limit + row.top - row.kernel) // row.stride + 1
        buffer = _line_buffer(row, scratch)
        _depthwise_rows(row, first_block, blocks, oy, ready, arena, weights, constants, buffer)
        oy = ready


@_inlined
def _line_buffer(row: Any, at: int) -> LineBuffer:
    """The line buffer of one block of channels of a depthwise convolution."""
    return LineBuffer(
        at=at, rows=row.buffer_rows, pitch=row.pitch, left=row.left, height=row.height, width=row.width, size=PIXEL
    )


@_inlined
def _depthwise_rows(
    row: Any,
    block: int,
    blocks: int,
    first: int,
    last: int,
    arena: Any,
    weights: Any,
    constants: Constants,
    buffer: LineBuffer,
) -> None:
    """Output rows ``first`` … ``last`` - 1 of some blocks, from the line buffer, and their sums where wanted."""
    out = OutputRows(
        blocks=blocks,
        zeros=constants.zeros,
        w=row.weights + block * LANES * row.kernel * row.kernel,
        y=row.y + block * row.out_height * row.out_width * LANES,
        total=row.row_sums + block * row.out_height * LANES if row.row_sums >= 0 else NOWHERE,
        height=row.out_height,
        width=row.out_width,
        top=row.top,
        long_tiles=row.long_tiles,
        short_tiles=row.short_tiles,
    )
    epilogue = _epilogue(row, block, NOWHERE)
    if row.kernel == 3 and row.stride == 1:
        rows_k3s1(arena, weights, buffer, out, epilogue, first, last, constants.tiles)
    elif row.kernel == 3:
        rows_k3s2(arena, weights, buffer, out, epilogue, first, last, constants.tiles)
    elif row.stride == 1:
        rows_k5s1(arena, weights, buffer, out, epilogue, first, last, constants.tiles)
    else:
        rows_k5s2(arena, weights, buffer, out, epilogue, first, last, constants.tiles)


@_inlined
def _blocks_chunk(row: Any, strip: int, arena: Any, weights: Any, scratch: int) -> None:
    """Some blocks of channels of an operation that works on each channel alone."""
    pixels = row.out_height * row.out_width
    first = strip * row.per_strip
    for block in range(first, min(first + row.per_strip, row.out_blocks)):
        x, y = row.x + block * row.x_block, row.y + block * pixels * LANES
        if row.op == _MEAN:
            elementwise.mean(arena, x, row.height, row.width, row.count, y, scratch)
        elif row.op == _EXCITE:
            elementwise.excite(arena, x, row.other + block * LANES, y, pixels)
        elif row.op == _ADD:
            elementwise.add(arena, x, row.other + block * row.x_block, y, pixels)
        elif row.op == _MAX:
            tops.largest(arena, x, row.height * row.width, y)
        elif row.op == _GEM:
            tops.generalised_mean(arena, weights, row.weights, x, row.height, row.width, y)
        elif row.op == _DIVIDE:
            tops.divide(arena, weights, row.weights, x, y)
        elif row.op == _AFFINE:
            elementwise.affine(arena, weights, x, y, pixels, _epilogue(row, block, NOWHERE))


def make(dtype: np.dtype[Any]) -> tuple[Any, Any]:
    """Make the interpreter, a function to be compiled, and its signature.

    ``run_rows(program, count, first, last, arena, weights, constants, counters)`` runs rows first … last - 1 of
    ``count`` together with whoever else calls it with the same ``counters``, i64[2 * count + 1, COUNTER_STRIDE], zero
    at the start: chunks claimed and chunks done of each row, then the number of threads, from which each takes its own
    piece of scratch memory. ``constants`` are those of ``Constants``, flat. All arrays are addresses: nothing of Python
    is left in the compiled code.
    """

    def run_rows(
        program_at: Any, count: int, first: int, last: int, arena_at: Any, weights_at: Any, c: Any, counters_at: Any
    ) -> None:
        program = array_at(program_at, count)
        arena, weights = array_at(arena_at, SIZE_UNKNOWN), array_at(weights_at, SIZE_UNKNOWN)
        counters = array_at(counters_at, (2 * count + 1) * COUNTER_STRIDE)
        constants = Constants(TileShapes(c[0], c[1], c[2], c[3], c[4], c[5], c[6], c[7]), c[8], c[9], c[10])
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
                    _pointwise_chunk(row, panel, strip, arena, weights, constants.tiles)
                elif row.op == _DEPTHWISE:
                    _depthwise_chunk(program, i, panel, strip, arena, weights, constants, scratch, computed == 0)
                elif row.op == _CONVOLUTION:
                    _convolution_chunk(row, panel, strip, arena, weights, constants, scratch)
                elif row.op in _ON_VECTORS:
                    _vector_chunk(row, strip, arena, weights, constants.tiles)
                else:
                    _blocks_chunk(row, strip, arena, weights, scratch)
                computed += 1
                chunk = atomic.fetch_add(counters, claimed, 1)
            if computed > 0:
                atomic.fetch_add(counters, done, computed)
            atomic.wait_until(counters, done, row.chunks)
        restore_mode(mode)

    program, numbers, integers = (
        types.CPointer(numba.from_dtype(np.dtype(kind))) for kind in (rows.ROW, dtype, np.int64)
    )
    int64 = types.int64
    return run_rows, types.void(program, int64, int64, int64, numbers, numbers, integers, integers)

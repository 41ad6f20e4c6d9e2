"""The interpreter: walks a program's rows; threads share the work of each row chunk by chunk.

Every thread runs the same function over the same program. For each row it claims chunks from a shared counter until
there are none left, then waits until all are done. A thread that comes late finds the chunks taken and catches up; one
that never comes is not missed. Which thread computes a chunk changes no bit.
"""

from __future__ import annotations

from typing import Any

from numba import njit

from refnet.kernels import atomic, elementwise, rows
from refnet.kernels.depthwise import row_k3s1, row_k3s2, row_k5s1, row_k5s2
from refnet.kernels.float_mode import restore_mode, set_default_mode
from refnet.kernels.line_buffer import clear_margins, copy_rows, picture_rows
from refnet.kernels.machine import LANES, NOWHERE, PIXEL, ZERO
from refnet.kernels.pointwise import picture_strip_of_1, picture_strip_of_2, strip_of_1, strip_of_2
from refnet.kernels.softmax import softmax

# Places in ``constants``: what holds for the whole program.
TILE_PIXELS, TILE_HALF, TILE_BLOCKS, TILE_ROW, TILE_SHORT_ROW, ZEROS, SCRATCH, SCRATCH_SIZE = range(8)

_CONVOLUTION, _POINTWISE, _DEPTHWISE = rows.CONVOLUTION, rows.POINTWISE, rows.DEPTHWISE
_MEAN, _EXCITE, _ADD, _SOFTMAX = rows.MEAN, rows.EXCITE, rows.ADD, rows.SOFTMAX

# LLVM optimises all that a function calls anew with every function around it: no functions between here and the tiles.
_inlined = njit(nogil=True, error_model="numpy", inline="always")


@_inlined
def _convolution_panel(
    row: Any, panel: int, oy: int, arena: Any, weights: Any, constants: Any, scratch: int, y: int, y_block: int
) -> None:
    """A panel of output channels of output row ``oy``, to ``y``, of a convolution that reads the network's input."""
    panel_blocks = constants[TILE_BLOCKS]
    size, pitch = row.channels, row.pitch
    picture = scratch + constants[SCRATCH_SIZE] - row.kernel * pitch * size  # the last piece of the thread's own
    picture_rows(
        arena, row.x, row.height, row.width, size, oy * row.stride - row.top, picture, row.kernel, pitch, row.left
    )
    block = panel * panel_blocks
    taps = row.kernel * row.kernel * size
    arguments = (
        arena, picture, pitch * size, row.kernel * size, row.stride * size, ZERO, taps,
        weights, row.weights + block * LANES * taps, row.scale + block * LANES, row.shift + block * LANES,
        row.activation, NOWHERE, y, y_block, row.out_width, row.out_width, ZERO,
        constants[TILE_PIXELS], constants[TILE_HALF],
    )  # fmt: skip
    if min(panel_blocks, row.out_blocks - block) == 2:
        picture_strip_of_2(*arguments)
    else:
        picture_strip_of_1(*arguments)


@_inlined
def _convolution_chunk(row: Any, chunk: int, arena: Any, weights: Any, constants: Any, scratch: int) -> None:
    """One output row of one panel."""
    panel, oy = chunk // row.out_height, chunk % row.out_height
    y_block = row.out_height * row.out_width * LANES
    y = row.y + panel * constants[TILE_BLOCKS] * y_block + oy * row.out_width * LANES
    _convolution_panel(row, panel, oy, arena, weights, constants, scratch, y, y_block)


@_inlined
def _pointwise_panel(
    row: Any, panel: int, first: int, pixels: int, arena: Any, weights: Any, constants: Any, residual: int, y: int,
    y_block: int, gap: int,
) -> None:  # fmt: skip
    """A panel of output channels of some neighbouring pixels, to ``y``."""
    panel_blocks = constants[TILE_BLOCKS]
    block = panel * panel_blocks
    arguments = (
        arena, row.x + first * LANES, row.x_block, PIXEL, PIXEL, row.far, row.channels,
        weights, row.weights + block * LANES * row.channels, row.scale + block * LANES, row.shift + block * LANES,
        row.activation, residual, y, y_block, pixels, row.width, gap, constants[TILE_PIXELS], constants[TILE_HALF],
    )  # fmt: skip
    if min(panel_blocks, row.out_blocks - block) == 2:
        strip_of_2(*arguments)
    else:
        strip_of_1(*arguments)


@_inlined
def _pointwise_chunk(row: Any, chunk: int, arena: Any, weights: Any, constants: Any) -> None:
    """A strip of pixels, one panel of output channels."""
    panels = (row.out_blocks + constants[TILE_BLOCKS] - 1) // constants[TILE_BLOCKS]
    all_pixels = row.out_height * row.out_width
    strips = (all_pixels + row.per_chunk - 1) // row.per_chunk
    if row.panel_major:
        panel, strip = chunk // strips, chunk % strips
    else:
        strip, panel = chunk // panels, chunk % panels
    first = strip * row.per_chunk
    pixels = min(row.per_chunk, all_pixels - first)
    y_block = all_pixels * LANES
    at = panel * constants[TILE_BLOCKS] * y_block + first * LANES
    residual = row.other + at if row.other >= 0 else -1
    _pointwise_panel(row, panel, first, pixels, arena, weights, constants, residual, row.y + at, y_block, ZERO)


@_inlined
def _depthwise_chunk(
    row: Any, expansion: Any, chunk: int, arena: Any, weights: Any, constants: Any, scratch: int
) -> None:
    """Some output rows of a panel of channels.

    The input goes through a line buffer that stays in the cache: it is copied there from the arena, or made there by
    the convolution before it, which then is nowhere else.
    """
    panel_blocks = constants[TILE_BLOCKS]
    strips = (row.out_height + row.per_chunk - 1) // row.per_chunk
    panel, strip = chunk // strips, chunk % strips
    first_block = panel * panel_blocks
    blocks = min(panel_blocks, row.out_blocks - first_block)
    oy, end = strip * row.per_chunk, min((strip + 1) * row.per_chunk, row.out_height)
    buffer_rows, pitch, width = row.buffer_rows, row.pitch, row.width
    buffer_block = buffer_rows * pitch * LANES
    for b in range(blocks):
        clear_margins(arena, scratch + b * buffer_block, buffer_rows, pitch, row.left, width, PIXEL)
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
                for i in range(count):
                    _convolution_panel(expansion, panel, filled + i, arena, weights, constants, scratch,
                                       target + i * pitch * LANES, buffer_block)  # fmt: skip
            elif row.expansion:
                _pointwise_panel(expansion, panel, filled * width, count * width, arena, weights, constants, NOWHERE,
                                 target, buffer_block, (pitch - width) * LANES)  # fmt: skip
            else:
                for b in range(blocks):
                    x = row.x + (first_block + b) * row.x_block
                    copy_rows(arena, x, width, filled, filled + count, scratch + b * buffer_block, buffer_rows, pitch,
                              row.left, PIXEL)  # fmt: skip
            filled += count
        ready = end if limit == needed else (limit + row.top - row.kernel) // row.stride + 1
        for b in range(blocks):
            _depthwise_rows(row, first_block + b, oy, ready, arena, weights, constants, scratch + b * buffer_block,
                            scratch + panel_blocks * buffer_block)  # fmt: skip
        oy = ready


@_inlined
def _depthwise_rows(
    row: Any, block: int, first: int, last: int, arena: Any, weights: Any, constants: Any, buffer: int, scratch: int
) -> None:
    """Output rows ``first`` … ``last`` - 1 of one block, from the line buffer, and their sums where they are wanted."""
    w, scale, shift = row.weights + block * LANES * row.kernel**2, row.scale + block * LANES, row.shift + block * LANES
    for oy in range(first, last):
        at = block * row.out_height + oy
        y, total = row.y + at * row.out_width * LANES, row.row_sums + at * LANES if row.row_sums >= 0 else -1
        arguments = (
            arena, buffer, row.buffer_rows, row.pitch, row.height, oy * row.stride - row.top, constants[ZEROS],
            weights, w, scale, shift, row.activation, y, total, row.out_width,
            constants[TILE_ROW], constants[TILE_SHORT_ROW], scratch,
        )  # fmt: skip
        if row.kernel == 3 and row.stride == 1:
            row_k3s1(*arguments)
        elif row.kernel == 3:
            row_k3s2(*arguments)
        elif row.stride == 1:
            row_k5s1(*arguments)
        else:
            row_k5s2(*arguments)


@_inlined
def _blocks_chunk(row: Any, chunk: int, arena: Any, weights: Any, scratch: int) -> None:
    """Some blocks of channels of an operation that works on each channel alone."""
    pixels = row.out_height * row.out_width
    first = chunk * row.per_chunk
    for block in range(first, min(first + row.per_chunk, row.out_blocks)):
        x, y = row.x + block * row.x_block, row.y + block * pixels * LANES
        if row.op == _MEAN:
            elementwise.mean(arena, x, row.height, row.width, row.count, y, scratch)
        elif row.op == _EXCITE:
            elementwise.excite(arena, x, row.other + block * LANES, y, pixels)
        elif row.op == _ADD:
            elementwise.add(arena, x, row.other + block * row.x_block, y, pixels)
        else:
            scale, shift = row.scale + block * LANES, row.shift + block * LANES
            elementwise.affine(arena, x, weights, scale, shift, row.activation, y, pixels)


def make_run_rows(sources: str) -> Any:
    """Make the interpreter: a function to be compiled, tied to a digest of the sources it is made from.

    ``run_rows(program, first, last, arena, weights, constants, counters)`` runs rows first … last - 1 together with
    whoever else calls it with the same ``counters``, i64[2 * rows + 1, STRIDE], zero at the start: chunks claimed and
    chunks done of each row, then the number of threads, from which each takes its own piece of scratch memory.
    """

    def run_rows(program: Any, first: int, last: int, arena: Any, weights: Any, constants: Any, counters: Any) -> None:
        _ = sources  # part of the key under which Numba caches the compiled code
        mode = set_default_mode()
        counters_flat = counters.reshape(counters.size)
        thread = atomic.fetch_add(counters_flat, 2 * len(program) * atomic.STRIDE, 1)
        scratch = constants[SCRATCH] + thread * constants[SCRATCH_SIZE]
        for i in range(first, last):
            row = program[i]
            claimed, done = 2 * i * atomic.STRIDE, (2 * i + 1) * atomic.STRIDE
            chunk = atomic.fetch_add(counters_flat, claimed, 1)
            computed = 0
            while chunk < row.chunks:
                if row.op == _POINTWISE:
                    _pointwise_chunk(row, chunk, arena, weights, constants)
                elif row.op == _DEPTHWISE:
                    _depthwise_chunk(row, program[i - row.expansion], chunk, arena, weights, constants, scratch)
                elif row.op == _CONVOLUTION:
                    _convolution_chunk(row, chunk, arena, weights, constants, scratch)
                elif row.op == _SOFTMAX:
                    softmax(arena, row.x, row.y, row.channels)
                else:
                    _blocks_chunk(row, chunk, arena, weights, scratch)
                computed += 1
                chunk = atomic.fetch_add(counters_flat, claimed, 1)
            if computed > 0:
                atomic.fetch_add(counters_flat, done, computed)
            atomic.wait_until(counters_flat, done, row.chunks)
        restore_mode(mode)

    return run_rows

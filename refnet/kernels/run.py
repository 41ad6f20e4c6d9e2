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
from refnet.kernels.machine import LANES
from refnet.kernels.patches import gather
from refnet.kernels.pointwise import strip_of_1, strip_of_2
from refnet.kernels.softmax import softmax

# Places in ``constants``: what holds for the whole program.
TILE_PIXELS, TILE_BLOCKS, TILE_ROW, ZEROS, SCRATCH, SCRATCH_SIZE = range(6)

_CONVOLUTION, _POINTWISE, _DEPTHWISE = rows.CONVOLUTION, rows.POINTWISE, rows.DEPTHWISE
_MEAN, _EXCITE, _ADD, _SOFTMAX = rows.MEAN, rows.EXCITE, rows.ADD, rows.SOFTMAX


@njit(nogil=True, error_model="numpy")
def _convolution_chunk(row: Any, chunk: int, arena: Any, weights: Any, constants: Any, scratch: int) -> None:
    """A strip of pixels, some panels of output channels: one of a pointwise convolution, all of a larger kernel."""
    M, panel_blocks = constants[TILE_PIXELS], constants[TILE_BLOCKS]
    panels = (row.out_blocks + panel_blocks - 1) // panel_blocks
    all_pixels = row.out_height * row.out_width
    if row.op == _CONVOLUTION:  # the chunk is an output row
        gather(
            arena, row.x, row.x_pixel, row.x_block, row.height, row.width, row.channels, row.kernel, row.stride,
            chunk * row.stride - row.top, -row.left, row.out_width, scratch,
        )  # fmt: skip
        first_panel, last_panel, strip = 0, panels, chunk
        x, x_block = scratch, row.out_width * LANES
    else:
        strips = (all_pixels + row.per_chunk - 1) // row.per_chunk
        if row.panel_major:
            first_panel, strip = chunk // strips, chunk % strips
        else:
            strip, first_panel = chunk // panels, chunk % panels
        last_panel = first_panel + 1
        x, x_block = row.x + strip * row.per_chunk * LANES, row.x_block
    taps = row.kernel * row.kernel * row.channels
    pixels = min(row.per_chunk, all_pixels - strip * row.per_chunk)
    y_block = all_pixels * LANES
    for panel in range(first_panel, last_panel):
        block = panel * panel_blocks
        at = block * y_block + strip * row.per_chunk * LANES
        residual = row.other + at if row.other >= 0 else -1
        w, scale, shift = row.weights + block * LANES * taps, row.scale + block * LANES, row.shift + block * LANES
        arguments = (
            arena, x, x_block, taps, weights, w, scale, shift, row.activation, residual, row.y + at, y_block, pixels, M,
        )  # fmt: skip
        if min(panel_blocks, row.out_blocks - block) == 2:
            strip_of_2(*arguments)
        else:
            strip_of_1(*arguments)


@njit(nogil=True, error_model="numpy")
def _depthwise_chunk(row: Any, chunk: int, arena: Any, weights: Any, constants: Any, scratch: int) -> None:
    """Some output rows of one block of channels."""
    strips = (row.out_height + row.per_chunk - 1) // row.per_chunk
    block, strip = chunk // strips, chunk % strips
    first = strip * row.per_chunk
    x = row.x + block * row.x_block
    w = row.weights + block * LANES * row.kernel * row.kernel
    scale, shift = row.scale + block * LANES, row.shift + block * LANES
    for oy in range(first, min(first + row.per_chunk, row.out_height)):
        top = oy * row.stride - row.top
        y = row.y + (block * row.out_height + oy) * row.out_width * LANES
        arguments = (
            arena, x, row.height, row.width, top, -row.left, constants[ZEROS], weights, w, scale, shift, row.activation,
            y, row.out_width, constants[TILE_ROW], scratch,
        )  # fmt: skip
        if row.kernel == 3 and row.stride == 1:
            row_k3s1(*arguments)
        elif row.kernel == 3:
            row_k3s2(*arguments)
        elif row.stride == 1:
            row_k5s1(*arguments)
        else:
            row_k5s2(*arguments)


@njit(nogil=True, error_model="numpy")
def _blocks_chunk(row: Any, chunk: int, arena: Any, weights: Any, scratch: int) -> None:
    """Some blocks of channels of an operation that works on each channel alone."""
    pixels = row.out_height * row.out_width
    first = chunk * row.per_chunk
    for block in range(first, min(first + row.per_chunk, row.out_blocks)):
        x, y = row.x + block * row.x_block, row.y + block * pixels * LANES
        if row.op == _MEAN:
            elementwise.mean(arena, x, row.height, row.width, y, scratch)
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
            while chunk < row.chunks:
                if row.op in (_POINTWISE, _CONVOLUTION):
                    _convolution_chunk(row, chunk, arena, weights, constants, scratch)
                elif row.op == _DEPTHWISE:
                    _depthwise_chunk(row, chunk, arena, weights, constants, scratch)
                elif row.op == _SOFTMAX:
                    softmax(arena, row.x, row.y, row.channels)
                else:
                    _blocks_chunk(row, chunk, arena, weights, scratch)
                atomic.fetch_add(counters_flat, done, 1)
                chunk = atomic.fetch_add(counters_flat, claimed, 1)
            atomic.wait_until(counters_flat, done, row.chunks)
        restore_mode(mode)

    return run_rows

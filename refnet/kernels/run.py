"""The interpreter: walks a program's rows; threads share the work of each row chunk by chunk.

Every thread runs the same function over the same program. For each row it claims chunks from a shared counter until
there are none left, then waits until all are done. A thread that comes late finds the chunks taken and catches up; one
that never comes is not missed. Which thread computes a chunk changes no bit.
"""

from __future__ import annotations

from typing import Any

from numba import njit

from refnet.kernels import atomic, elementwise, rows
from refnet.kernels.depthwise import depthwise_row
from refnet.kernels.machine import LANES
from refnet.kernels.patches import gather
from refnet.kernels.pointwise import pointwise
from refnet.kernels.softmax import softmax

# Columns of the ``shape`` array: what holds for the whole program.
TILE_PIXELS, TILE_BLOCKS, TILE_ROW, ZEROS, SCRATCH, SCRATCH_SIZE = range(6)

_CONVOLUTION, _POINTWISE, _DEPTHWISE = rows.CONVOLUTION, rows.POINTWISE, rows.DEPTHWISE
_MEAN, _EXCITE, _ADD, _SOFTMAX = rows.MEAN, rows.EXCITE, rows.ADD, rows.SOFTMAX


@njit(nogil=True, error_model="numpy")
def _pointwise_chunk(row: Any, chunk: int, arena: Any, weights: Any, shape: Any) -> None:
    """One panel of output blocks on one strip of pixels."""
    panel_blocks = shape[TILE_BLOCKS]
    panels = (row.out_blocks + panel_blocks - 1) // panel_blocks
    pixels = row.out_height * row.out_width
    strips = (pixels + row.per_chunk - 1) // row.per_chunk
    if row.panel_major:
        panel, strip = chunk // strips, chunk % strips
    else:
        strip, panel = chunk // panels, chunk % panels
    p = strip * row.per_chunk
    _panel(row, panel, row.x + p * LANES, row.x_block, row.channels, p, min(row.per_chunk, pixels - p), arena, weights,
           shape)  # fmt: skip


@njit(nogil=True, error_model="numpy")
def _panel(
    row: Any,
    panel: int,
    x: int,
    x_block: int,
    taps: int,
    p: int,
    pixels: int,
    arena: Any,
    weights: Any,
    shape: Any,
) -> None:
    block = panel * shape[TILE_BLOCKS]
    y_block = row.out_height * row.out_width * LANES
    at = block * y_block + p * LANES
    pointwise(
        arena, x, x_block, taps, weights, row.weights + block * LANES * taps,
        row.scale + block * LANES, row.shift + block * LANES, row.activation,
        row.other + at if row.other >= 0 else -1, row.y + at, y_block,
        pixels, shape[TILE_PIXELS], min(shape[TILE_BLOCKS], row.out_blocks - block),
    )  # fmt: skip


@njit(nogil=True, error_model="numpy")
def _convolution_chunk(row: Any, chunk: int, arena: Any, weights: Any, shape: Any, scratch: int) -> None:
    """One output row, all output channels, through its patches."""
    gather(
        arena, row.x, row.x_pixel, row.x_block, row.height, row.width, row.channels, row.kernel, row.stride,
        chunk * row.stride - row.top, -row.left, row.out_width, scratch,
    )  # fmt: skip
    taps = row.kernel * row.kernel * row.channels
    panels = (row.out_blocks + shape[TILE_BLOCKS] - 1) // shape[TILE_BLOCKS]
    for panel in range(panels):
        _panel(row, panel, scratch, row.out_width * LANES, taps, chunk * row.out_width, row.out_width, arena, weights,
               shape)  # fmt: skip


@njit(nogil=True, error_model="numpy")
def _depthwise_chunk(row: Any, chunk: int, arena: Any, weights: Any, shape: Any, scratch: int) -> None:
    """Some output rows of one block of channels."""
    strips = (row.out_height + row.per_chunk - 1) // row.per_chunk
    block, strip = chunk // strips, chunk % strips
    first = strip * row.per_chunk
    for oy in range(first, min(first + row.per_chunk, row.out_height)):
        depthwise_row(
            row.kernel, row.stride, arena, row.x + block * row.x_block, row.height, row.width,
            oy * row.stride - row.top, -row.left, shape[ZEROS], weights,
            row.weights + block * LANES * row.kernel * row.kernel, row.scale + block * LANES,
            row.shift + block * LANES, row.activation,
            row.y + (block * row.out_height + oy) * row.out_width * LANES, row.out_width, shape[TILE_ROW], scratch,
        )  # fmt: skip


@njit(nogil=True, error_model="numpy")
def _one_block(row: Any, block: int, arena: Any, weights: Any, scratch: int) -> None:
    """One block of channels of an operation that works on each channel alone."""
    pixels = row.out_height * row.out_width
    x, y = row.x + block * row.x_block, row.y + block * pixels * LANES
    if row.op == _MEAN:
        elementwise.mean(arena, x, row.height, row.width, y, scratch)
    elif row.op == _EXCITE:
        elementwise.excite(arena, x, row.other + block * LANES, y, pixels)
    elif row.op == _ADD:
        elementwise.add(arena, x, row.other + block * row.x_block, y, pixels)
    else:
        elementwise.affine(arena, x, weights, row.scale + block * LANES, row.shift + block * LANES, row.activation, y,
                           pixels)  # fmt: skip


def make_run_rows(sources: str) -> Any:
    """Make the interpreter: a function to be compiled, tied to a digest of the sources it is made from.

    ``run_rows(program, first, last, arena, weights, shape, counters)`` runs rows first … last - 1 together with
    whoever else calls it with the same ``counters``, i64[2 * rows + 1, STRIDE], zero at the start: chunks claimed and
    chunks done of each row, then the number of threads, from which each takes its own piece of scratch memory.
    """

    def run_rows(program: Any, first: int, last: int, arena: Any, weights: Any, shape: Any, counters: Any) -> None:
        _ = sources  # part of the key under which Numba caches the compiled code
        counters_flat = counters.reshape(counters.size)
        thread = atomic.fetch_add(counters_flat, 2 * len(program) * atomic.STRIDE, 1)
        scratch = shape[SCRATCH] + thread * shape[SCRATCH_SIZE]
        for i in range(first, last):
            row = program[i]
            claimed, done = 2 * i * atomic.STRIDE, (2 * i + 1) * atomic.STRIDE
            chunk = atomic.fetch_add(counters_flat, claimed, 1)
            while chunk < row.chunks:
                if row.op == _POINTWISE:
                    _pointwise_chunk(row, chunk, arena, weights, shape)
                elif row.op == _CONVOLUTION:
                    _convolution_chunk(row, chunk, arena, weights, shape, scratch)
                elif row.op == _DEPTHWISE:
                    _depthwise_chunk(row, chunk, arena, weights, shape, scratch)
                elif row.op == _SOFTMAX:
                    softmax(arena, row.x, row.y, row.channels)
                else:
                    first_block = chunk * row.per_chunk
                    for block in range(first_block, min(first_block + row.per_chunk, row.out_blocks)):
                        _one_block(row, block, arena, weights, scratch)
                atomic.fetch_add(counters_flat, done, 1)
                chunk = atomic.fetch_add(counters_flat, claimed, 1)
            atomic.wait_until(counters_flat, done, row.chunks)

    return run_rows

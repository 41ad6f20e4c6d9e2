"""Rows of a network's input: a part of a picture, resized and normalised, as ``preprocessing`` defines it.

One function does it for every resize, so that there is one piece of compiled code to keep. It takes flat arrays and
numbers, allocates nothing and raises nothing. What an output reads, and its weights, come in tables, which the
definition's own functions make. Rows do not depend on each other: threads may share them.
"""

from __future__ import annotations

from typing import Any

import numba
import numpy as np
from numba import types

from refnet.kernels.emit import SIZE_UNKNOWN, array_at, compiled
from refnet.kernels.float_mode import restore_mode, set_default_mode
from refnet.kernels.picture_kinds import (
    BLUE_OF_BLUE,
    CUBIC,
    DIVIDE,
    GREEN_OF_BLUE,
    GREEN_OF_RED,
    LEVELS,
    LINES,
    MIXED,
    NEAREST,
    PIXEL_LANES,
    RED_OF_RED,
    SUBTRACT,
    WEIGHED,
    WIDE,
    cubic_layout,
    linear_layout,
    weighed_layout,
)
from refnet.kernels.pixel_lanes import as_floats, behind, blend_along, lerp_along, weigh_along, weigh_down

_float = np.float32
_weighed_layout, _cubic_layout, _linear_layout = map(compiled, (weighed_layout, cubic_layout, linear_layout))


@compiled
def _copy_line(source: Any, pixel: int, pixels: int, line: Any) -> None:
    """Bring pixels of three or four bytes into a line of four."""
    if pixel == PIXEL_LANES:
        for i in range(pixels * PIXEL_LANES - 1):
            line[i] = source[i]
    else:
        for i in range(pixels):
            for c in range(3):
                line[PIXEL_LANES * i + c] = source[3 * i + c]


@compiled
def _look_up(levels: Any, line: Any, width: int, row: Any) -> None:
    """Normalise whole numbers: each channel has a table of its 256 levels."""
    for x in range(width):
        for c in range(3):
            row[3 * x + c] = levels[LEVELS * c + line[3 * x + c]]


@compiled
def _nearest_row(source: Any, pixel: int, columns: Any, levels: Any, row: Any) -> None:
    red, green, blue = levels, behind(levels, LEVELS), behind(levels, 2 * LEVELS)
    for x in range(len(columns)):
        at = np.uint64(columns[x] * pixel)
        row[3 * x] = red[source[at]]
        row[3 * x + 1] = green[source[at + np.uint64(1)]]
        row[3 * x + 2] = blue[source[at + np.uint64(2)]]


@compiled
def _mixed_row(source: Any, pixel: int, width: int, row: Any) -> None:
    half = 1 << 15
    for x in range(width):
        y, cb, cr = int(source[pixel * x]), int(source[pixel * x + 1]) - 128, int(source[pixel * x + 2]) - 128
        red = y + ((RED_OF_RED * cr + half) >> 16)
        green = y + ((half - GREEN_OF_BLUE * cb - GREEN_OF_RED * cr) >> 16)
        blue = y + ((BLUE_OF_BLUE * cb + half) >> 16)
        row[3 * x] = min(max(red, 0), 255)
        row[3 * x + 1] = min(max(green, 0), 255)
        row[3 * x + 2] = min(max(blue, 0), 255)


@compiled
def _weighed_rows(source: Any, pitch: int, pixel: int, columns: Any, across: Any, rows: Any, down: Any, levels: Any,
                  scratch: Any, out: Any, start: int, stop: int) -> None:  # fmt: skip
    """Pillow's filters: lines of the picture become shorter and wait in a ring until no row below reads them."""
    width = len(columns) // 2
    wide, tall = len(across) // width, len(down) * 2 // len(rows)
    low = columns[0]
    read = columns[2 * width - 2] + columns[2 * width - 1] - low
    size, ring, line_pitch, finished, _ = _weighed_layout(read, width, wide, tall)
    ring_size = finished - ring
    end = rows[2 * stop - 2] + rows[2 * stop - 1]
    ready = 0
    for y in range(start, stop):
        first, count = rows[2 * y], rows[2 * y + 1]
        ready = max(ready, first // LINES * LINES)
        while ready < first + count:
            for line in range(min(LINES, end - ready)):
                _copy_line(
                    behind(source, (ready + line) * pitch + low * pixel), pixel, read, behind(scratch, line * size)
                )
            at = ring + ready * line_pitch % ring_size
            for x in range(width):
                begin = (columns[2 * x] - low) * PIXEL_LANES
                weigh_along(scratch, begin, size, across, x * wide, wide // 2, at + 3 * x, line_pitch)
            ready += LINES
        for j in range(0, 3 * width, WIDE):
            oldest = first * line_pitch % ring_size
            weigh_down(scratch, ring + j, oldest, ring_size, line_pitch, down, y * tall, count, finished + j)
        _look_up(levels, behind(scratch, finished), width, behind(out, y * 3 * width))


@compiled
def _cubic_rows(source: Any, pitch: int, pixel: int, columns: Any, across: Any, rows: Any, down: Any, codes: Any,
                numbers: Any, scratch: Any, out: Any, start: int, stop: int) -> None:  # fmt: skip
    """TensorFlow 1: four lines of the picture become one, and four of its pixels one of the row."""
    width, low = len(columns) // 4, columns[0]
    read = columns[4 * width - 1] - low + 1
    row, _ = _cubic_layout(read, width)
    for y in range(start, stop):
        i, begin = 4 * y, low * pixel
        x0, x1 = behind(source, rows[i] * pitch + begin), behind(source, rows[i + 1] * pitch + begin)
        x2, x3 = behind(source, rows[i + 2] * pitch + begin), behind(source, rows[i + 3] * pitch + begin)
        w0, w1, w2, w3 = down[i], down[i + 1], down[i + 2], down[i + 3]
        for j in range((read - 1) * pixel + 3):
            scratch[j] = ((_float(x0[j]) * w0 + _float(x1[j]) * w1) + _float(x2[j]) * w2) + _float(x3[j]) * w3
        for x in range(width):
            k = 4 * x
            at = (
                (columns[k] - low) * pixel,
                (columns[k + 1] - low) * pixel,
                (columns[k + 2] - low) * pixel,
                (columns[k + 3] - low) * pixel,
            )
            blend_along(scratch, at, across, k, row + 3 * x)
        _normalise(behind(scratch, row), 3 * width, codes, numbers, behind(out, y * 3 * width))


@compiled
def _linear_rows(source: Any, pitch: int, pixel: int, columns: Any, across: Any, rows: Any, down: Any, codes: Any,
                 numbers: Any, scratch: Any, out: Any, width: int, start: int, stop: int) -> None:  # fmt: skip
    """TensorFlow 1: each output lies between two pixels of one line and two of the next; lines first, two are kept."""
    low = columns[0]
    read = columns[2 * width - 1] - low + 1
    size, picture_line, _ = _linear_layout(read, width)
    levels = behind(scratch, picture_line)
    even, odd = -1, -1  # the lines that are kept, by their numbers: two that follow each other have a place each
    for i in range(2 * start, 2 * stop):
        place = rows[i]
        line = as_floats(behind(scratch, place % 2 * size))
        if place != (odd if place % 2 else even):
            _copy_line(behind(source, place * pitch + low * pixel), pixel, read, levels)
            for x in range(width):
                left, right = (columns[2 * x] - low) * PIXEL_LANES, (columns[2 * x + 1] - low) * PIXEL_LANES
                lerp_along(levels, left, right, across, x, line, 3 * x)
        if place % 2:
            odd = place
        else:
            even = place
        if i % 2:
            row, upper = behind(out, i // 2 * 3 * width), as_floats(behind(scratch, rows[i - 1] % 2 * size))
            for j in range(3 * width):
                row[j] = upper[j] + (line[j] - upper[j]) * down[i // 2]
            _normalise(row, 3 * width, codes, numbers, row)


@compiled
def _normalise(line: Any, count: int, codes: Any, numbers: Any, row: Any) -> None:
    """Apply one operation after the other, each rounded; ``numbers`` has one for each output of each operation."""
    for j in range(count):
        row[j] = line[j]
    for i in range(len(codes)):
        operand = behind(numbers, i * count)
        if codes[i] == SUBTRACT:
            for j in range(count):
                row[j] = row[j] - operand[j]
        elif codes[i] == DIVIDE:
            for j in range(count):
                row[j] = row[j] / operand[j]
        else:
            for j in range(count):
                row[j] = row[j] * operand[j]


def make(dtype: np.dtype[Any]) -> tuple[Any, Any]:
    """Make the function to be compiled, and its signature; rows are of float32.

    ``prepare_rows`` makes rows start … stop - 1 of ``out``, f32[height * width * 3]. The picture is ``source``, u8,
    whose rows lie ``pitch`` bytes apart and whose pixels ``pixel``, 3 or 4. ``columns`` and ``rows``, i64, say what
    each output reads, by kind:

    - ``NEAREST``: one pixel;
    - ``WEIGHED``: the first of a run, and how many; weights i32, as many for each, across an even number;
    - ``CUBIC``: four pixels; weights f32, as i32;
    - ``LINEAR``: two pixels; the way from the first to the second, f32, as i32.

    The first two give whole numbers, and ``levels``, f32[3 * 256], what these become; the others are normalised by
    ``codes`` and ``numbers``. ``MIXED`` reads neither: it makes rows of red, green and blue, u8, in ``scratch``.
    Arrays are addresses, of the first five tables followed by how many elements there are.
    """

    def prepare_rows(
        kind: int, source_at: Any, pitch: int, pixel: int, columns_at: Any, columns_size: int, across_at: Any,
        across_size: int, rows_at: Any, rows_size: int, down_at: Any, down_size: int, codes_at: Any, codes_size: int,
        numbers_at: Any, levels_at: Any, scratch_at: Any, out_at: Any, width: int, start: int, stop: int,
    ) -> None:  # fmt: skip
        source, out = array_at(source_at, SIZE_UNKNOWN), array_at(out_at, SIZE_UNKNOWN)
        columns, across = array_at(columns_at, columns_size), array_at(across_at, across_size)
        rows, down = array_at(rows_at, rows_size), array_at(down_at, down_size)
        codes, numbers = array_at(codes_at, codes_size), array_at(numbers_at, SIZE_UNKNOWN)
        levels, scratch = array_at(levels_at, SIZE_UNKNOWN), array_at(scratch_at, SIZE_UNKNOWN)
        mode = set_default_mode()
        if kind == NEAREST:
            for y in range(start, stop):
                _nearest_row(behind(source, rows[y] * pitch), pixel, columns, levels, behind(out, y * 3 * width))
        elif kind == WEIGHED:
            _weighed_rows(source, pitch, pixel, columns, across, rows, down, levels, scratch, out, start, stop)
        elif kind == MIXED:
            for y in range(start, stop):
                _mixed_row(behind(source, y * pitch), pixel, width, behind(scratch, y * 3 * width))
        elif kind == CUBIC:
            _cubic_rows(source, pitch, pixel, columns, as_floats(across), rows, as_floats(down), codes, numbers,
                        as_floats(scratch), out, start, stop)  # fmt: skip
        else:
            _linear_rows(source, pitch, pixel, columns, as_floats(across), rows, as_floats(down), codes, numbers,
                         scratch, out, width, start, stop)  # fmt: skip
        restore_mode(mode)

    byte, int32, int64 = (types.CPointer(kind) for kind in (types.uint8, types.int32, types.int64))
    number, size = types.CPointer(numba.from_dtype(dtype)), types.int64
    picture = (size, byte, size, size)
    tables = (int64, size, int32, size, int64, size, int32, size, int64, size)
    return prepare_rows, types.void(*picture, *tables, number, number, byte, number, size, size, size)

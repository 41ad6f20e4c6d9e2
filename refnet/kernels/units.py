"""The compiled functions as Python calls them, with arrays: what runs programs, and what prepares pictures."""

from __future__ import annotations

from collections.abc import Callable
from ctypes import c_int64, c_void_p
from functools import cache
from typing import Any

import numpy as np

from refnet.arrays import Array
from refnet.kernels.compilation import Unit, function_of
from refnet.kernels.rows import Constants

RunRows = Callable[[Array, int, int, Array, Array, Constants, Array], None]

_RUN = (c_void_p, c_int64, c_int64, c_int64, c_void_p, c_void_p, c_void_p, c_void_p)
_TABLE = (c_void_p, c_int64)
_PICTURE = (c_int64, c_void_p, c_int64, c_int64, *_TABLE * 5, *[c_void_p] * 4, c_int64, c_int64, c_int64)

PICTURES = Unit("refnet.kernels.picture_rows", "float32", _PICTURE, "kernels that prepare pictures", 3)


@cache
def run_unit(dtype: np.dtype[Any]) -> Unit:
    """What runs programs on float32 or float64 arrays."""
    return Unit("refnet.kernels.run", dtype.name, _RUN, f"{dtype.name} kernels", 10)


def interpreter(dtype: np.dtype[Any]) -> RunRows:
    """Return ``run_rows(program, first, last, arena, weights, constants, counters)``, compiled for a dtype."""
    function = function_of(run_unit(dtype))

    def run_rows(
        program: Array, first: int, last: int, arena: Array, weights: Array, constants: Constants, counters: Array
    ) -> None:
        flat = flat_constants(constants)
        arrays = (array.ctypes.data for array in (arena, weights, flat, counters))
        function(program.ctypes.data, len(program), first, last, *arrays)

    return run_rows


def flat_constants(constants: Constants) -> Array:
    """Return the constants as compiled code wants them: i64[8], the tiles first."""
    return np.array([*constants.tiles, *constants[1:]], np.int64)


def prepare_rows(
    kind: int,
    source: Array,
    pitch: int,
    pixel: int,
    tables: tuple[Array, ...],
    applied: tuple[Array, Array],
    out: Array,
    width: int,
    scratch_size: int,
) -> Callable[[int, int], None]:
    """Return what makes rows start … stop - 1 of ``out``; ``picture_rows`` says what the arguments are.

    ``tables`` are its columns, weights across, rows, weights down and codes, ``applied`` its numbers and levels.
    """
    function = function_of(PICTURES)
    arrays = (source, *tables, *applied, out)  # somebody must keep them
    at = [array.ctypes.data for array in arrays]
    of_tables = [part for address, table in zip(at[1:6], tables, strict=True) for part in (address, table.size)]
    first = (kind, at[0], pitch, pixel, *of_tables, at[6], at[7])

    def rows(start: int, stop: int) -> None:
        scratch = np.empty(scratch_size, np.uint8)
        function(*first, scratch.ctypes.data, arrays[-1].ctypes.data, width, start, stop)

    return rows

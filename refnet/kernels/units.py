"""The compiled functions as Python calls them, with arrays: what runs programs, and what prepares pictures."""

from __future__ import annotations

from collections.abc import Callable
from ctypes import c_int64, c_void_p
from functools import cache
from typing import Any

import numpy as np

from refnet.arrays import Array
from refnet.kernels.compilation import Unit, function_of
from refnet.kernels.object_code import Function
from refnet.kernels.rows import Constants

# program, first, last, arena, weights, constants, counters
RunRows = Callable[[Array, int, int, Array, Array, Constants, Array], Callable[[], None]]

_RUN = (c_void_p, c_int64, c_int64, c_int64, c_void_p, c_void_p, c_void_p, c_void_p)
_TABLE = (c_void_p, c_int64)
_PICTURE = (c_int64, c_void_p, c_int64, c_int64, *_TABLE * 5, *[c_void_p] * 4, c_int64, c_int64, c_int64)

PICTURES = Unit(
    "refnet.kernels.picture_rows",
    "refnet.preprocessing.self_test",
    "float32",
    _PICTURE,
    "kernels that prepare pictures",
    3,
)


@cache
def run_unit(dtype: np.dtype[Any]) -> Unit:
    """What runs programs on float32 or float64 arrays."""
    return Unit("refnet.kernels.run", "refnet.engine.self_test", dtype.name, _RUN, f"{dtype.name} kernels", 10)


INTEGERS = Unit("refnet.kernels.integers.run", "refnet.engine.integers.self_test", "int8", _RUN, "int8 kernels", 10)


@cache
def interpreter(dtype: np.dtype[Any]) -> RunRows:
    """Return the interpreter for a dtype."""
    return interpreter_of(function_of(run_unit(dtype)))


@cache
def integer_interpreter(dtype: np.dtype[Any]) -> RunRows:
    """Return the interpreter of integer programs, whose codes are of int8."""
    assert dtype == np.int8
    return interpreter_of(function_of(INTEGERS))


def interpreter_of(function: Function) -> RunRows:
    """Return what takes the arguments of ``run_rows``, and gives what a thread calls.

    So each thread has only the call itself left to do; ``run`` says what the arguments are.
    """

    def run_rows(
        program: Array, first: int, last: int, arena: Array, weights: Array, constants: Constants, counters: Array
    ) -> Callable[[], None]:
        arrays = (program, arena, weights, flat_constants(constants), counters)
        program_at, *others = (array.ctypes.data for array in arrays)
        arguments = (program_at, len(program), first, last, *others)

        def run(keep: tuple[Array, ...] = arrays) -> None:
            function(*arguments)

        return run

    return run_rows


def flat_constants(constants: Constants) -> Array:
    """Return the constants as compiled code wants them: i64[11], the tiles first."""
    return np.array([*constants.tiles, *constants[1:]], np.int64)


def picture_preparer() -> Function:
    """Return ``prepare_rows``, which takes numbers and addresses; ``picture_rows`` says which."""
    return function_of(PICTURES)

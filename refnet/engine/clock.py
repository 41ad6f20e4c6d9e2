"""The clock: how long each row of a program takes, as it runs inside a whole call.

A clock between two rows of the compiled interpreter costs less than calling it row by row from Python would. All that
this module knows of the engine's insides is in ``RowClock`` and ``_clocked``.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from functools import cache
from typing import Any

import numba
import numpy as np
from numba import types

from refnet.architecture import names
from refnet.architecture.plan import Plan
from refnet.arrays import Array
from refnet.compiler_lock import COMPILER_LOCK
from refnet.engine.runner import Runner
from refnet.errors import RefnetError
from refnet.kernels.compilation import function_of
from refnet.kernels.rows import COUNTER_STRIDE, Constants
from refnet.kernels.units import INTEGERS, RunRows, flat_constants, run_unit


class RowClock:
    """An interpreter that reads the clock after each row that ends a step of a plan.

    ``steps`` are what is timed: names of the steps that the rows compute, in order; several where they are fused. Every
    step up to the plan's output is there once.

    Examples
    --------
    >>> import refnet
    >>> from refnet.weights import synthetic
    >>> net, x = refnet.load("lite0"), synthetic.picture_tensor(224, 224)
    >>> clock = RowClock(net._engine, net.plan)
    >>> seconds = clock.time(lambda: net._run_by(clock.interpreter).logits(x))
    >>> clock.steps[-3:], len(seconds) == len(clock.steps) + 1
    ([('head',), ('pool',), ('logits',)], True)
    """

    def __init__(self, engine: Runner, plan: Plan) -> None:
        program = engine._program((plan.height, plan.width), frozenset([plan.output]), frozenset([names.INPUT]))
        self._loop = _clocked(engine.dtype)
        self.steps, ends = _steps_by_row(plan, {name: tensor.row for name, tensor in program.tensors.items()})
        self._bounds = np.array([0, *ends], np.int64)
        self._stamps: list[Array] = []  # of each thread: seconds and nanoseconds before the first row and after each

    def interpreter(self, dtype: np.dtype[Any]) -> RunRows:
        """Take the place of the engine's interpreter."""
        return self._run_rows

    def time(self, call: Callable[[], object]) -> Array:
        """Seconds of each row in a call by this interpreter, then those of the call beyond the rows.

        A row lasts from the end of the one before until the first thread sees that all of it is done.
        """
        self._stamps.clear()
        begin = _now()
        call()
        whole = _now() - begin
        stamps = np.array(self._stamps)
        ends = (stamps[:, :, 0] * 10**9 + stamps[:, :, 1]).min(axis=0)
        rows = np.diff(ends) / 1e9
        return np.array([*rows, whole - rows.sum()])

    def _run_rows(
        self, program: Array, first: int, last: int, arena: Array, weights: Array, constants: Constants, counters: Array
    ) -> Callable[[], None]:
        """As ``RunRows``: each timed piece of the program is one of its own, with counters of its own."""
        bounds, longest = self._bounds, int(np.diff(self._bounds).max())
        assert (first, last) == (bounds[0], bounds[-1])
        counters = np.zeros((len(bounds) - 1, 2 * longest + 1, COUNTER_STRIDE), np.int64)
        arrays = (program, arena, weights, flat_constants(constants), counters)

        def run() -> None:
            mine = np.zeros((len(bounds), 2), np.int64)
            addresses = (array.ctypes.data for array in arrays)
            self._loop(bounds, mine, program.itemsize, counters[0].nbytes, *addresses)
            self._stamps.append(mine)

        return run


def _now() -> float:
    """Seconds by the clock that the rows are timed by."""
    return time.clock_gettime(time.CLOCK_MONOTONIC)


def _steps_by_row(plan: Plan, rows: dict[str, int]) -> tuple[list[tuple[str, ...]], list[int]]:
    """Names of the steps for each piece of the program, and the row behind it.

    A step whose tensor the program does not make is fused into the next one that it does; rows that make no step's
    tensor count towards the next step.
    """
    steps: list[tuple[str, ...]] = []
    ends: list[int] = []
    fused: list[str] = []
    for step in plan:
        fused.append(step.name)
        if step.name not in rows:
            continue
        if ends and rows[step.name] < ends[-1]:
            steps[-1] += tuple(fused)
        else:
            steps.append(tuple(fused))
            ends.append(rows[step.name] + 1)
        fused = []
        if step.name == plan.output:
            break
    return steps, ends


# clock_gettime(clock, address of seconds and nanoseconds), from the C library
_clock_gettime = types.ExternalFunction("clock_gettime", types.int32(types.int32, types.uintp))


@cache
def _clocked(dtype: np.dtype[Any]) -> Any:
    """Compile the loop that runs one piece of a program after the other, and reads the clock after each.

    The interpreter comes as a function pointer: named in the loop, it would be compiled once more with it.
    """
    clock = getattr(time, "CLOCK_MONOTONIC", None)
    if clock is None:
        raise RefnetError("the steps cannot be timed on this system, which has no clock_gettime; time whole calls")

    run_rows = function_of(INTEGERS if dtype == np.int8 else run_unit(dtype)).call

    def loop(
        bounds: Any,
        stamps: Any,
        row_size: int,
        counters_size: int,
        rows: int,
        arena: int,
        weights: int,
        constants: int,
        counters: int,
    ) -> None:
        unused = np.zeros(2, np.uintp)  # a result and an error, which there never are
        _clock_gettime(clock, stamps[0].ctypes.data)
        for k in range(len(bounds) - 1):
            first, count = bounds[k], bounds[k + 1] - bounds[k]
            run_rows(
                unused.ctypes.data,
                unused[1:].ctypes.data,
                rows + first * row_size,
                count,
                0,
                count,
                arena,
                weights,
                constants,
                counters + k * counters_size,
            )
            _clock_gettime(clock, stamps[k + 1].ctypes.data)

    integers = [types.Array(types.int64, n, "C") for n in (1, 2)]
    with COMPILER_LOCK:
        return numba.njit(types.void(*integers, *[types.int64] * 7), nogil=True)(loop)

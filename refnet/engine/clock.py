"""The clock: how long each row of a program takes, as it runs inside a whole pass.

A clock between two rows of the compiled interpreter costs less than calling it row by row from Python would. All that
this module knows of the engine's insides is in ``_Pass`` and ``_clocked``.
"""

from __future__ import annotations

import time
from dataclasses import dataclass
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
from refnet.kernels.rows import COUNTER_STRIDE
from refnet.kernels.units import INTEGERS, flat_constants, run_unit


@dataclass(frozen=True)
class RowTime:
    """What one row of a program took."""

    steps: tuple[str, ...]  # that it computes, in order; several where they are fused
    seconds: float  # the median over the passes


def time_rows(engine: Runner, plan: Plan, x: Array, passes: int) -> list[RowTime]:
    """Time the rows from the first step to the plan's output, in ``passes`` whole passes over one picture.

    A row lasts from the end of the one before until the first thread sees that all of it is done. Every step of the
    plan, which is the one for the size of ``x`` [H, W, C], is in exactly one row, in execution order.

    Examples
    --------
    >>> import refnet
    >>> from refnet.weights import synthetic
    >>> net = refnet.load("lite0")
    >>> rows = time_rows(net._engine, net.plan, synthetic.picture_tensor(224, 224)[0], passes=3)
    >>> [row.steps for row in rows][-3:]
    [('head',), ('pool',), ('logits',)]
    """
    pass_ = _Pass(engine, plan, x)
    times = np.median([pass_.run() for _ in range(passes)], axis=0)
    return [RowTime(steps, float(seconds)) for steps, seconds in zip(pass_.steps, times, strict=True)]


class _Pass:
    """One network on one picture, to be run again and again."""

    def __init__(self, engine: Runner, plan: Plan, x: Array) -> None:
        self._x = x.astype(engine.dtype)
        self._team = engine._team
        self._program = engine._program((plan.height, plan.width), frozenset([plan.output]), frozenset([names.INPUT]))
        self._arena = self._program.make_arena(engine._team.threads)
        self._weights = engine._flat
        self._clocked = _clocked(engine.dtype)
        self.steps, ends = _steps_by_row(plan, {name: tensor.row for name, tensor in self._program.tensors.items()})
        self._bounds = np.array([0, *ends], np.int64)

    def run(self) -> Array:
        """Run once; the seconds of each row."""
        program, bounds, constants = self._program, self._bounds, flat_constants(self._program.constants)
        longest = int(np.diff(bounds).max())
        counters = np.zeros((len(bounds) - 1, 2 * longest + 1, COUNTER_STRIDE), np.int64)
        stamps: list[Array] = []

        def work() -> None:
            mine = np.zeros((len(bounds), 2), np.int64)
            arrays = (array.ctypes.data for array in (program.rows, self._arena, self._weights, constants, counters))
            self._clocked(bounds, mine, program.rows.itemsize, counters[0].nbytes, *arrays)
            stamps.append(mine)

        program.put(self._arena, names.INPUT, self._x)
        self._team.run(work)
        seen = np.array(stamps)
        ends = (seen[:, :, 0] * 10**9 + seen[:, :, 1]).min(axis=0)
        seconds: Array = np.diff(ends) / 1e9
        return seconds


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

"""The peak: how many multiply-adds the CPU can do in a second, on so many threads at once."""

from __future__ import annotations

import threading
import time
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numba
import numpy as np
import numpy.typing as npt

from refnet.checks import float_dtype, thread_count
from refnet.compiler_lock import COMPILER_LOCK
from refnet.errors import RefnetError
from refnet.kernels import fma_loop
from refnet.kernels.integers import dot_loop

_BURST_SECONDS = 5e-3  # short, so that some are not disturbed; long against the start of the threads
_BURSTS = 20


def measure_peak(dtype: npt.DTypeLike = "float32", threads: int | None = None) -> float:
    """Measure what the CPU can do: the best of several short bursts of multiply-adds on registers.

    Of real numbers they are fused ones, of ``int8`` sums of four products. The result is in 10^9 operations a second
    (GFLOP/s) of all threads together, a multiply-add being two; by default there is a thread for each core.

    Examples
    --------
    >>> measure_peak("float32", threads=1) > 0
    True
    """
    of_integers = dtype == "int8" or dtype is np.int8 or (isinstance(dtype, np.dtype) and dtype == np.int8)
    loop: Any = dot_loop if of_integers else fma_loop
    values = loop.start_values(np.int8 if of_integers else float_dtype(dtype))
    threads = thread_count(threads)
    if numba.config.DISABLE_JIT:
        raise RefnetError("Numba's compiler is switched off by NUMBA_DISABLE_JIT; the peak cannot be measured")
    with COMPILER_LOCK:
        loop.burn(values, 1)  # compiles, the first time
    repeats = _repeats_of_a_burst(loop, values)
    bursts = zip(*_bursts(loop, values, repeats, threads), strict=True)
    shortest = min(max(ends) - min(begins) for begins, ends in (zip(*burst, strict=True) for burst in bursts))
    return float(threads * repeats * loop.operations_of(values) / shortest / 1e9)


def _repeats_of_a_burst(loop: Any, values: Any) -> int:
    """How many repeats take as long as a burst should."""
    repeats = 1000
    while True:
        begin = time.perf_counter()
        loop.burn(values, repeats)
        if time.perf_counter() - begin >= _BURST_SECONDS:
            return repeats
        repeats *= 2


def _bursts(loop: Any, values: Any, repeats: int, threads: int) -> list[list[tuple[float, float]]]:
    """Begin and end of each burst in each thread; they begin together."""
    barrier = threading.Barrier(threads)

    def work() -> list[tuple[float, float]]:
        mine, times = values.copy(), []
        for _ in range(_BURSTS):
            barrier.wait()
            begin = time.perf_counter()
            loop.burn(mine, repeats)
            times.append((begin, time.perf_counter()))
        return times

    with ThreadPoolExecutor(threads) as pool:
        try:
            workers = [pool.submit(work) for _ in range(threads)]
        except RuntimeError as error:
            barrier.abort()  # those that have started would wait for ever
            raise RefnetError(f"cannot start {threads} threads to measure the peak: {error}") from error
        return [worker.result() for worker in workers]

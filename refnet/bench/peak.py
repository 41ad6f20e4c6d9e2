"""The peak: how many multiply-adds the CPU can do in a second, on so many threads at once: of floats, or of bytes."""

from __future__ import annotations

import threading
import time
from concurrent.futures import ThreadPoolExecutor
from typing import Any, NamedTuple

import numba
import numpy as np
import numpy.typing as npt

from refnet.arrays import Array
from refnet.checks import float_dtype, thread_count
from refnet.compiler_lock import COMPILER_LOCK
from refnet.errors import RefnetError
from refnet.kernels import fma_loop
from refnet.kernels.integers import dot_loop

_BURST_SECONDS = 5e-3  # short, so that some are not disturbed; long against the start of the threads
_BURSTS = 20


def fma_peak(dtype: npt.DTypeLike = "float32", threads: int | None = None) -> float:
    """Measure what the CPU can do: the best of several short bursts of fused multiply-adds on registers.

    Of ``int8`` they are sums of products of bytes, by the instruction that the CPU has for them. The result is in
    GFLOP/s of all threads together; by default there is one for each core.

    Examples
    --------
    >>> fma_peak("float32", threads=1) > 0
    True
    """
    loop = _bytes() if dtype in ("int8", np.int8) else _floats(dtype)
    threads = thread_count(threads)
    if numba.config.DISABLE_JIT:
        raise RefnetError("Numba's compiler is switched off by NUMBA_DISABLE_JIT; the peak cannot be measured")
    with COMPILER_LOCK:
        loop.burn(loop.values, 1)  # compiles, the first time
    repeats = _repeats_of_a_burst(loop)
    bursts = zip(*_bursts(loop, repeats, threads), strict=True)
    shortest = min(max(ends) - min(begins) for begins, ends in (zip(*burst, strict=True) for burst in bursts))
    return float(threads * repeats * loop.operations / shortest / 1e9)


class _Loop(NamedTuple):
    """What is repeated, what it works on, and how many operations a repeat has; a multiply-add counts as two."""

    burn: Any
    values: Array
    operations: int


def _floats(dtype: npt.DTypeLike) -> _Loop:
    values = fma_loop.start_values(float_dtype(dtype))
    return _Loop(fma_loop.burn, values, fma_loop.flops_of(values))


def _bytes() -> _Loop:
    return _Loop(dot_loop.burn, np.zeros(dot_loop.bytes_needed(), np.uint8), 2 * dot_loop.macs_of_repeat())


def _repeats_of_a_burst(loop: _Loop) -> int:
    """How many repeats take as long as a burst should."""
    repeats = 1000
    while True:
        begin = time.perf_counter()
        loop.burn(loop.values, repeats)
        if time.perf_counter() - begin >= _BURST_SECONDS:
            return repeats
        repeats *= 2


def _bursts(loop: _Loop, repeats: int, threads: int) -> list[list[tuple[float, float]]]:
    """Begin and end of each burst in each thread; they begin together."""
    barrier = threading.Barrier(threads)

    def work() -> list[tuple[float, float]]:
        mine, times = loop.values.copy(), []
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

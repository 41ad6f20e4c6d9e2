"""The peak: how many multiply-adds the CPU can do in a second, on so many threads at once."""

from __future__ import annotations

from functools import partial
from typing import Any

import numba
import numpy as np
import numpy.typing as npt

from refnet.bench.bursts import repeats_of, shortest_of
from refnet.checks import float_dtype, thread_count
from refnet.compiler_lock import COMPILER_LOCK
from refnet.errors import RefnetError
from refnet.kernels import fma_loop
from refnet.kernels.integers import dot_loop

_BURST_SECONDS = 2e-3  # short, so that some are not disturbed; long against the start of the threads
_BURSTS = 100


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
    repeats = repeats_of(partial(loop.burn, values), _BURST_SECONDS)
    seconds = shortest_of([partial(loop.burn, values.copy(), repeats) for _ in range(threads)], _BURSTS)
    return float(threads * repeats * loop.operations_of(values) / seconds / 1e9)

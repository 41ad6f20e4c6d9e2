"""What this CPU takes for the operations of a network when nothing waits for anything, measured."""

from __future__ import annotations

import math
import threading
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial

import numpy as np

from refnet.arrays import Array
from refnet.bench.bursts import in_threads, repeats_of
from refnet.compiler_lock import COMPILER_LOCK
from refnet.kernels import marginal_loops, reading_loop
from refnet.kernels.marginal_loops import ADDITION, MULTIPLY_ADDS

_BURST_SECONDS = 1e-4  # short: some must be undisturbed even where others use the CPU
_BURSTS = 300
_PASSES = 10  # over all weights
_PIECE_BYTES = 2**20  # of them, read in a burst


@dataclass(frozen=True)
class Costs:
    """Costs of vectors of 16 numbers, counted in multiply-adds of such vectors, and of bytes that come from memory."""

    addition: float  # beside multiply-adds: nothing on a CPU that has other pipes for it
    activations: Mapping[str, float]  # by name; ``none`` is 0
    byte: float  # seconds, all threads together

    def or_less(self, other: Costs) -> Costs:
        """The lesser of two measurements of each cost: what is too much was disturbed."""
        activations = {name: min(cost, other.activations[name]) for name, cost in self.activations.items()}
        return Costs(min(self.addition, other.addition), activations, min(self.byte, other.byte))


def measure_costs(weights: Array, activations: Iterable[str], threads: int) -> Costs:
    """Measure the costs of some activations and of reading all weights of a network."""
    names = sorted({*activations} - {"none"})
    addition, *others = _operations(weights.dtype, [ADDITION, *names])
    return Costs(addition, {"none": 0.0, **dict(zip(names, others, strict=True))}, _byte(weights, threads))


def _operations(dtype: np.dtype[np.generic], names: Sequence[str]) -> list[float]:
    """Time of multiply-adds with an operation among them, less that without, in multiply-adds."""
    loops = [marginal_loops.loop_with(name) for name in (None, *names)]
    values = [marginal_loops.start_values(dtype) for _ in loops]
    with COMPILER_LOCK:
        for loop, mine in zip(loops, values, strict=True):
            loop(mine, 1)
    rounds = repeats_of(partial(loops[0], values[0]), _BURST_SECONDS)
    bursts = [partial(loop, mine, rounds) for loop, mine in zip(loops, values, strict=True)]
    alone, *with_one = _best(bursts, _BURSTS)
    return [max(0.0, (seconds - alone) / alone * MULTIPLY_ADDS) for seconds in with_one]


def _byte(weights: Array, threads: int) -> float:
    """Time of reading all weights again and again, each thread its own part, divided by their bytes."""
    with COMPILER_LOCK:
        reading_loop.read(weights, 0)
    rounds = weights.size // reading_loop.ELEMENTS // threads  # of each thread
    at_once = _PIECE_BYTES // (reading_loop.ELEMENTS * weights.itemsize)

    def work(first: int, start: threading.Barrier) -> float:
        pieces = [
            partial(reading_loop.read, weights[k * reading_loop.ELEMENTS :], min(at_once, first + rounds - k))
            for k in range(first, first + rounds, at_once)
        ]
        start.wait()
        return math.fsum(_best(pieces, _PASSES))

    seconds = max(in_threads(work, range(0, threads * rounds, rounds))) if rounds else 0.0
    return seconds / weights.nbytes


def _best(bursts: Sequence[Callable[[], object]], times: int) -> list[float]:
    """Seconds of the shortest run of each, all in turns: not many runs of one need be undisturbed."""
    best = [math.inf] * len(bursts)
    for _ in range(times):
        for k, burst in enumerate(bursts):
            begin = time.perf_counter()
            burst()
            best[k] = min(best[k], time.perf_counter() - begin)
    return best

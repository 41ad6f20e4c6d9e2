"""Bursts: short stretches of one kind of work. The shortest of several is the one that nobody disturbed."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

from refnet.errors import RefnetError

_Task = TypeVar("_Task")
_Found = TypeVar("_Found")


def repeats_of(burst: Callable[[int], object], seconds: float) -> int:
    """How many repeats take so long, up to twice as many."""
    repeats = 64
    while True:
        begin = time.perf_counter()
        burst(repeats)
        if time.perf_counter() - begin >= seconds:
            return repeats
        repeats *= 2


def shortest_of(tasks: Sequence[Callable[[], object]], bursts: int) -> float:
    """Seconds of the shortest of several bursts; in each, all tasks begin together, every one in its own thread."""

    def work(task: Callable[[], object], start: threading.Barrier) -> list[tuple[float, float]]:
        times = []
        for _ in range(bursts):
            start.wait()
            begin = time.perf_counter()
            task()
            times.append((begin, time.perf_counter()))
        return times

    of_bursts = [zip(*burst, strict=True) for burst in zip(*in_threads(work, tasks), strict=True)]
    return float(min(max(ends) - min(begins) for begins, ends in of_bursts))


def in_threads(work: Callable[[_Task, threading.Barrier], _Found], tasks: Sequence[_Task]) -> list[_Found]:
    """Do each task in its own thread; they meet at the barrier."""
    barrier = threading.Barrier(len(tasks))
    with ThreadPoolExecutor(len(tasks)) as pool:
        try:
            workers = [pool.submit(work, task, barrier) for task in tasks]
        except RuntimeError as error:
            barrier.abort()  # those that have started would wait for ever
            raise RefnetError(f"cannot start {len(tasks)} threads to measure the peak: {error}") from error
        return [worker.result() for worker in workers]

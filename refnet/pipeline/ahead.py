"""Work done ahead in threads: the results come out in order, and only so many are under way."""

from __future__ import annotations

import os
import time
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from functools import partial
from typing import TypeVar

from refnet.errors import RefnetError

AHEAD = 4  # pieces of work for each thread: the one in hand, the next, and some that wait for a slower one before them
SLOW = 0.3  # seconds; of a source that takes longer, and longer than the work, nothing is asked ahead of the results
CALM = 8  # until so many came faster

Result = TypeVar("Result")


def in_order(
    work: Callable[..., Result],
    arguments: Iterable[tuple[object, ...]],
    threads: int,
    at_hand: Callable[[], bool] = lambda: True,
) -> Iterator[Result]:
    """Call ``work`` with each of some arguments in threads, and yield what it returns, in order.

    Arguments are asked for in the caller's thread, never more than ``AHEAD`` a thread before their results are taken.
    Of a source that hands out something now and then, each result comes out before the next is waited for: the clock
    tells such a source once it was slow, and ``at_hand`` before, whether the next argument need not be waited for. What
    ``work`` raises comes out in its place; after it, or when nobody wants more, the threads end.

    Examples
    --------
    >>> list(in_order(pow, [(2, 10), (3, 2)], threads=2))
    [1024, 9]
    """
    pool = ThreadPoolExecutor(threads, thread_name_prefix="refnet-pictures")
    under_way: deque[Future[Result]] = deque()
    take = partial(_take, under_way, os.getpid())
    source = iter(arguments)
    problem: Exception | None = None
    calm = CALM
    try:
        while True:
            while under_way and not at_hand():
                yield take()
            asked = time.monotonic()
            try:
                given = next(source)
            except StopIteration:
                break
            except Exception as error:  # of the source: what it gave before comes out first
                problem = error
                break
            slow = time.monotonic() - asked > SLOW and all(result.done() for result in under_way)
            calm = 0 if slow else calm + 1
            under_way.append(pool.submit(work, *given))
            while under_way and (calm < CALM or under_way[0].done() or len(under_way) >= AHEAD * threads):
                yield take()
        while under_way:
            yield take()
        if problem is not None:
            raise problem
    finally:
        pool.shutdown(cancel_futures=True)


def _take(under_way: deque[Future[Result]], process: int) -> Result:
    """Wait for the oldest result; threads do not survive a fork."""
    if os.getpid() != process:
        raise RefnetError(
            "these answers were begun before a fork, and their threads are not in this process; begin anew"
        )
    return under_way.popleft().result()

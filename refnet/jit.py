"""While Numba compiles: the lock that is held, and who is told how far it has come."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import NamedTuple

# Held while Numba compiles or loads compiled code. A fork waits for it: a child that inherited a lock held by a thread
# it does not have would wait for ever.
LOCK = threading.RLock()

if hasattr(os, "register_at_fork"):
    os.register_at_fork(before=LOCK.acquire, after_in_parent=LOCK.release, after_in_child=LOCK.release)


class Progress(NamedTuple):
    """How far the kernels for one dtype are compiled.

    Attributes
    ----------
    dtype
        ``float32`` or ``float64``.
    done
        Share of the work that is done: 0 at the start, 1 at the end.
    until
        What ``done`` will be when the part that is now being compiled is done.
    """

    dtype: str
    done: float
    until: float


Listener = Callable[[Progress], None]
_listeners: list[Listener] = []


@contextmanager
def listening(listener: Listener) -> Iterator[None]:
    """Call ``listener`` whenever a part of the kernels begins to be compiled, and with 1 at the end, however it ends.

    It is called in the thread that compiles. What is already compiled calls nobody.

    Examples
    --------
    >>> with listening(lambda progress: print(f"{progress.done:.0%}")):
    ...     tell(Progress("float32", 0.25, 0.5))
    25%
    """
    _listeners.append(listener)
    try:
        yield
    finally:
        _listeners.remove(listener)


def tell(progress: Progress) -> None:
    """Tell all listeners."""
    for listener in tuple(_listeners):
        listener(progress)

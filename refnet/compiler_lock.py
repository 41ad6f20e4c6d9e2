"""The lock that is held while Numba compiles or loads compiled code, and what a fork waits for.

A child that inherited a lock held by a thread it does not have would wait for ever. So a fork takes the locks that a
child may need, its own and those of the libraries below, which may be busy for somebody else. (h5py and Python do the
same for theirs.)
"""

from __future__ import annotations

import os
import sys
import threading
from collections.abc import Iterator
from contextlib import AbstractContextManager, ExitStack
from typing import Any

COMPILER_LOCK = threading.RLock()

_held = threading.local()


def _locks() -> Iterator[AbstractContextManager[Any]]:
    """In the order in which a thread takes them that compiles; a library that is not loaded holds none."""
    yield COMPILER_LOCK
    numba = sys.modules.get("numba.core.compiler_lock")
    llvm = sys.modules.get("llvmlite.binding.ffi")
    for lock in (getattr(numba, "global_compiler_lock", None), getattr(getattr(llvm, "lib", None), "_lock", None)):
        if isinstance(lock, AbstractContextManager):
            yield lock


def _before_fork() -> None:
    _held.stack = ExitStack()
    for lock in _locks():
        _held.stack.enter_context(lock)


def _after_fork() -> None:
    _held.stack.close()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(before=_before_fork, after_in_parent=_after_fork, after_in_child=_after_fork)

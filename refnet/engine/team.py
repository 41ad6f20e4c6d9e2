"""Threads that help with a run, and may come late or not at all."""

from __future__ import annotations

import os
import weakref
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor, wait


class Team:
    """A team as OpenMP has it: threads that call one function together, the caller and helpers from a pool.

    Work is claimed by whoever is there, so a helper that is still busy for another caller is not waited for. After a
    fork the child's team starts its own helpers: threads do not survive a fork.
    """

    def __init__(self, threads: int) -> None:
        self.threads = threads
        self._pool: ThreadPoolExecutor | None = None
        _teams.add(self)

    def run(self, function: Callable[[], None]) -> None:
        """Call ``function`` in up to ``threads`` threads at once; return when every call has ended."""
        helpers = self._call_helpers(function)
        try:
            function()
        finally:
            working = [helper for helper in helpers if not helper.cancel()]
            wait(working)
        for helper in working:
            helper.result()

    def _call_helpers(self, function: Callable[[], None]) -> list[Future[None]]:
        helpers: list[Future[None]] = []
        try:
            for _ in range(self.threads - 1):
                if self._pool is None:
                    self._pool = ThreadPoolExecutor(self.threads - 1, thread_name_prefix="refnet")
                helpers.append(self._pool.submit(function))
        except RuntimeError:  # no more threads to be had, or the interpreter is ending: go on with those there are
            pass
        return helpers

    def _forget_helpers(self) -> None:
        self._pool = None


_teams: weakref.WeakSet[Team] = weakref.WeakSet()


def _after_fork_in_child() -> None:
    for team in _teams:
        team._forget_helpers()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_after_fork_in_child)

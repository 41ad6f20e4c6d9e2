"""Passes: calls on one picture with a clock between the steps."""

from __future__ import annotations

from functools import partial

import numpy as np

from refnet.architecture.plan import Plan
from refnet.arrays import Array
from refnet.engine.clock import RowClock
from refnet.network import Network

_MOST = 10_000  # that are kept


class Passes:
    """Passes of one network over one picture f32[1, H, W, C], each as long as a call: all that a call does is in it."""

    def __init__(self, network: Network, plan: Plan, picture: Array) -> None:
        self._clock = RowClock(network._engine_at(plan), plan)
        self._call = partial(network._run_by(self._clock.interpreter).features, picture, at=plan.output)
        self._found: list[Array] = []

    @property
    def steps(self) -> list[tuple[str, ...]]:
        """The steps that are timed, together where they run as one."""
        return self._clock.steps

    def add(self) -> None:
        """Make one more."""
        if len(self._found) < _MOST:
            self._found.append(self._clock.time(self._call))

    def means(self) -> tuple[list[float], float]:
        """Seconds of each of the ``steps``, and of a whole pass, over the middle half of the passes by their length."""
        means = middle_half(np.array(self._found)).mean(axis=0)
        return [float(seconds) for seconds in means[:-1]], float(means.sum())


def middle_half(passes: Array) -> Array:
    """Leave out the quarter of the rows with the least sums, and that with the largest.

    Examples
    --------
    >>> middle_half(np.array([[9, 9], [1, 2], [2, 2], [0, 1], [1, 1]])).tolist()
    [[1, 1], [1, 2], [2, 2]]
    """
    quarter = len(passes) // 4
    kept: Array = passes[np.argsort(passes.sum(axis=1), kind="stable")[quarter : len(passes) - quarter]]
    return kept

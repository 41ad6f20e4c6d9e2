"""The engine: packed weights, programs and threads of one network; arrays in, arrays out."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from functools import lru_cache, partial
from typing import Any

import numpy as np
import numpy.typing as npt

from refnet.engine.packed import PackedWeights, WeightsLayout
from refnet.engine.program import Program, make_program
from refnet.engine.team import Team
from refnet.kernels import atomic
from refnet.kernels.compilation import interpreter
from refnet.plan import Step

Array = npt.NDArray[Any]
StepsFor = Callable[[int, int], Sequence[Step]]

_PROGRAMS_KEPT = 4  # input sizes and sets of visible tensors
_ALONE = Team(1)


class Engine:
    """Runs one network. Safe to use from several threads at once: each run has memory of its own.

    Parameters
    ----------
    steps
        Those of the network, of any input size: their names and weights matter here.
    steps_for
        The steps for a picture's height and width.
    tensors
        The weights by key.
    eps
        Of the batch norms.
    dtype
        float32 or float64.
    threads
        How many threads share a run.
    """

    def __init__(
        self,
        steps: Sequence[Step],
        steps_for: StepsFor,
        tensors: Mapping[str, Array],
        eps: float,
        dtype: np.dtype[Any],
        threads: int,
    ) -> None:
        self.dtype = dtype
        self.weights = PackedWeights(steps, tensors, eps, dtype)
        self._team = Team(threads)
        self._program = lru_cache(_PROGRAMS_KEPT)(partial(_program_for, steps_for, self.weights.layout, dtype))

    def run(self, x: Array, wanted: Collection[str]) -> Iterator[tuple[str, Array]]:
        """Run on one picture x f32[H, W, C]; yield the wanted tensors as soon as each is there, as copies."""
        for name, copy in self._run(x, wanted, self._team):
            yield name, copy(None)

    def run_batch(self, x: Array, into: Mapping[str, Array]) -> None:
        """Run on pictures x f32[N, H, W, C]; write picture n's tensor into ``into[name][n]``.

        Small pictures are shared out among the threads; all threads together work on each large one, and on the last
        ones where there are too few to go round.
        """
        program = self._program(x.shape[1], x.shape[2], frozenset(into))
        at_once = program.pictures_at_once(self._team.threads, len(x))
        alone = len(x) - len(x) % at_once if at_once > 1 else 0
        pictures = iter(range(alone))

        def work() -> None:
            try:
                for n in pictures:
                    self._fill(x, into, n, _ALONE)
            except BaseException:
                for _ in pictures:  # nobody begins another one
                    pass
                raise

        if alone:
            self._team.run(work)
        for n in range(alone, len(x)):
            self._fill(x, into, n, self._team)

    def _fill(self, x: Array, into: Mapping[str, Array], n: int, team: Team) -> None:
        for name, copy in self._run(x[n], into, team):
            copy(into[name][n, ...])

    def _run(
        self, x: Array, wanted: Collection[str], team: Team
    ) -> Iterator[tuple[str, Callable[[Array | None], Array]]]:
        """Yield each name when its tensor is there, and a function that copies it out before the next one is made."""
        program = self._program(x.shape[0], x.shape[1], frozenset(wanted))
        idle = program.idle_arenas[team.threads]
        try:
            arena = idle.pop()
        except IndexError:
            arena = program.make_arena(team.threads)
        program.put_input(arena, x.astype(self.dtype, copy=False))
        row = 0
        for name in sorted(wanted, key=lambda name: program.tensors[name].row):
            last = program.tensors[name].row + 1
            if last > row:
                self._run_rows(program, row, last, arena, team)
                row = last
            yield name, partial(program.get, arena, name)
        if len(idle) < (1 if team is self._team else self._team.threads):
            idle.append(arena)

    def _run_rows(self, program: Program, first: int, last: int, arena: Array, team: Team) -> None:
        function = interpreter(self.dtype)
        counters = np.zeros((2 * len(program.rows) + 1, atomic.STRIDE), np.int64)
        arguments = (program.rows, first, last, arena, self.weights.flat, program.constants, counters)
        team.run(lambda: function(*arguments))


def _program_for(
    steps_for: StepsFor, layout: WeightsLayout, dtype: np.dtype[Any], height: int, width: int, wanted: frozenset[str]
) -> Program:
    return make_program(steps_for(height, width), layout, dtype, visible=wanted)

"""The engine: packed weights, programs and threads of one network; arrays in, arrays out."""

from __future__ import annotations

import copy as copying
from collections import deque
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from functools import lru_cache, partial
from typing import Any, Self

import numpy as np

from refnet import memory
from refnet.architecture import names
from refnet.architecture.needed import needed
from refnet.architecture.step import Step
from refnet.arrays import Array
from refnet.engine.packed import PackedWeights, Take, WeightsLayout
from refnet.engine.program import Program, make_program
from refnet.engine.team import Team
from refnet.kernels import rows
from refnet.kernels.units import RunRows, interpreter

StepsFor = Callable[[int, int], Sequence[Step]]
Interpret = Callable[[np.dtype[Any]], RunRows]
NewProgram = Callable[[tuple[int, int], frozenset[str], frozenset[str]], Program]

_PROGRAMS_KEPT = 4  # input sizes, sets of visible and of given tensors
_ALONE = Team(1)


class Runner:
    """Runs programs, each made once. Safe to use from several threads at once: each run has memory of its own.

    Beside the arena the kernels read ``weights``. ``new_program`` takes a size, what is wanted and what is given.
    """

    def __init__(
        self, weights: Array, new_program: NewProgram, dtype: np.dtype[Any], threads: int, interpret: Interpret
    ) -> None:
        self.dtype = dtype
        self._flat = weights
        self._team = Team(threads)
        self._interpret = interpret
        self._new_program = new_program
        self._program = lru_cache(_PROGRAMS_KEPT)(new_program)

    def run_by(self, interpret: Interpret) -> Self:
        """The same by another interpreter: weights, programs and threads are shared."""
        runner = copying.copy(self)
        runner._interpret = interpret
        return runner

    def run(
        self, given: Mapping[str, Array], wanted: Collection[str], size: tuple[int, int]
    ) -> Iterator[tuple[str, Array]]:
        """Run on one picture from the tensors that are given, [H, W, C] or [C]: all of them, or the ``input`` alone.

        Yield the wanted tensors as soon as each is there, as copies. ``size`` is height and width of the input.
        """
        for name, copy in self._run(given, wanted, size, self._team):
            yield name, copy(None)

    def run_batch(self, x: Array, into: Mapping[str, Array]) -> None:
        """Run on pictures x f32[N, H, W, C]; write picture n's tensor into ``into[name][n]``.

        Small pictures are shared out among the threads; all threads together work on each large one, and on the last
        ones where there are too few to go round.
        """
        program = self._program((x.shape[1], x.shape[2]), frozenset(into), frozenset([names.INPUT]))
        at_once = program.pictures_at_once(self._team.threads, len(x))
        alone = len(x) - len(x) % at_once if at_once > 1 else 0
        unclaimed = deque(range(alone))  # each thread takes its next picture from it: deques are made for that

        def work() -> None:
            try:
                for n in _claims(unclaimed):
                    self._fill(x, into, n, _ALONE)
            except BaseException:
                unclaimed.clear()  # nobody begins another one
                raise

        if alone:
            self._team.run(work)
        for n in range(alone, len(x)):
            self._fill(x, into, n, self._team)

    def run_one(self, x: Array, into: Mapping[str, Array], *, alone: bool = False) -> None:
        """Run on one picture f32[H, W, C], by this thread alone or by all together; write each tensor into ``into``."""
        batch = {name: tensor[None] for name, tensor in into.items()}
        self._fill(x[None], batch, 0, _ALONE if alone else self._team)

    def needs(self, size: tuple[int, int], wanted: Collection[str], *, runs: int = 1) -> int:
        """Bytes that so many runs of all threads at once would take, beyond those that are kept from earlier ones."""
        program = self._program(size, frozenset(wanted), frozenset([names.INPUT]))
        kept = program.idle_arenas.get(self._team.threads, ())
        return max(0, runs - len(kept)) * program.arena_bytes(self._team.threads)

    def shares_out(self, size: tuple[int, int], wanted: Collection[str]) -> bool:
        """Whether many pictures are done sooner by a thread each than one after the other by all threads together."""
        program = self._program(size, frozenset(wanted), frozenset([names.INPUT]))
        return program.pictures_at_once(self._team.threads, self._team.threads) > 1

    def _fill(self, x: Array, into: Mapping[str, Array], n: int, team: Team) -> None:
        for name, copy in self._run({names.INPUT: x[n]}, into, (x.shape[1], x.shape[2]), team):
            copy(into[name][n, ...])

    def _run(
        self, given: Mapping[str, Array], wanted: Collection[str], size: tuple[int, int], team: Team
    ) -> Iterator[tuple[str, Callable[[Array | None], Array]]]:
        """Yield each name when its tensor is there, and a function that copies it out before the next one is made."""
        # What begins somewhere else than with a picture is hardly run twice: its memory is not kept.
        find = self._program if names.INPUT in given else self._new_program
        program = find(size, frozenset(wanted), frozenset(given))
        idle = program.idle_arenas[team.threads]
        try:
            arena = idle.pop()
        except IndexError:
            memory.check(program.arena_bytes(team.threads), f"a run on a picture of {size[0]}x{size[1]}")
            arena = program.make_arena(team.threads)
        for name in program.given:
            program.put(arena, name, given[name])
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
        counters = np.zeros((2 * len(program.rows) + 1, rows.COUNTER_STRIDE), np.int64)
        run_rows = self._interpret(self.dtype)
        team.run(run_rows(program.rows, first, last, arena, self._flat, program.constants, counters))


class Engine(Runner):
    """Runs one network of real numbers.

    ``steps`` are of any input size, ``steps_for`` gives those for a height and width. ``take`` gives each weight once,
    so that there need never be a second copy of them all.
    """

    def __init__(
        self,
        steps: Sequence[Step],
        steps_for: StepsFor,
        take: Take,
        eps: float,
        dtype: np.dtype[Any],
        threads: int,
        interpreter: Interpret = interpreter,
    ) -> None:
        self.weights = PackedWeights(steps, take, eps, dtype)
        new_program = partial(_program_for, steps_for, self.weights.layout, dtype, threads)
        super().__init__(self.weights.flat, new_program, dtype, threads, interpreter)


def _claims(unclaimed: deque[int]) -> Iterator[int]:
    """What one thread gets of a deque that several take from, until it is empty."""
    while True:
        try:
            claimed = unclaimed.popleft()
        except IndexError:
            return
        yield claimed


def _program_for(
    steps_for: StepsFor,
    layout: WeightsLayout,
    dtype: np.dtype[Any],
    threads: int,
    size: tuple[int, int],
    wanted: frozenset[str],
    given: frozenset[str],
) -> Program:
    steps = steps_for(*size)
    shapes = {names.INPUT: steps[0].in_shape} | {step.name: step.shape for step in steps}
    steps = needed(steps, given, wanted)
    read = {name for step in steps for name in step.inputs}
    begin_with = {name: shapes[name] for name in sorted(given & read)}
    return make_program(steps, layout, dtype, visible=wanted, given=begin_with, threads=threads)

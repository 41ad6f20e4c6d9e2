"""The memory of a run, known before it: what the engine keeps and what it works in."""

from __future__ import annotations

import math
from collections.abc import Collection
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from refnet.architecture.plan import Plan
from refnet.engine.packed import lay_out
from refnet.engine.program import Program, make_program


@dataclass(frozen=True)
class MemoryReport:
    """Bytes that a network holds and needs.

    ``activations`` are those of as many pictures as there are at once, and of one more where the threads work together
    on what is left of a batch. ``in_use`` is None for a step that is computed with a later one, without a tensor.
    """

    weights: int  # packed kernels, scales and shifts, and the published vectors they come from
    activations: int
    line_buffers: int  # what the threads need for themselves
    pictures: int  # of a batch that are worked on at once, each in memory of its own
    in_use: dict[str, int | None]  # by step: activations of one picture that somebody still reads

    @property
    def total(self) -> int:
        """All of it. Inputs and outputs are the caller's and not counted, nor what Python itself needs."""
        return self.weights + self.activations + self.line_buffers


def report_memory(
    plan: Plan,
    dtype: npt.DTypeLike = "float32",
    *,
    threads: int = 1,
    batch: int = 1,
    visible: Collection[str] | None = None,
) -> MemoryReport:
    """Work out the memory of a run on ``batch`` pictures that reads the tensors ``visible``; by default a plain run.

    Examples
    --------
    >>> from refnet.architecture.variants import variant
    >>> from refnet.architecture.plan import make_plan
    >>> memory = report_memory(make_plan(variant("b0")), threads=2)
    >>> memory.total == memory.weights + memory.activations + memory.line_buffers
    True
    """
    layout = lay_out(plan.steps)
    program = make_program(plan.steps, layout, dtype, visible=[plan.output] if visible is None else visible)
    vectors = sum(4 * math.prod(weight.shape) for step in plan for weight in step.weights[1:])
    return report_of(program, layout.size * np.dtype(dtype).itemsize + vectors, plan, threads=threads, batch=batch)


def report_of(program: Program, weights: int, plan: Plan, *, threads: int, batch: int) -> MemoryReport:
    """The memory of a run of a plan's program, beside so many bytes of weights."""
    itemsize = program.dtype.itemsize
    activations = program.constants.scratch
    pictures = program.pictures_at_once(threads, batch)
    teams = [1] * pictures + [threads] * (batch % pictures > 0) if pictures > 1 else [threads]
    in_use = {step.name: program.tensors.get(step.name) for step in plan}
    return MemoryReport(
        weights=weights,
        activations=len(teams) * activations * itemsize,
        line_buffers=sum(program.arena_size(team) - activations for team in teams) * itemsize,
        pictures=pictures,
        in_use={name: None if tensor is None else tensor.in_use * itemsize for name, tensor in in_use.items()},
    )

"""The memory of a run, known before it: what the engine keeps and what it works in."""

from __future__ import annotations

import math
from collections.abc import Collection, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from refnet import names
from refnet.engine.packed import lay_out
from refnet.engine.program import make_program
from refnet.kernels import run
from refnet.plan import Step


@dataclass(frozen=True)
class Memory:
    """Bytes that a network holds and needs.

    Attributes
    ----------
    weights
        Packed kernels, scales and shifts, and the published vectors they come from.
    activations
        All tensors of one picture, each in its place for as long as somebody reads it.
    line_buffers
        What each of the threads needs for itself.
    pictures
        How many pictures of a batch are worked on at once, each in memory of its own.
    in_use
        By step: bytes of activations that are in use while it is computed; None for a step that is computed with a
        later one and has no tensor of its own.
    """

    weights: int
    activations: int
    line_buffers: int
    pictures: int
    in_use: dict[str, int | None]

    @property
    def total(self) -> int:
        """All of it. Inputs and outputs belong to the caller and are not counted."""
        return self.weights + self.pictures * (self.activations + self.line_buffers)


def plan_memory(
    steps: Sequence[Step],
    dtype: npt.DTypeLike = "float32",
    *,
    threads: int = 1,
    batch: int = 1,
    visible: Collection[str] = (names.LOGITS,),
) -> Memory:
    """Work out the memory of a run on ``batch`` pictures that reads the tensors ``visible``.

    Examples
    --------
    >>> from refnet.architecture import variant
    >>> from refnet.plan import make_plan
    >>> memory = plan_memory(make_plan(variant("b0")).steps, threads=2)
    >>> memory.total == memory.weights + memory.activations + memory.line_buffers
    True
    """
    itemsize = np.dtype(dtype).itemsize
    layout = lay_out(steps)
    program = make_program(steps, layout, dtype, visible=visible)
    vectors = sum(4 * math.prod(weight.shape) for step in steps for weight in step.weights[1:])
    activations = int(program.constants[run.SCRATCH])
    in_use = {step.name: program.tensors.get(step.name) for step in steps}
    return Memory(
        weights=layout.size * itemsize + vectors,
        activations=activations * itemsize,
        line_buffers=(program.arena_size(threads) - activations) * itemsize,
        pictures=program.pictures_at_once(threads, batch),
        in_use={name: None if tensor is None else tensor.in_use * itemsize for name, tensor in in_use.items()},
    )

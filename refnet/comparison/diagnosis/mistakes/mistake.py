"""Mistake: a computation that is not what the step asks for, with a name and a sentence."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import NamedTuple

from refnet.architecture.plan import Step
from refnet.arrays import Array
from refnet.comparison.diagnosis.computation import Computation


@dataclass(frozen=True)
class Situation:
    """What is known where numbers are foreign.

    Attributes
    ----------
    step
        Of the plan.
    right
        What it should compute.
    norm_follows
        The step's computation up to its batch norm, where ``right`` ends before it.
    other
        What it would compute from another set of tensors, if there is one.
    neighbours
        Other tensors of the same run by name, if there are any.
    layers
        What it would compute with the weights of other layers, by their names.
    """

    step: Step
    right: Computation
    norm_follows: Computation | None = None
    other: Computation | None = None
    neighbours: Mapping[str, Array] = field(default_factory=dict)
    layers: Mapping[str, Computation] = field(default_factory=dict)


class Mistake(NamedTuple):
    """A known mistake at one step.

    Attributes
    ----------
    name
        The same for the same mistake anywhere.
    sentence
        What is wrong here, in plain words and numbers.
    wrong
        The computation with the mistake in it.
    grid
        A number format all of whose results are its own numbers, if the mistake rounds to one.
    """

    name: str
    sentence: str
    wrong: Computation
    grid: str = ""

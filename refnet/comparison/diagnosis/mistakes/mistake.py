"""Mistake: a computation that is not what the step asks for, with a name and a sentence."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import NamedTuple

from refnet.architecture.names import part_name
from refnet.architecture.step import Step
from refnet.arrays import Array
from refnet.comparison.diagnosis.computation import Computation


@dataclass(frozen=True)
class Situation:
    """A step whose numbers in a port are wrong, and what is known about it."""

    step: Step  # of the plan
    right: Computation  # what it should compute
    norm_follows: Computation | None = None  # the same up to the batch norm, where ``right`` ends before it
    other: Computation | None = None  # what it would compute from another set of weights, if there is one
    neighbours: Mapping[str, Array] = field(default_factory=dict)  # the port's earlier tensors, by name
    later: Mapping[str, Array] = field(default_factory=dict)  # and those of later steps
    layers: Mapping[str, Computation] = field(default_factory=dict)  # with the weights of other layers, by name
    since: str = ""  # the part of the step that it reads, where it begins with one

    @property
    def reads(self) -> tuple[str, ...]:
        """Names of what the computation reads."""
        return (part_name(self.step.name, self.since),) if self.since else self.step.inputs


class Mistake(NamedTuple):
    """A known mistake at one step."""

    name: str  # the same for the same mistake anywhere
    sentence: str  # what is wrong here, in plain words and numbers
    wrong: Computation  # the computation with the mistake in it
    grid: str = ""  # the number format that its results are rounded to, if they are
    lead: bool = False  # whether it only says where the mistake is, though it gives all numbers

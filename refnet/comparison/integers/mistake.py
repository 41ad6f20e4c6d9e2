"""Mistake: what a port did instead, as a change of a computation, and a sentence that says it."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from refnet.arrays import Array
from refnet.comparison.integers.computation import Computation
from refnet.reference.integers.engine import Engine
from refnet.reference.integers.network import Operation
from refnet.reference.integers.quantisation import Quantisation


class Mistake(NamedTuple):
    """One of them; two that touch nothing in common may both be made.

    One that is tried ``alone`` is no half of two; ``first`` are those that are simpler than another engine's way, and
    ``last`` those that are tried where no other makes the codes.
    """

    name: str
    sentence: str
    change: Callable[[Computation], Computation]
    touches: frozenset[str]
    alone: bool = False
    first: bool = False
    last: bool = False

    @property
    def is_of_sums(self) -> bool:
        """Whether something else is added up."""
        return any(field.startswith("total") for field in self.touches)


@dataclass(frozen=True)
class Situation:
    """An operation, what it reads, and how that is to be computed.

    Attributes
    ----------
    operation, engine
        What is computed by which set of policies.
    inputs, of, to
        Codes that it reads, and how they and its own stand for real numbers.
    right
        The computation as it should be.
    codes
        How those of all tensors of the network stand for real numbers.
    actual
        What the port has.
    """

    operation: Operation
    engine: Engine
    inputs: Sequence[Array]
    of: list[Quantisation]
    to: Quantisation
    right: Computation
    codes: Mapping[str, Quantisation]
    actual: Array

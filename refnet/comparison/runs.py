"""Runs: dumps of the same port beside each other; what differs between them does not depend on its inputs alone."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from refnet.arrays import Array
from refnet.comparison.findings import Finding, listed
from refnet.comparison.golden_tensors import GoldenTensors
from refnet.comparison.port.port_tensors import PortTensors
from refnet.comparison.tensor_result import RIGHT, Outcome
from refnet.comparison.where import Where, find_where
from refnet.errors import RefnetError

Alike = tuple[tuple[int, ...], ...]  # places of runs, together where they hold the same numbers
Judge = Callable[[int, str], Outcome]  # of a run, by its place, and a tensor


@dataclass(frozen=True)
class RunDifference:
    """A tensor that is not the same in all runs.

    Attributes
    ----------
    name
        Of the tensor.
    alike
        Places of the runs, together where they hold the same numbers.
    outcomes
        What each of these groups is; empty where no run was to be chosen any more.
    where
        Which elements differ between the first two groups; None if their shapes do.
    begins
        Whether runs that hold the same of all that it is made from hold different results.
    """

    name: str
    alike: Alike
    outcomes: tuple[Outcome, ...]
    where: Where | None
    begins: bool


@dataclass(frozen=True)
class Runs:
    """Several runs: paths, how many tensors are in all, those that differ, in execution order, and who is judged."""

    paths: tuple[str, ...]
    compared: int  # tensors that are in all of them
    differing: tuple[RunDifference, ...] = ()
    judged: int = 0

    @property
    def is_rounding(self) -> bool:
        """Whether no run is wrong where they first differ: sums in another order each time."""
        first = self.differing[0] if self.differing else None
        return first is not None and all(outcome in RIGHT for outcome in first.outcomes)

    @property
    def finding(self) -> Finding:
        """All of it in plain words."""
        if not self.compared:
            return Finding(
                "runs", None, f"no tensor is in all {len(self.paths)} runs: nothing is compared between them"
            )
        if not self.differing:
            return Finding("runs", None, f"the {len(self.paths)} runs hold the same numbers")
        first, *later = self.differing
        return Finding("runs", None, " ".join(filter(None, [
            f"the runs differ, first in {first.name}: {self._how(first)}.",
            self._who(first),
            self._why(first),
            self._later(later),
        ])), "note" if self.is_rounding else "wrong")  # fmt: skip

    def _how(self, first: RunDifference) -> str:
        (one, *_), (other, *_) = first.alike[:2]
        where = first.where
        if where is None:
            return "they have other shapes, or one cannot be read"
        index = f"({', '.join(map(str, where.first))})"
        return (
            f"{f'in {where.places}' if where.places else 'nearly everywhere'}, "
            f"{where.wrong:,} of {where.elements:,} elements, the first at {index}: "
            f"{where.expected:.9g} in {self.paths[one]}, {where.actual:.9g} in {self.paths[other]}"
        )

    def _who(self, first: RunDifference) -> str:
        """Say which runs are right."""
        right = [
            run for group, found in zip(first.alike, first.outcomes, strict=True) if found in RIGHT for run in group
        ]
        if len(right) == len(self.paths):
            return "All are right there, each with its own roundings."
        if not right:
            return "None is right there."
        names = listed([self.paths[run] for run in sorted(right)])
        return f"There {names} {'is' if len(right) == 1 else 'are'} right, and the others wrong."

    def _why(self, first: RunDifference) -> str:
        if not first.begins:
            return "Not all that it is made from is in these dumps."
        if self.is_rounding:
            return "What it is made from is the same in all: sums in an order that changes, as of threads or atomics."
        return (
            "What it is made from is the same in all: threads that share memory, a read before the write is done, or "
            "memory that nobody set."
        )

    def _later(self, later: Sequence[RunDifference]) -> str:
        begin = [one.name for one in later if one.begins]
        follow = len(later) - len(begin)
        said = f"So do {follow} that are made from it." if follow else ""
        return (
            f"{said} {listed(begin)} begin{'s' if len(begin) == 1 else ''} to differ anew.".strip() if begin else said
        )

    def to_json(self) -> dict[str, Any]:
        """Turn it into what JSON can hold."""
        return {
            "paths": self.paths,
            "judged": self.paths[self.judged],
            "differing": [asdict(one) for one in self.differing],
        }


def compare_runs(
    paths: Sequence[str],
    ports: Sequence[PortTensors],
    golden: GoldenTensors,
    names: Sequence[str],
    inputs: Callable[[str], tuple[str, ...]],
    judge: Judge,
) -> Runs:
    """Find the tensors that differ between runs, and the run that is right furthest.

    ``names`` are in execution order and in every run; ``inputs`` says what a tensor is made from.
    """
    left = set(range(len(ports)))  # runs that may still be the one to judge
    differing: list[RunDifference] = []
    for name in names:
        alike, where = _groups(name, ports, golden)
        if len(alike) < 2:
            continue
        held = set(_made_from(name, inputs, set(names)))
        known = [one.alike for one in differing if one.name in held]
        begins = bool(held) and _is_new(alike, known, len(ports))
        outcomes: tuple[Outcome, ...] = ()
        if not differing or sum(not left.isdisjoint(group) for group in alike) > 1:
            outcomes = tuple(judge(group[0], name) for group in alike)
            right = {run for group, found in zip(alike, outcomes, strict=True) if found in RIGHT for run in group}
            left = left & right or left
        differing.append(RunDifference(name, alike, outcomes, where, begins))
    return Runs(tuple(paths), len(names), tuple(differing), min(left))


def _groups(name: str, ports: Sequence[PortTensors], golden: GoldenTensors) -> tuple[Alike, Where | None]:
    """Which runs hold the same numbers, and where the first two groups differ."""
    try:
        expected = golden.read(name)
    except RefnetError:
        return (), None  # said where it is compared
    kept: list[tuple[Array | None, list[int]]] = []
    order = ""
    for run, port in enumerate(ports):
        pair = port.pair(name, expected)
        tensor, order = pair.reading.tensor, order or pair.reading.order
        group = next((runs for other, runs in kept if _same(tensor, other)), None)
        if group is None:
            kept.append((tensor, [run]))
        else:
            group.append(run)
    where = None
    if len(kept) > 1:
        kept[:2] = sorted(kept[:2], key=lambda group: group[0] is None or not np.isfinite(group[0]).all())
        (one, _), (other, _) = kept[:2]  # of two of which one has NaN, it is the other
        if one is not None and other is not None and one.shape == other.shape:
            where = find_where(other, one, golden.entries[name].axes, order=order)
    return tuple(tuple(runs) for _, runs in kept), where


def _is_new(alike: Alike, known: Sequence[Alike], count: int) -> bool:
    """Whether runs that hold the same inputs hold different results."""

    def group(run: int, groups: Alike) -> int:
        return next(place for place, runs in enumerate(groups) if run in runs)

    given = [tuple(group(run, groups) for groups in known) for run in range(count)]
    made = {(inputs, group(run, alike)) for run, inputs in enumerate(given)}
    return len(made) > len(set(given))


def _same(one: Array | None, other: Array | None) -> bool:
    if one is None or other is None:
        return one is other
    return one.shape == other.shape and np.array_equal(one, other, equal_nan=True)


def _made_from(name: str, inputs: Callable[[str], tuple[str, ...]], held: set[str]) -> Iterator[str]:
    """The nearest tensors before one that the runs hold."""
    open_ends, seen = list(inputs(name)), set[str]()
    while open_ends:
        one = open_ends.pop()
        if one not in seen:
            seen.add(one)
            if one in held:
                yield one
            else:
                open_ends += inputs(one)

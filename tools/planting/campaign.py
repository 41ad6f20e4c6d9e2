"""Campaign: draw mistakes by a seed, plant them, let refnet compare, and judge whether it found and named them."""

from __future__ import annotations

import importlib
import tempfile
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

import refnet
from planting.cases import Case, Ground, choose, draw_case, first_change, ground, right_port, save, written
from planting.judge import Judged, judge
from planting.mistakes import ANY, Operator, Planting
from planting.program import Program, Tensors, run
from planting.roundings import ROUNDINGS
from planting.truth import Truth
from refnet.comparison import Comparison

HALVES = ("open", "held")
TWICE = 0.1  # share of the draws with a second mistake
ATTEMPTS = 100


class Draw(NamedTuple):
    """One draw: `half` of the operators (or ``right``, for none of them), the campaign's seed, its number."""

    half: str
    seed: int
    number: int

    def __str__(self) -> str:
        return f"{self.half}-{self.seed}-{self.number}"

    @classmethod
    def parse(cls, text: str) -> Draw:
        """From the text that a draw is printed as."""
        half, seed, number = text.split("-")
        return cls(half, int(seed), int(number))

    def rng(self) -> np.random.Generator:
        """The numbers of this draw, the same whatever was drawn before."""
        return np.random.default_rng([self.seed, self.number, sum(map(ord, self.half))])


class Planted(NamedTuple):
    """What was drawn: the case, the operators, what each alone made of the right port, and all together."""

    draw: Draw
    case: Case
    operators: tuple[Operator, ...]
    plantings: tuple[Planting, ...]
    program: Program

    @property
    def said(self) -> str:
        """What was planted, in words."""
        return "; ".join(planting.said for planting in self.plantings)


class Outcome(NamedTuple):
    """What became of a draw."""

    draw: str
    case: str
    operator: str
    family: str
    said: str
    judged: Judged
    seconds: float  # of CPU, of the comparison

    @classmethod
    def parse(cls, row: dict[str, Any]) -> Outcome:
        """From what JSON holds of it."""
        judged = row["judged"] | {"elsewhere": tuple(row["judged"]["elsewhere"])}
        return cls(**(row | {"judged": Judged(**judged)}))


def operators(half: str) -> list[Operator]:
    """Import one half; the other is not read."""
    return importlib.import_module(f"planting.operators_{half}").OPERATORS


def plant(draw: Draw) -> Planted:
    """Draw a case and mistakes in it; operators take turns."""
    rng = draw.rng()
    if draw.half == "right":
        return _plant_rounding(draw, rng)
    half = operators(draw.half)
    first = half[draw.number % len(half)]
    for _ in range(ATTEMPTS):
        case = draw_case(rng, first.sources)
        planting = first.plant(_port(case), rng)
        if planting is not None:
            break
    else:
        raise ValueError(f"{first.name} found no place in {ATTEMPTS} cases")
    second, seed = half[rng.integers(len(half))], int(rng.integers(1 << 30))
    if rng.random() < TWICE and case.source in second.sources and second is not first:
        alone, both = (second.plant(port, np.random.default_rng(seed)) for port in (_port(case), planting.program))
        if alone is not None and both is not None and alone.said == both.said:  # else drawn in another place
            return Planted(draw, case, (first, second), (planting, alone), both.program)
    return Planted(draw, case, (first,), (planting,), planting.program)


def _plant_rounding(draw: Draw, rng: np.random.Generator) -> Planted:
    rounding = ROUNDINGS[draw.number % len(ROUNDINGS)]
    case = draw_case(rng, ANY)
    program = rounding(_port(case), rng)
    operator = Operator(rounding.__name__, "right", rounding, ANY)
    return Planted(draw, case, (operator,), (), program)


def _port(case: Case) -> Program:
    return replace(right_port(case.network, case.size)[1], order=case.order)


class Compared(NamedTuple):
    """What refnet said, the first tensor that differs, what a sentence on it must say, and seconds of CPU."""

    found: Comparison
    expected: str | None
    truths: list[Truth]
    seconds: float


def compare(planted: Planted, here: Ground) -> Compared:
    """Run the port, write its files, and let refnet compare them with the golden."""
    case = planted.case

    def run_here(program: Program) -> Tensors:
        return run(program, here.source, parts=case.dump == "unfused", known=here.right).tensors

    made = run_here(planted.program)
    chosen = choose(made, case, planted.draw.rng())  # once, of what there is

    def changed(tensors: Tensors) -> str | None:
        files, right = (written(one, case, chosen) for one in (tensors, here.right.tensors))
        return first_change(files, right, here.noise, here.plan)

    expected, truths = changed(made), [planting.truth for planting in planted.plantings]
    if len(truths) > 1:  # which of them is the first
        truths = [one.truth for one in planted.plantings if changed(run_here(one.program)) == expected] or truths
    with tempfile.TemporaryDirectory(prefix="port-") as folder:
        path = save(written(made, case, chosen), case, Path(folder) / "port")
        began = time.process_time()
        found = refnet.compare(here.golden, path, model=here.model, threads=1)
        return Compared(found, expected, truths, time.process_time() - began)


def outcome(planted: Planted) -> Outcome:
    """What became of it."""
    found, expected, truths, seconds = compare(planted, ground(*planted.case.ground))
    judged = judge(found, expected, truths, [planting.truth for planting in planted.plantings])
    alone = len(planted.operators) == 1
    name = planted.operators[0].name if alone else "two mistakes"
    family = planted.operators[0].family if alone else "two mistakes"
    return Outcome(str(planted.draw), str(planted.case), name, family, planted.said, judged, round(seconds, 2))


def outcomes(draws: list[Draw]) -> Iterator[Outcome]:
    """Of many draws, those on one golden together."""
    for planted in sorted(map(plant, draws), key=lambda planted: planted.case.ground):
        yield outcome(planted)

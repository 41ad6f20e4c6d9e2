"""Diagnose: which mistake, or which two, make all of a port's codes from what a step reads."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from itertools import chain, combinations, islice, product

import numpy as np

from refnet.arrays import Array
from refnet.comparison.diagnosis.diagnosis import Diagnosis
from refnet.comparison.integers.computation import Computation, computation_of, compute, sums_alone
from refnet.comparison.integers.engines import others_that_make, way
from refnet.comparison.integers.mistake import Mistake, Situation
from refnet.comparison.integers.mistakes_of_others import in_others
from refnet.comparison.integers.mistakes_of_rescaling import in_rescaling
from refnet.comparison.integers.mistakes_of_sums import in_sums
from refnet.comparison.integers.totals import Places, Products
from refnet.errors import RefnetError
from refnet.reference.integers.engine import Engine
from refnet.reference.integers.evaluate import evaluate_operation
from refnet.reference.integers.network import Operation
from refnet.reference.integers.quantisation import Quantisation

PIXELS, CHANNELS = 192, 8  # that every mistake is tried on
AT_ONCE = 1 << 22  # products that are gathered together
NEAR = 0.5  # of the codes that differ, a lead explains more
OTHERS = 6  # alternatives that are looked for
TOLD = 4  # of them, in the sentence
FEWEST = 8  # codes that differ, for two mistakes together to be more than chance
MOST_WORK = 1 << 26  # codes that are made to find a mistake behind which there is another operation
MOST_PAIRED = 32  # mistakes of either kind of which two are tried together


def diagnose(
    operation: Operation,
    inputs: Sequence[Array],
    codes: Mapping[str, Quantisation],
    engine: Engine,
    actual: Array,
    expected: Array,
    *,
    of_sums: bool = False,
) -> Diagnosis:
    """Name the mistake that makes a port's codes of what a step reads, all of them.

    The simplest is named, others that make the same codes are its alternatives. Where one alone does not, two are
    tried together; where these do not either, what comes nearest is a lead.

    Parameters
    ----------
    operation
        Of a network.
    inputs
        The codes that the port had there.
    codes
        How those of all tensors stand for real numbers.
    engine
        The set of policies by which the port should compute.
    actual, expected
        What the port has, and what it should.
    of_sums
        Whether these are sums, before anything is rounded.

    Examples
    --------
    >>> from refnet.reference.integers.engine import TFLM
    >>> from refnet.reference.integers.evaluate import evaluate_operation
    >>> of, to = Quantisation(np.float32(0.1), 4), Quantisation(np.float32(0.2), -3)
    >>> x, mean = np.arange(-60, 60, dtype=np.int8).reshape(1, 5, 6, 4), Operation("mean", "mean", ("x",))
    >>> codes, right = {"x": of, "mean": to}, evaluate_operation(mean, [x], [of], to, TFLM)
    >>> diagnose(mean, [x], codes, TFLM, right + np.int8(3), right).sentence
    "the output's zero point, -3, is not added"
    """
    situation = _situation(operation, inputs, codes, engine, actual)
    if of_sums:
        situation = replace(situation, right=sums_alone(situation.right))
    search = _Search(situation, actual, expected)
    every = list(in_sums(situation)) if of_sums else _every(situation)
    stages = (
        chain(
            search.reproducing([mistake for mistake in every if mistake.first]),
            () if of_sums else _of_engines(situation),
            search.reproducing([mistake for mistake in every if not (mistake.first or mistake.last)]),
        ),
        search.reproducing([mistake for mistake in every if mistake.last]),
        islice(search.of_two(), 1),
    )
    found = next(filter(None, (list(islice(_different(stage), 1 + OTHERS)) for stage in stages)), [])
    before = float(np.mean(actual != expected))
    return _named(found, before) if found else search.lead(before)


def diagnose_within(
    operation: Operation,
    inputs: Sequence[Array],
    codes: Mapping[str, Quantisation],
    engine: Engine,
    actual: Array,
    rest: Callable[[Array], Array],
) -> Diagnosis | None:
    """Name the mistake in an operation whose codes the port does not have, by a later tensor that ``rest`` makes."""
    situation = _situation(operation, inputs, codes, engine, actual)
    every = [mistake for mistake in _every(situation) if not mistake.last]
    shape = evaluate_operation(operation, list(inputs), situation.of, situation.to, engine).shape
    whole = Places(np.arange(math.prod(shape[:-1])), np.arange(shape[-1]))
    for mistake in every[: max(MOST_WORK // math.prod(shape), 1)]:
        try:
            with np.errstate(all="ignore"):
                made = compute(mistake.change(situation.right), whole).reshape(shape).astype(np.int8)
            if np.array_equal(rest(made), actual):
                return Diagnosis(mistake.name, mistake.sentence, 0.0, 1.0)
        except (RefnetError, ValueError, OverflowError):  # it cannot be computed so
            continue
    return None


def _situation(
    operation: Operation, inputs: Sequence[Array], codes: Mapping[str, Quantisation], engine: Engine, actual: Array
) -> Situation:
    right = computation_of(operation, inputs, codes, engine)
    of = [codes[name] for name in operation.inputs]
    return Situation(operation, engine, inputs, of, codes[operation.name], right, codes, actual)


def _named(found: Sequence[tuple[str, str]], before: float) -> Diagnosis:
    """The first of those that make the same codes, and in its sentence what else may be meant."""
    (name, sentence), *others = found
    alternatives = tuple(Diagnosis(other, words, 0.0, before) for other, words in others)
    briefly = [brief for _, words in others if (brief := words.partition(":")[0]) not in sentence]
    if briefly:
        told = list(dict.fromkeys(briefly))[:TOLD]
        sentence += f" (other ways to the same codes: {'; '.join(told)})"
    return Diagnosis(name, sentence, 0.0, before, alternatives)


def _every(situation: Situation) -> list[Mistake]:
    return [*in_sums(situation), *in_rescaling(situation), *in_others(situation)]


def _different(stage: Iterator[tuple[str, str]]) -> Iterator[tuple[str, str]]:
    """Once each: a multiplier that was divided in another format is no other mistake where that changes nothing."""
    seen = set[str]()
    for name, sentence in stage:
        family = name.removesuffix("-float64").removesuffix("-float32")
        if family not in seen:
            seen.add(family)
            yield name, sentence


def _of_engines(situation: Situation) -> Iterator[tuple[str, str]]:
    """Other engines that make these codes; together where their way is the same."""
    operation, ways = situation.operation, dict[str, list[str]]()
    for engine in others_that_make(operation, situation.inputs, situation.codes, situation.actual, situation.engine):
        ways.setdefault(way(operation, engine), []).append(engine.name)
    for words, names in ways.items():
        yield f"engine-{'-'.join(names)}", f"as {' and '.join(names)} compute{'' if names[1:] else 's'} it: {words}"


class _Search:
    """A port's codes against computations: first on a sample, then on all of them."""

    def __init__(self, situation: Situation, actual: Array, expected: Array) -> None:
        self.right, self.actual = situation.right, actual
        self.places = sampled(actual, expected)
        self.wanted = self.places.of(actual).astype(np.int64)
        self.missed: list[tuple[int, Mistake]] = []  # how many codes of the sample each mistake leaves
        self._totals: dict[int, Array | None] = {}
        self._kept: list[Computation] = []  # so that no other total takes the place of one that is known

    def reproducing(self, mistakes: Sequence[Mistake]) -> Iterator[tuple[str, str]]:
        """Those that make all of the port's codes."""
        for mistake in mistakes:
            c = mistake.change(self.right)
            left = self._left(c)
            self.missed.append((left, mistake))
            if not left and self._makes_all(c):
                yield mistake.name, mistake.sentence

    def of_two(self) -> Iterator[tuple[str, str]]:
        """Pairs that do; first those of a mistake that by itself explains most. Where little differs, chance would."""
        if np.count_nonzero(self.wanted != compute(self.right, self.places)) < FEWEST:
            return
        usable = sorted((pair for pair in self.missed if not pair[1].alone), key=lambda pair: pair[0])
        sums, others = (
            [one for _, one in usable if one.is_of_sums is wanted][:MOST_PAIRED] for wanted in (True, False)
        )
        bases = {one.name: one.change(self.right) for one in sums}
        for one, other in chain(product(sums, others), combinations(others, 2), combinations(sums, 2)):
            if one.touches.isdisjoint(other.touches):
                c = other.change(bases[one.name] if one.is_of_sums else one.change(self.right))
                if not self._left(c, keep=not other.is_of_sums) and self._makes_all(c):
                    yield f"{one.name}+{other.name}", f"{one.sentence}; and {other.sentence}"

    def lead(self, before: float) -> Diagnosis:
        """What comes nearest, if it explains more than half."""
        left, nearest = min(self.missed, key=lambda pair: pair[0], default=(self.wanted.size, None))
        wrong = self._left(self.right)
        words = f"{before:.2%} of the codes differ, and no known mistake makes all of them"
        if nearest is None or left > NEAR * wrong:
            return Diagnosis(None, words, before, before)
        said = (
            f"{words}; nearest: {nearest.sentence} (leaves {left} of {wrong} that differ, of {self.wanted.size} tried)"
        )
        return Diagnosis(None, said, before * left / max(wrong, 1), before)

    def _left(self, c: Computation, *, keep: bool = True) -> int:
        """How many codes of the sample a computation does not make; what it adds up there is kept for others."""
        try:
            total = self._total(c) if keep else c.total.at(self.places)
            if total is None:
                return self.wanted.size
            with np.errstate(all="ignore"):
                return int(np.count_nonzero(compute(c, self.places, total) != self.wanted))
        except (RefnetError, ValueError, OverflowError):  # it cannot be computed so
            return self.wanted.size

    def _total(self, c: Computation) -> Array | None:
        key = id(c.total)
        if key not in self._totals:
            self._kept.append(c)
            self._totals[key] = None
            self._totals[key] = c.total.at(self.places)
        return self._totals[key]

    def _makes_all(self, c: Computation) -> bool:
        rows, channels = self.actual.reshape(-1, self.actual.shape[-1]).shape
        every = np.arange(channels)
        at_once = max(AT_ONCE // _work(c, channels), 1)
        for first in range(0, rows, at_once):
            places = Places(np.arange(first, min(first + at_once, rows)), every)
            with np.errstate(all="ignore"):
                if not np.array_equal(compute(c, places), places.of(self.actual)):
                    return False
        return True


def _work(c: Computation, channels: int) -> int:
    """Numbers that one pixel of all channels needs."""
    if not isinstance(c.total, Products):
        return channels
    taps = c.total.kernel[..., 0].size
    return taps * channels if c.total.kernel.ndim == 3 or getattr(c.total.adder, "is_wide", False) else taps + channels


def sampled(actual: Array, expected: Array) -> Places:
    """Some channels, half of them the worst, and some pixels, most of them where these are wrong."""
    wrong = (actual != expected).reshape(-1, actual.shape[-1])
    pixels, channels = wrong.shape
    count = min(CHANNELS, channels)
    worst = np.argsort(wrong.sum(0), kind="stable")[::-1][: -(-count // 2)]
    chosen = np.union1d(worst, np.linspace(0, channels - 1, count).astype(np.int64))
    there = np.flatnonzero(wrong[:, chosen].any(1))
    picked = there[np.linspace(0, max(len(there) - 1, 0), min(len(there), PIXELS * 2 // 3)).astype(np.int64)]
    spread = np.linspace(0, pixels - 1, min(pixels, PIXELS // 3)).astype(np.int64)
    return Places(np.union1d(picked, spread), chosen)

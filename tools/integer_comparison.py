"""refnet's integers beside those of the engines: how many elements there are, and how many differ."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import replace
from functools import cache, partial
from typing import NamedTuple

import numpy as np
from integer_engines import RUNNERS, Operators, Ready, tflm

from refnet.checkpoints.graph.tflite.integers import FoundIntegers
from refnet.engine.integers.runner import IntegerEngine
from refnet.reference.integers.engine import Engine, engine
from refnet.reference.integers.evaluate import accumulate, entry, evaluate, evaluate_operation
from refnet.reference.integers.network import IntegerNetwork, Operation
from refnet.reference.integers.quantisation import Quantisation, quantise

WHOLE = "whole file"
FIXED = ("logistic", "softmax")  # whose outputs have one scale and no other


class Counts:
    """Elements compared, and those that differ, by engine and kind of operation."""

    def __init__(self) -> None:
        self.both: dict[tuple[str, str], list[int]] = defaultdict(lambda: [0, 0])
        self.refused = 0  # operations that an engine does not take

    def add(self, of: str, kind: str, ours: np.ndarray, theirs: np.ndarray) -> None:
        """Compare two arrays, which may have other sides of 1."""
        both = self.both[of, kind]
        both[0] += ours.size
        both[1] += int((ours.reshape(-1) != theirs.reshape(-1)).sum())

    @property
    def differ(self) -> int:
        """How many elements differ in all."""
        return sum(differ for _, differ in self.both.values())

    def table(self) -> str:
        """One line for each engine and kind."""
        head = f"{'engine':13}{'operation':14}{'elements':>14}{'differ':>10}"
        lines = (f"{of:13}{kind:14}{n:14,}{differ:10,}" for (of, kind), (n, differ) in self.both.items())
        refused = [f"{self.refused} not taken by the engine"] * (self.refused > 0)
        return "\n".join([head, *lines, *refused])


def compare_network(content: bytes, found: FoundIntegers, x: np.ndarray, counts: Counts) -> None:
    """Compare every tensor of one picture."""
    Comparison(content, found).compare(x, counts)


class Comparison:
    """A file in all engines, to be compared on picture after picture.

    XNNPACK keeps no tensors: its operators are cut out of the file and run one by one, on the codes that are its own if
    all before are; and the whole file once more. Unless ``compiled``, ours are those of the definition; kernels give
    the same, sooner.
    """

    def __init__(self, content: bytes, found: FoundIntegers, *, compiled: bool = False) -> None:
        self.content, self.found, self.compiled = content, found, compiled
        self.kinds = {each.name: each.kind for each in found.network.operations} | {"input": "quantise"}
        self._whole = Ready(content)
        self._reference = Ready(content, reference=True, keeping=True)
        operators = Operators(content)
        self._cut = {}
        for operation in found.network.operations:
            number = found.tensors[operation.name]
            places = _places(found, operation, operators.given(number))
            self._cut[operation.name] = Ready(operators.cut(number)), [operation.inputs[place] for place in places]
        self._compiled = cache(partial(_compiled, found.network))

    def compare(self, x: np.ndarray, counts: Counts) -> None:
        """Compare every tensor of one picture."""
        net, numbers = self.found.network, self.found.tensors
        self._reference.run(x)
        for name, theirs in (
            ("tflm", tflm(self.content, x, numbers.values())),
            ("tflite", self._reference.tensors(numbers.values())),
        ):
            for step, ours in self._ours(name, x):
                counts.add(name, self.kinds[step], ours, theirs[numbers[step]])
        values = dict(self._ours("xnnpack", x))
        for operation in net.operations:
            ready, inputs = self._cut[operation.name]
            counts.add("xnnpack", operation.kind, values[operation.name], ready.run(*(values[each] for each in inputs)))
        counts.add("xnnpack", WHOLE, values[net.operations[-1].name], _answer(net, self._whole.run(x)))

    def _ours(self, name: str, x: np.ndarray) -> Iterable[tuple[str, np.ndarray]]:
        net = self.found.network
        if not self.compiled:
            return evaluate(net, engine(name), x)
        (picture,) = entry(net, engine(name), x)
        wanted = [each.name for each in net.operations]
        return [("input", picture), *self._compiled(name).run({"input": picture}, wanted, picture.shape[:2])]


def _compiled(net: IntegerNetwork, name: str) -> IntegerEngine:
    return IntegerEngine(net, engine(name), 1)


def _places(found: FoundIntegers, operation: Operation, given: list[int]) -> list[int]:
    """Which of an operation's inputs each given tensor is; behind a reshape one has another number."""
    numbers = [found.tensors[name] for name in operation.inputs]
    return [numbers.index(each) for each in given] if set(given) == set(numbers) else list(range(len(numbers)))


def _answer(net: IntegerNetwork, answer: np.ndarray) -> np.ndarray:
    """An answer in the codes of the last operation: it may come as real numbers, or as uint8 of the same scale."""
    if answer.dtype.kind == "f":
        return quantise(answer, net.codes[net.operations[-1].name])
    return answer.astype(int) - 128 if answer.dtype == np.uint8 else answer


def compare_drawn(
    content: bytes, found: FoundIntegers, rng: np.random.Generator, rounds: int, counts: Counts, *,
    kinds: Iterable[str] = (), engines: Iterable[Engine] = tuple(engine(name) for name in RUNNERS),
) -> None:  # fmt: skip
    """Compare operations of each kind, cut out of a file, with drawn scales and zero points on drawn codes."""
    operators = Operators(content)
    of_kind: dict[str, list[Operation]] = defaultdict(list)
    for operation in found.network.operations:
        of_kind[operation.kind].append(operation)
    for kind in kinds or of_kind:
        for turn in range(rounds):
            operation = of_kind[kind][turn % len(of_kind[kind])]
            _compare_one(operators, found, operation, rng, engines, counts)


class Drawn(NamedTuple):
    """One operation with drawn scales, and drawn codes to compute it of."""

    operation: Operation
    inputs: list[np.ndarray]
    of: list[Quantisation]
    to: Quantisation
    is_biased: bool


def drawn_case(found: FoundIntegers, operation: Operation, rng: np.random.Generator) -> Drawn:
    """Draw scales and zero points, near ties or, now and then, on them."""
    codes = found.network.codes
    exact_ties = rng.random() < 0.3
    near = _near_a_tie_of_logistic if operation.kind == "logistic" else _drawn
    of = [near(codes[name], rng) for name in operation.inputs]
    inputs = _drawn_codes(found, operation, rng)
    if exact_ties:
        of = [_power_of_two(each) for each in of]
        if operation.kernel is not None:
            operation, inputs = _of_small_sums(operation, of[0], inputs[0], rng)
    to = codes[operation.name]
    if operation.kind not in FIXED:
        tied = _near_a_tie(*_real(operation, inputs, of), rng)
        to = _power_of_two(tied) if exact_ties else tied
    return Drawn(operation, inputs, of, to, not exact_ties)


def _compare_one(
    operators: Operators, found: FoundIntegers, operation: Operation, rng: np.random.Generator,
    engines: Iterable[Engine], counts: Counts,
) -> None:  # fmt: skip
    number = found.tensors[operation.name]
    given = operators.given(number)
    places = _places(found, operation, given)
    operation, inputs, of, to, is_biased = drawn_case(found, operation, rng)
    changed = {number: to} | {n: of[place] for n, place in zip(given, places, strict=True)}
    if operation.kernel is not None:
        changed[operators.weights(number)] = operation.kernel.scales
    file = operators.cut(number, changed, biased=is_biased)
    for each in engines:
        ours = evaluate_operation(operation, inputs, of, to, each)
        try:
            theirs = RUNNERS[each.name](file, *(inputs[place] for place in places))
        except RuntimeError:  # XNNPACK takes no factor from 256 on
            counts.refused += 1
        else:
            counts.add(each.name, operation.kind, ours, theirs)


def _drawn_codes(found: FoundIntegers, operation: Operation, rng: np.random.Generator) -> list[np.ndarray]:
    plan = found.network.plan
    shapes = {step.name: step.shape for step in plan} | {"input": plan.steps[0].in_shape}
    # A part of a step has its shape.
    wanted = [shapes.get(name) or shapes[name.rpartition(".")[0]] for name in operation.inputs]
    return [rng.integers(-128, 128, (1, *shape)).astype(np.int8) for shape in wanted]


def _of_small_sums(
    operation: Operation, of: Quantisation, x: np.ndarray, rng: np.random.Generator
) -> tuple[Operation, list[np.ndarray]]:
    """A sum of products without bias, on codes near to the zero point: of small sums, many lie between two codes."""
    kernel = operation.kernel._replace(
        scales=_powers(operation.kernel.scales), bias=np.zeros_like(operation.kernel.bias)
    )
    return replace(operation, kernel=kernel), [of.clamp(of.zero_point + rng.integers(-1, 2, x.shape))]


def _real(operation: Operation, inputs: list[np.ndarray], of: list[Quantisation]) -> tuple[np.ndarray, np.ndarray]:
    """The real numbers that an operation on codes stands for, in float64, and what one of its integers stands for."""
    unit = np.float64(of[0].scale)
    if operation.kernel is not None:
        units = unit * operation.kernel.scales
        return accumulate(operation, inputs[0], of[0]) * units, units
    real = [each.above_zero(x) * np.float64(each.scale) for x, each in zip(inputs, of, strict=True)]
    if operation.kind == "add":
        return real[0] + real[1], unit
    if operation.kind == "multiply":
        factor = real[1] if real[1].ndim == real[0].ndim else real[1][:, None, None, :]
        return real[0] * factor, unit * np.float64(of[1].scale)
    return real[0].mean(axis=(1, 2)), unit / np.prod(inputs[0].shape[1:3])


def _near_a_tie(real: np.ndarray, units: np.ndarray, rng: np.random.Generator) -> Quantisation:
    """A scale under which one of the numbers lies as near to the middle of two codes as float32 comes.

    There the last place of a multiplier decides, so that engines which compute it in another format differ. Half of the
    time the number lies where the first of two roundings only just makes a tie of it.
    """
    at = rng.choice(np.flatnonzero(real)) if real.any() else 0
    number, unit = np.abs(real.flat[at]), np.broadcast_to(units, real.shape).flat[at]
    middle = rng.integers(4, 100) + 0.5
    if rng.random() < 0.5:
        _, exponent = np.frexp(middle * unit / max(number, unit))
        middle -= 2.0 ** (min(exponent, 0) - 1)
    return Quantisation(np.float32(number / middle or 1), int(rng.integers(-60, 60)))


def _drawn(like: Quantisation, rng: np.random.Generator) -> Quantisation:
    """Another scale near to one, and a zero point that often lies at an end."""
    zero_point = int(rng.choice([-128, 127, rng.integers(-128, 128)], p=[0.15, 0.15, 0.7]))
    return Quantisation(np.float32(like.scale * np.float32(rng.uniform(0.6, 1.5))), zero_point)


def _near_a_tie_of_logistic(like: Quantisation, rng: np.random.Generator) -> Quantisation:
    """A scale under which the logistic function of one code lies near the middle of two."""
    drawn = _drawn(like, rng)
    middle = (rng.integers(128, 255) + 0.5) / 256
    scale = np.float32(np.log(middle / (1 - middle)) / rng.integers(1, 200))
    return Quantisation(np.nextafter(scale, np.float32(rng.choice([0, scale, 1]))), drawn.zero_point)


def _power_of_two(like: Quantisation) -> Quantisation:
    """The same with a power of two, so that ties are exact and their direction shows."""
    return Quantisation(np.float32(_powers(like.scale)), like.zero_point)


def _powers(scales: np.ndarray) -> np.ndarray:
    return np.exp2(np.floor(np.log2(scales))).astype(np.float32)

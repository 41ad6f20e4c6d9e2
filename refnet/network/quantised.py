"""An integer network that runs: its tensors are codes, its answers the real numbers that they stand for."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping
from copy import copy
from functools import lru_cache, partial
from typing import Self

import numpy as np

from refnet.architecture import names
from refnet.architecture.plan import Plan, make_plan, sides
from refnet.architecture.step import Shape
from refnet.arrays import Array
from refnet.checks import check_recipe, given_tensors, shaped_pictures, thread_count
from refnet.engine.integers.entry import codes_of
from refnet.engine.integers.runner import IntegerEngine
from refnet.engine.memory_report import MemoryReport, report_of
from refnet.engine.runner import Interpret, Runner
from refnet.errors import InputError
from refnet.network.network import Network
from refnet.prediction import Prediction
from refnet.preprocessing.recipe import Recipe
from refnet.reference.integers.bounds import check_network
from refnet.reference.integers.engine import Engine
from refnet.reference.integers.layout import on
from refnet.reference.integers.network import IntegerNetwork
from refnet.reference.integers.quantisation import Quantisation, dequantise
from refnet.weights.quantised import QuantisedWeights
from refnet.weights.releases.recipes import find_recipe
from refnet.weights.weight_file import file_of

_SIZES_KEPT = 4


class QuantisedNetwork(Network):
    """A network of int8, as ``refnet.load`` makes it of a weight file of integers.

    It is used as any ``Network`` is. ``features`` and ``trace`` give codes, int8; ``codes`` says what they stand for,
    and ``real`` gives these numbers. ``logits``, ``probabilities``, ``answer`` and ``predict`` give real numbers,
    float32. A picture may also come as codes of the ``input``, int8[N, H, W, 3].

    Parameters
    ----------
    weights
        Of integers; their ``engine`` says how everything is rounded.
    threads, recipe, size
        As for ``Network``.

    Raises
    ------
    InputError
        As ``Network``; and if 32 bits do not hold what the engine computes.

    Examples
    --------
    >>> import refnet
    >>> net = refnet.load("tests/data/integers/lite.h5")
    >>> net
    <QuantisedNetwork tinylite int8, tflm from drawn>
    >>> x = net.preprocess("refnet/data/chelsea.png")
    >>> codes = net.features(x, at="stem")
    >>> codes.shape, codes.dtype, net.real("stem", codes).dtype
    ((1, 24, 24, 32), dtype('int8'), dtype('float32'))
    """

    weights: QuantisedWeights  # type: ignore[assignment]

    def __init__(
        self,
        weights: QuantisedWeights,
        *,
        threads: int | None = None,
        recipe: str | Recipe | None = None,
        size: int | tuple[int, int] | None = None,
    ) -> None:
        check_network(weights.network, weights.engine)
        self._file = None  # somebody had the weights in hand, and may have changed them
        self._begin(weights, threads, recipe, size)

    @classmethod
    def _of_checked(
        cls,
        weights: QuantisedWeights,
        *,
        threads: int | None,
        recipe: str | Recipe | None,
        size: int | tuple[int, int] | None,
    ) -> QuantisedNetwork:
        """Make a network of weights that were just read, which checks them, and that nobody else has."""
        network = cls.__new__(cls)
        network._file = file_of(weights)
        network._begin(weights, threads, recipe, size)
        return network

    def _begin(
        self,
        weights: QuantisedWeights,
        threads: int | None,
        recipe: str | Recipe | None,
        size: int | tuple[int, int] | None,
    ) -> None:
        self.weights = weights
        self.dtype = np.dtype(np.int8)
        self.threads = thread_count(threads)
        self._stated_threads = None if threads is None else self.threads
        made_for = weights.network.plan
        own = (made_for.height, made_for.width) if size is None else sides(size)
        self._plan_for = lru_cache(8)(partial(_plan_for, made_for))
        self._network_for = lru_cache(_SIZES_KEPT)(partial(_network_for, weights.network, self._plan_for))
        self.plan = self._plan_for(*own)
        self.recipe = weights.recipe if recipe is None else find_recipe(recipe)
        if recipe is not None or size is not None:
            check_recipe(self.recipe, weights.architecture, own)
        self._pictures = _FromPictures(weights.engine, self._network_for, self.threads)
        self._engine = self._pictures  # type: ignore[assignment]

    def __repr__(self) -> str:
        return f"<QuantisedNetwork {self.variant} {self.arithmetic} from {self.weights.provenance.publisher}>"

    @property
    def arithmetic(self) -> str:
        """``int8`` and the engine whose roundings it has."""
        return f"int8, {self.weights.engine.name}"

    def _content(self) -> QuantisedWeights:
        return self.weights

    def _own_ways(self) -> tuple[Recipe | None, tuple[int, int] | None]:
        made_for, own = self.weights.network.plan, (self.plan.height, self.plan.width)
        as_made = own == (made_for.height, made_for.width)
        return None if self.recipe == self.weights.recipe else self.recipe, None if as_made else own

    @property
    def codes(self) -> Mapping[str, Quantisation]:
        """How the codes of each tensor, and of the ``input``, stand for real numbers."""
        return self.weights.network.codes

    def real(self, name: str, codes: Array) -> Array:
        """The real numbers that codes of a tensor stand for: ``scale * (code - zero_point)``, float32.

        Examples
        --------
        >>> import refnet
        >>> import numpy as np
        >>> net = refnet.load("tests/data/integers/lite.h5")
        >>> net.real("probabilities", np.array([-128, 0, 127], np.int8))
        array([0.        , 0.5       , 0.99609375], dtype=float32)
        """
        self._check_names([name] if name != names.INPUT else [])
        return dequantise(codes, self.codes[name])

    def logits(self, x: Array) -> Array:
        """As ``Network.logits``, the real numbers that the codes stand for: float32[N, classes]."""
        return self.real(names.LOGITS, self._collect(x, [names.LOGITS])[names.LOGITS])

    def probabilities(self, x: Array) -> Array:
        """As ``Network.probabilities``: float32[N, classes], each a number of 256ths."""
        return self.real(names.PROBABILITIES, self._collect(x, [names.PROBABILITIES])[names.PROBABILITIES])

    def answer(self, x: Array) -> Array:
        """As ``Network.answer``, float32."""
        return self.real(self.plan.answer, self._collect(x, [self.plan.answer])[self.plan.answer])

    def _codes_of(self, name: str) -> dict[str, float | int]:
        return {"scale": float(self.codes[name].scale), "zero_point": self.codes[name].zero_point}

    def _named(self, answer: Array, top: int) -> list[Prediction]:
        return super()._named(self.real(self.plan.answer, answer), top)

    def _shapes_on(self, plan: Plan) -> dict[str, Shape]:
        shapes = self._network_for(plan.height, plan.width).shapes
        return {name: shape for name, shape in shapes.items() if name != names.INPUT}

    @property
    def _steps(self) -> list[str]:
        return list(self.shapes)

    def _plan_of(self, x: Array) -> Plan:
        return self._plan_for(*shaped_pictures(x, self.weights.architecture.channels, or_codes=True).shape[1:3])

    def _engine_at(self, plan: Plan) -> Runner:
        return self._pictures.at(plan.height, plan.width)

    def _memory_of_a_run(self, plan: Plan, batch: int) -> MemoryReport:
        runner = self._engine_at(plan)
        program = runner._program((plan.height, plan.width), frozenset([plan.output]), frozenset([names.INPUT]))
        return report_of(program, runner._flat.nbytes, plan, threads=self.threads, batch=batch)

    def _check_given(self, given: Mapping[str, Array], plan: Plan, wanted: list[str]) -> dict[str, Array]:
        network = self._network_for(plan.height, plan.width)
        if names.INPUT in given:
            given = {**given, names.INPUT: input_codes(network, self.weights.engine, given[names.INPUT])}
        checked = given_tensors(given, plan, self.dtype, network.shapes)
        _check_needed(network, checked, wanted)
        return checked


def _plan_for(made_for: Plan, height: int, width: int) -> Plan:
    return make_plan(made_for.architecture, (height, width), padding=made_for.padding)


def _network_for(
    network: IntegerNetwork, plan_for: Callable[[int, int], Plan], height: int, width: int
) -> IntegerNetwork:
    return on(plan_for(height, width), network)


def input_codes(network: IntegerNetwork, engine: Engine, x: Array) -> Array:
    """A picture in the codes of ``input``; codes stay as they are."""
    return codes_of(x, network.codes[names.INPUT], engine.quantise)


def _check_needed(network: IntegerNetwork, given: Collection[str], wanted: Collection[str]) -> None:
    """Refuse a run that needs a tensor which is neither given nor made of those that are."""
    operations = {each.name: each for each in network.operations}
    pending = [name for name in wanted if name not in given]
    if len(pending) < len(wanted):
        raise InputError(f"{next(name for name in wanted if name in given)} is given already")
    seen = set(pending)
    while pending:
        name = pending.pop()
        for read in operations[name].inputs:
            if read in given or read in seen:
                continue
            if read == names.INPUT:
                raise InputError(
                    f"{name} cannot be made of {', '.join(sorted(given)) or 'nothing'}: give {read} as well"
                )
            seen.add(read)
            pending.append(read)


class _FromPictures:
    """Engines, one for each size of picture, that take real numbers as well: these become codes first."""

    def __init__(self, engine: Engine, network_for: Callable[[int, int], IntegerNetwork], threads: int) -> None:
        def engine_for(height: int, width: int) -> IntegerEngine:
            return IntegerEngine(network_for(height, width), engine, threads)

        self._engine = engine
        self._network_for = network_for
        self.at: Callable[[int, int], Runner] = lru_cache(_SIZES_KEPT)(engine_for)

    def run_by(self, interpret: Interpret) -> Self:
        pictures = copy(self)
        pictures.at = lambda height, width: self.at(height, width).run_by(interpret)
        return pictures

    def run(
        self, given: Mapping[str, Array], wanted: Collection[str], size: tuple[int, int]
    ) -> Iterator[tuple[str, Array]]:
        if names.INPUT in given:
            given = {**given, names.INPUT: self._codes(given[names.INPUT], *size)}
        return self.at(*size).run(given, wanted, size)

    def run_batch(self, x: Array, into: Mapping[str, Array]) -> None:
        height, width = x.shape[1:3]
        self.at(height, width).run_batch(self._codes(x, height, width), into)

    def run_one(self, x: Array, into: Mapping[str, Array], *, alone: bool = False) -> None:
        height, width = x.shape[:2]
        self.at(height, width).run_one(self._codes(x, height, width), into, alone=alone)

    def _codes(self, x: Array, height: int, width: int) -> Array:
        return input_codes(self._network_for(height, width), self._engine, x)

    def needs(self, size: tuple[int, int], wanted: Collection[str], *, runs: int = 1) -> int:
        return self.at(*size).needs(size, wanted, runs=runs)

    def shares_out(self, size: tuple[int, int], wanted: Collection[str]) -> bool:
        return self.at(*size).shares_out(size, wanted)

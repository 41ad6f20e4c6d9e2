"""Subject: the network that is recorded, whether it computes in real numbers or in integers.

The format of its tensors is a property of the run: what differs between the two is in here, and nowhere else.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Collection, Iterator, Mapping
from math import prod
from typing import Any, NamedTuple

import numpy as np

from refnet.architecture import names
from refnet.architecture.padding import NO_PADS, Pads
from refnet.architecture.plan import Plan
from refnet.architecture.step import Shape
from refnet.arrays import Array
from refnet.errors import InputError
from refnet.golden import FLOATS
from refnet.golden.coverage import Coverage, RunCoverage, coverage_of_codes
from refnet.golden.manifest import OperationEntry, StepEntry
from refnet.golden.selection import Tensors, of_plan
from refnet.network.network import Network
from refnet.network.quantised import QuantisedNetwork, input_codes
from refnet.reference.integers.constants import constants
from refnet.reference.integers.engine import Engine
from refnet.reference.integers.evaluate import accumulate
from refnet.reference.integers.layout import on
from refnet.reference.integers.network import IntegerNetwork, Operation
from refnet.reference.integers.quantisation import activation_limits

ACCUMULATOR = "accumulator"  # a part of an operation: int32 sums before anything is rounded


class Around(NamedTuple):
    """What the step that reads a tensor puts around it, and how wide."""

    pads: Pads = NO_PADS
    value: int = 0


class Subject(ABC):
    """A network on pictures of one size.

    Attributes
    ----------
    plan
        Of this size.
    dtype
        What it computes in.
    written
        What its tensors are written as.
    tensors
        What can be recorded, in execution order.
    facts
        What a manifest says of the run beside the model.
    steps, operations
        What a manifest says of the network.
    """

    plan: Plan
    dtype: str
    written: str
    tensors: Tensors
    facts: Mapping[str, Any]
    steps: tuple[StepEntry, ...]
    operations: tuple[OperationEntry, ...]

    @abstractmethod
    def input(self, x: Array) -> Array:
        """The network's input as it is computed on."""

    @abstractmethod
    def run(self, x: Array, given: Mapping[str, Array], wanted: Collection[str]) -> Iterator[tuple[str, Array]]:
        """Run, and hand out what is wanted in execution order."""

    @abstractmethod
    def around(self, name: str) -> Around:
        """What its reader puts around a tensor."""

    @abstractmethod
    def covers(self, name: str, tensor: Array) -> Coverage:
        """Measure how much of its range a tensor uses."""

    @abstractmethod
    def weights(self, chosen: Collection[str]) -> Iterator[tuple[str, Array]]:
        """What all steps are computed with of which something is chosen."""


def subject_of(network: Network, plan: Plan, dtype: str | None, *, accumulators: bool = False) -> Subject:
    """Take a network for what it is; refuse formats that its tensors are not written in."""
    if isinstance(network, QuantisedNetwork):
        if dtype not in (None, "int8"):
            raise InputError(
                f"{network.variant} is computed in int8, and its codes are written as they are, not as {dtype}"
            )
        return OfIntegers(network, plan)
    check_format(dtype)
    if accumulators:
        raise InputError(
            f"{network.variant} is computed in real numbers; its sums are those of --unfused (unfused=True)"
        )
    return OfReals(network, plan, dtype or "float32")


def check_format(dtype: str | None) -> None:
    """Refuse a format that real numbers are not written in."""
    if dtype not in (None, *FLOATS):
        raise InputError(f"dtype {dtype!r}: want one of {', '.join(FLOATS)}")


class OfReals(Subject):
    """A network that computes in float32 or float64."""

    operations: tuple[OperationEntry, ...] = ()

    def __init__(self, network: Network, plan: Plan, written: str) -> None:
        self._network, self.plan, self.written = network, plan, written
        self.dtype = network.dtype.name
        self.tensors = of_plan(plan)
        bn_eps = network.weights.bn_eps
        self.facts = {"bn_eps": bn_eps}
        self.steps = tuple(StepEntry.of(step, bn_eps) for step in plan)
        self._coverage = RunCoverage(plan)
        self._around = {name: step.pads for step in reversed(plan.steps) for name in step.inputs if any(step.pads)}

    def input(self, x: Array) -> Array:
        """As it is."""
        return x

    def run(self, x: Array, given: Mapping[str, Array], wanted: Collection[str]) -> Iterator[tuple[str, Array]]:
        """Run the network."""
        return self._network.resume({names.INPUT: x, **given}, wanted) if given else self._network.trace(x, wanted)

    def covers(self, name: str, tensor: Array) -> Coverage:
        """How much of an activation's range a tensor uses."""
        return self._coverage(name, tensor)

    def around(self, name: str) -> Around:
        """Zeros."""
        return Around(self._around.get(name, NO_PADS))

    def weights(self, chosen: Collection[str]) -> Iterator[tuple[str, Array]]:
        """Tensors of the weight file."""
        for step in self.plan:
            for weight in () if set(chosen).isdisjoint((step.name, *step.parts)) else step.weights:
                yield weight.key, self._network.weights.tensors[weight.key]


def _described(network: IntegerNetwork, engine: Engine) -> Iterator[OperationEntry]:
    """What a port must know of the input and of each operation."""
    codes, shapes = network.codes, network.shapes

    def entry(
        name: str, kind: str, inputs: tuple[str, ...], way: str, limits: tuple[int, int], **more: Any
    ) -> OperationEntry:
        return OperationEntry(name, kind, inputs, float(codes[name].scale), codes[name].zero_point, limits, way, **more)

    yield entry(names.INPUT, "quantise", (), engine.quantise, limits=codes[names.INPUT].limits)
    for each in network.operations:
        of, to = [codes[name] for name in each.inputs], codes[each.name]
        kept = constants(each, of, to, engine, prod(shapes[each.inputs[0]][:-1]))
        yield entry(
            each.name, each.kind, each.inputs, engine.way(each.kind), limits=activation_limits(each.limit, to),
            stride=each.stride, pads=tuple(each.pads), constants={key: found.tolist() for key, found in kept.items()},
        )  # fmt: skip


class OfIntegers(Subject):
    """A network that computes in int8."""

    dtype = written = "int8"

    def __init__(self, network: QuantisedNetwork, plan: Plan) -> None:
        self._network, self.plan = network, plan
        self._integers = on(plan, network.weights.network)
        self._sums = {
            names.part_name(each.name, ACCUMULATOR): each
            for each in self._integers.operations
            if each.kernel is not None
        }
        engine, shapes = network.weights.engine, dict[str, Shape]()
        for each in self._integers.operations:
            made = self._integers.shapes[each.name]
            shapes |= {names.part_name(each.name, ACCUMULATOR): made} if each.kernel is not None else {}
            shapes[each.name] = made
        steps = [name for name in shapes if name not in self._sums]
        sums = {each.name: (name,) for name, each in self._sums.items()}
        self.tensors = Tensors(network.variant, shapes, steps, sums)
        self.facts = {"engine": engine.name}
        self.steps = tuple(StepEntry.of(step, 0.0) for step in plan)
        self.operations = tuple(_described(self._integers, engine))
        self._around = {each.inputs[0]: each.pads for each in reversed(self._integers.operations) if any(each.pads)}

    def covers(self, name: str, tensor: Array) -> Coverage:
        """How much of the codes between its limits a tensor uses."""
        made = next((each for each in self.operations if each.name == name), None)
        return coverage_of_codes(tensor, None if made is None else made.limits, 0 if made is None else made.zero_point)

    def input(self, x: Array) -> Array:
        """In codes."""
        return input_codes(self._integers, self._network.weights.engine, x)

    def run(self, x: Array, given: Mapping[str, Array], wanted: Collection[str]) -> Iterator[tuple[str, Array]]:
        """Run the network, and add up once more what is asked for in sums."""
        order = [name for name in self.tensors.shapes if name in set(wanted)]
        source = {name: self._sums[name].inputs[0] if name in self._sums else name for name in order}
        last = {read: name for name, read in source.items()}
        tensors = {names.INPUT: x, **given}
        needed = set(last) - set(tensors)
        run: Iterator[tuple[str, Array]] = iter(())
        if needed:
            run = self._network.resume(tensors, needed) if given else self._network.trace(x, needed)
        for name, read in source.items():
            while read not in tensors:
                made, tensor = next(run)
                tensors[made] = tensor
            each = self._sums.get(name)
            codes = tensors[read] if last[read] != name else tensors.pop(read)
            yield name, codes if each is None else self._accumulated(each, codes)

    def _accumulated(self, operation: Operation, codes: Array) -> Array:
        return accumulate(operation, codes, self._integers.codes[operation.inputs[0]]).astype(np.int32)

    def around(self, name: str) -> Around:
        """Its zero point."""
        return Around(
            self._around.get(name, NO_PADS), self._integers.codes[name].zero_point if name in self._around else 0
        )

    def weights(self, chosen: Collection[str]) -> Iterator[tuple[str, Array]]:
        """Tensors of the weight file: kernels, biases, scales, and what is stored of multipliers."""
        operations = {each.name for each in self._integers.operations}
        told = {self._sums[name].name if name in self._sums else name for name in chosen} & operations
        prefixes = tuple(names.weight_key(name, "") for name in told)
        for key, tensor in self._network.weights.tensors.items():
            if key.startswith(prefixes) and key.rpartition("/")[0] + "/" in prefixes:
                yield key, tensor

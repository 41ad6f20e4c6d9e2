"""Rerun: the integer model of a golden, run here again, as its own engine computes it or as another one does."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from refnet.architecture import names
from refnet.architecture.plan import Plan, make_plan
from refnet.arrays import Array
from refnet.golden.subject import ACCUMULATOR
from refnet.reference.integers.engine import Engine
from refnet.reference.integers.evaluate import accumulate, evaluate_operation
from refnet.reference.integers.layout import on
from refnet.reference.integers.network import Operation
from refnet.weights.quantised import QuantisedWeights


class IntegerRerun:
    """A golden's model in integers, for pictures of one height and width."""

    def __init__(self, weights: QuantisedWeights, size: tuple[int, int]) -> None:
        self.size = size
        self.plan: Plan = make_plan(weights.architecture, size, padding=weights.padding)
        self.network = on(self.plan, weights.network)
        self.engine = weights.engine
        self.operations: Mapping[str, Operation] = {each.name: each for each in self.network.operations}

    def operation(self, name: str) -> Operation | None:
        """The operation whose codes, or sums, a tensor has."""
        return self.operations.get(name) or self.operations.get(name.removesuffix(f".{ACCUMULATOR}"))

    def inputs(self, name: str) -> tuple[str, ...]:
        """Names of what a tensor is made from; none of what no operation makes."""
        each = self.operation(name)
        return () if each is None else each.inputs

    def run(self, given: Mapping[str, Array], name: str, engine: Engine | None = None) -> Array:
        """Run from tensors [N, …] to one tensor, by the golden's engine or by another."""
        each = self.operation(name)
        assert each is not None
        values = dict(given)
        for operation in self.between(given, name):
            values[operation.name] = self._made(operation, values, engine or self.engine)
        if name in self.operations:
            return self._made(each, values, engine or self.engine)
        read = each.inputs[0]
        return accumulate(each, values[read], self.network.codes[read]).astype(np.int32)

    def _made(self, operation: Operation, values: Mapping[str, Array], engine: Engine) -> Array:
        inputs = [values[name] for name in operation.inputs]
        of, to = [self.network.codes[name] for name in operation.inputs], self.network.codes[operation.name]
        return evaluate_operation(operation, inputs, of, to, engine)

    def between(self, given: Mapping[str, Array], name: str) -> list[Operation]:
        """Operations between given tensors and one, in execution order."""
        wanted, pending = set[str](), [*self.inputs(name)]
        while pending:
            name = pending.pop()
            if name not in given and name not in wanted and name != names.INPUT:
                wanted.add(name)
                pending += self.operations[name].inputs
        return [each for each in self.network.operations if each.name in wanted]

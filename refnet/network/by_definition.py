"""Integers through the definition, until kernels compute them."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping

from refnet.architecture import names
from refnet.arrays import Array
from refnet.reference.integers.engine import Engine
from refnet.reference.integers.evaluate import evaluate_operation
from refnet.reference.integers.network import IntegerNetwork


class IntegerEngine:
    """Runs an integer network, operation by operation."""

    def __init__(self, network: IntegerNetwork, engine: Engine, threads: int) -> None:
        self._network, self._engine = network, engine

    def run(
        self, given: Mapping[str, Array], wanted: Collection[str], size: tuple[int, int]
    ) -> Iterator[tuple[str, Array]]:
        """As the engine of real numbers."""
        values = {name: tensor[None] for name, tensor in given.items()}
        for each in self._network.operations:
            if each.name in values or not all(name in values for name in each.inputs):
                continue
            of = [self._network.codes[name] for name in each.inputs]
            inputs = [values[name] for name in each.inputs]
            values[each.name] = evaluate_operation(each, inputs, of, self._network.codes[each.name], self._engine)
            if each.name in wanted:
                yield each.name, values[each.name][0]

    def run_batch(self, x: Array, into: Mapping[str, Array]) -> None:
        """As the engine of real numbers."""
        for n, picture in enumerate(x):
            self.run_one(picture, {name: tensor[n] for name, tensor in into.items()})

    def run_one(self, x: Array, into: Mapping[str, Array], *, alone: bool = False) -> None:
        """As the engine of real numbers."""
        for name, tensor in self.run({names.INPUT: x}, into, (0, 0)):
            into[name][...] = tensor

    def needs(self, size: tuple[int, int], wanted: Collection[str], *, runs: int = 1) -> int:
        """As the engine of real numbers."""
        return 0

    def shares_out(self, size: tuple[int, int], wanted: Collection[str]) -> bool:
        """As the engine of real numbers."""
        return False

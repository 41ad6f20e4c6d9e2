"""The float network that an integer one is made of, its activations as steps of their own.

Then what comes before an activation has the name that it has in integers: ``stem.conv`` before the swish ``stem``.
The bits are those of the network itself.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator
from dataclasses import replace

from refnet.architecture import names
from refnet.architecture.plan import make_plan
from refnet.architecture.step import Step
from refnet.arrays import Array
from refnet.engine.runner import Engine
from refnet.network.network import Network


def apart(step: Step) -> tuple[Step, ...]:
    """A step with an activation as two: ``X.conv`` and, reading it, X."""
    if step.activation == "none" or not step.weights:
        return (step,)
    before = names.part_name(step.name, names.CONV)
    theirs, ours = (names.weight_key(name, "") for name in (step.name, before))
    weights = tuple(replace(weight, key=weight.key.replace(theirs, ours, 1)) for weight in step.weights)
    activation = Step(step.name, "identity", (before,), step.shape, step.shape, activation=step.activation)
    return replace(step, name=before, activation="none", weights=weights), activation


class Twin:
    """Runs a network of float32; gives its tensors, those before activations included."""

    def __init__(self, network: Network) -> None:
        weights = network.weights
        self.size = (network.plan.height, network.plan.width)

        def steps(height: int, width: int) -> tuple[Step, ...]:
            plan = make_plan(weights.architecture, (height, width), padding=weights.padding)
            return tuple(part for step in plan for part in apart(step))

        own = steps(*self.size)
        self.names = {step.name for step in own}
        keys = (weight.key for step in own for weight in step.weights)
        given = dict(zip(keys, (weight.key for weight in network.plan.weights), strict=True))
        self._engine = Engine(
            own, steps, lambda key: weights.tensors[given[key]], weights.bn_eps, network.dtype, network.threads
        )

    def run(self, x: Array, wanted: Collection[str]) -> Iterator[tuple[str, Array]]:
        """Run on one picture [1, H, W, C]; give the wanted tensors [1, …] in execution order, also the ``input``."""
        if names.INPUT in wanted:
            yield names.INPUT, x
        for name, tensor in self._engine.run({names.INPUT: x[0]}, set(wanted) - {names.INPUT}, self.size):
            yield name, tensor[None]

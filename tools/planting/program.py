"""A port as a program: preparation of the picture, layers, and how its tensors are written."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import NamedTuple

import numpy as np

from planting.layers import ACTIVATIONS, PARTS, Array, Layer, Norm, Scene
from planting.preparation import Preparation
from refnet.architecture import names
from refnet.architecture.plan import Plan
from refnet.architecture.step import Step
from refnet.weights.weights import Weights

Tensors = dict[str, Array]


@dataclass(frozen=True, eq=False)
class Program:
    """A port; ``dumping`` are functions that change what it writes, and nothing that it computes."""

    layers: tuple[Layer, ...]
    preparation: Preparation
    order: str = "NHWC"
    dumping: tuple[Callable[[Tensors], Tensors], ...] = ()

    def __getitem__(self, name: str) -> Layer:
        return next(layer for layer in self.layers if layer.name == name)

    def replaced(self, *changed: Layer) -> Program:
        """The same with other layers of these names."""
        by_name = {layer.name: layer for layer in changed}
        return replace(self, layers=tuple(by_name.get(layer.name, layer) for layer in self.layers))

    def dumped(self, change: Callable[[Tensors], Tensors]) -> Program:
        """The same with one more change of what is written."""
        return replace(self, dumping=(*self.dumping, change))


def right_program(plan: Plan, weights: Weights, order: str = "NHWC") -> Program:
    """Make the port that is right, from nothing but a plan and weights."""
    layers = tuple(_layer(step, weights.tensors, weights.bn_eps) for step in plan)
    return Program(layers, Preparation.of(weights.recipe, (plan.height, plan.width)), order)


def _layer(step: Step, tensors: Mapping[str, Array], eps: float) -> Layer:
    def weight(leaf: str) -> Array | None:
        return tensors.get(names.weight_key(step.name, leaf))

    norm = Norm(*(weight(f"bn/{leaf}") for leaf in names.BN_LEAVES), step.bn_eps(eps)) if step.normalized else None
    there = {"norm": norm is not None, "bias": step.biased, "act": step.activation != "none"}
    return Layer(
        name=step.name,
        op=step.op,
        reads=step.inputs,
        shape=step.shape,
        kernel=weight("kernel"),
        bias=weight("bias"),
        norm=norm,
        stride=step.stride,
        pads=tuple(step.pads),
        activation=step.activation,
        act=ACTIVATIONS[step.activation],
        stages=("sum", *(stage for stage, holds in there.items() if holds)),
    )


class Run(NamedTuple):
    """A program and the tensors that it made, in the order of execution."""

    program: Program
    tensors: Tensors


def run(program: Program, source: Array, *, parts: bool = False, known: Run | None = None) -> Run:
    """Run a port on a picture u8[H, W, 3], or on an input [N, H, W, 3]; its tensors are as they are when it ends.

    The layers that it begins with in common with a ``known`` run on the same source are not computed again.
    """
    picture = source.dtype == np.uint8
    values = {"picture": source} if picture else {}
    values[names.INPUT] = program.preparation.apply(source) if picture else source
    done = _in_common(program, known, values)
    for layer in program.layers[:done]:
        values |= {name: known.tensors[name] for name in _names(layer, parts)}
    scene = Scene(values, program.order)
    for layer in program.layers[done:]:
        with np.errstate(all="ignore"):  # wrong programs may overflow
            made = {stage_name(layer, stage): tensor for stage, tensor in layer.compute(scene)}
        values |= {name: made[name] for name in _names(layer, parts)}
    for change in program.dumping:
        values = change(dict(values))
    return Run(program, values)


def stage_name(layer: Layer, stage: str) -> str:
    """Name of what a stage hands on, as a golden names it."""
    return layer.name if stage == "out" else names.part_name(layer.name, PARTS.get(stage, stage))


def _names(layer: Layer, parts: bool) -> list[str]:
    inner = [stage_name(layer, stage) for stage in layer.stages] if parts and layer.norm is not None else []
    return [*inner, layer.name]


def _in_common(program: Program, known: Run | None, values: Tensors) -> int:
    """How many layers both begin with."""
    if known is None or not np.array_equal(values[names.INPUT], known.tensors[names.INPUT]):
        return 0
    pairs = zip(program.layers, known.program.layers, strict=False)
    return next((done for done, (ours, theirs) in enumerate(pairs) if ours is not theirs), len(program.layers))

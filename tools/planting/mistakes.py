"""Operators: each plants one kind of mistake into a right port, in a place and with numbers drawn from a seed."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import NamedTuple

import numpy as np

from planting.cases import SOURCES
from planting.layers import Array, Edit, Layer, Scene
from planting.preparation import Preparation
from planting.program import Program
from planting.truth import Truth

Rng = np.random.Generator

ANY, PICTURES, BATCHES = tuple(SOURCES), ("codes", "chelsea"), ("batch",)


class Planting(NamedTuple):
    """A program with a mistake in it, the mistake in words, and what names it."""

    program: Program
    said: str
    truth: Truth


class Operator(NamedTuple):
    """A kind of mistake, on what it shows; ``plant`` returns None where the port has no place for it."""

    name: str
    family: str
    plant: Callable[[Program, Rng], Planting | None]
    sources: tuple[str, ...]


class Register:
    """Collects operators; its decorators say what they change: a layer, the preparation, or the whole program."""

    def __init__(self) -> None:
        self.operators: list[Operator] = []

    def layer(self, family: str, where: Callable[[Layer], bool], sources: tuple[str, ...] = ANY) -> Callable:
        """Of a layer for which ``where`` holds: (layer, rng) -> layer, words, truth."""

        def decorate(change: Callable[[Layer, Rng], tuple[Layer, str, Truth]]) -> Callable:
            def plant(program: Program, rng: Rng) -> Planting | None:
                there = [layer for layer in program.layers if where(layer)]
                if not there:
                    return None
                layer, said, truth = change(there[rng.integers(len(there))], rng)
                return Planting(program.replaced(layer), f"{layer.name}: {said}", truth)

            return self._add(change, family, plant, sources)

        return decorate

    def preparation(self, family: str) -> Callable:
        """Of how the picture becomes the input: (preparation, rng) -> preparation, words, truth."""

        def decorate(change: Callable[[Preparation, Rng], tuple[Preparation, str, Truth]]) -> Callable:
            def plant(program: Program, rng: Rng) -> Planting | None:
                preparation, said, truth = change(program.preparation, rng)
                return Planting(replace(program, preparation=preparation), f"input: {said}", truth)

            return self._add(change, family, plant, PICTURES)

        return decorate

    def program(self, family: str, sources: tuple[str, ...] = ANY) -> Callable:
        """Of anything: (program, rng) -> program, words, truth; or None."""

        def decorate(change: Callable[[Program, Rng], tuple[Program, str, Truth] | None]) -> Callable:
            def plant(program: Program, rng: Rng) -> Planting | None:
                changed = change(program, rng)
                return None if changed is None else Planting(*changed)

            return self._add(change, family, plant, sources)

        return decorate

    def _add(self, change: Callable, family: str, plant: Callable, sources: tuple[str, ...]) -> Callable:
        self.operators.append(Operator(change.__name__, family, plant, sources))
        return change


def convolves(layer: Layer) -> bool:
    """Whether it is a convolution of any kind."""
    return layer.op in ("convolution", "depthwise")


def pointwise(layer: Layer) -> bool:
    """Whether it is a convolution of one tap."""
    return layer.op == "convolution" and layer.taps == 1


def pictures(layer: Layer) -> bool:
    """Whether it makes pictures [N, H, W, C]."""
    return layer.op in ("convolution", "depthwise", "excite", "add")


def in_memory(change: Callable[[Array], Array]) -> Edit:
    """An edit of a copy of a tensor as it lies in the port's memory: pictures [N, H, W, C] or [N, C, H, W]."""

    def edit(x: Array, scene: Scene) -> Array:
        if scene.order == "NCHW" and x.ndim == 4:
            return change(x.transpose(0, 3, 1, 2).copy()).transpose(0, 2, 3, 1)
        return change(x.copy())

    return edit


def plain(change: Callable[[Array], Array]) -> Edit:
    """An edit of a tensor alone."""
    return lambda x, scene: change(x)

"""Layers of a head by their tensors: the shapes tell what they are, the names in which order they come.

A state dict has the tensors of dense layers, batch norms and of a generalised mean; of activations, dropout and
reshaping it has nothing but the numbers that their modules take up in a sequence.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Literal

from refnet.arrays import Array

Kind = Literal["dense", "batch_norm", "gem", "strange"]
_BATCH_NORM = {"weight", "bias", "running_mean", "running_var"}
_POOL = re.compile(r"\w*(gem|pool)\w*")
# Layers that compare directions: their inputs or kernels are divided by their lengths, which no tensor shows.
_DIRECTIONS = re.compile(r"\w*(arc|cosine|cosface|sphere|margin|metric|proto|proxy|proxies|normed|l2)\w*")


@dataclass(frozen=True)
class Layer:
    """One module with tensors.

    Attributes
    ----------
    name
        Of the module, as it stands in the file.
    kind
        What it is by its tensors; ``strange`` is anything else.
    tensors
        Its tensors by leaf: ``weight``, ``bias``, ….
    """

    name: str
    kind: Kind
    tensors: Mapping[str, Array] = field(repr=False)

    @property
    def width(self) -> tuple[int, int]:
        """Numbers that it takes and makes, of a dense layer or a batch norm."""
        if self.kind == "dense":
            made, taken = self.tensors["weight"].shape
            return taken, made
        (count,) = self.tensors["weight"].shape
        return count, count

    @property
    def slot(self) -> tuple[str, int | None]:
        """The sequence that it is part of and its number there; no number where it has a name of its own."""
        parent, _, last = self.name.rpartition(".")
        return (parent, int(last)) if last.isdecimal() else (self.name, None)


def layers_of(tensors: Mapping[str, Array]) -> list[Layer]:
    """Find the layers behind tensors by name, in the order of their names: numbers count as numbers.

    Examples
    --------
    >>> import numpy as np
    >>> tensors = {"fc.10.weight": np.zeros((2, 8)), "fc.2.weight": np.zeros((8, 4)), "fc.2.bias": np.zeros(8)}
    >>> [(layer.name, layer.kind, layer.width) for layer in layers_of(tensors)]
    [('fc.2', 'dense', (4, 8)), ('fc.10', 'dense', (8, 2))]
    """
    modules: dict[str, dict[str, Array]] = {}
    for name, array in tensors.items():
        module, _, leaf = name.rpartition(".")
        modules.setdefault(module, {})[leaf] = array
    found = [Layer(module, _kind(module, leaves), leaves) for module, leaves in modules.items()]
    return sorted(found, key=lambda layer: _natural(layer.name))


def _kind(module: str, leaves: Mapping[str, Array]) -> Kind:
    shapes = {leaf: array.shape for leaf, array in leaves.items() if array.dtype.kind == "f"}
    weight = shapes.get("weight", ())
    if len(weight) == 2 and min(weight) > 0 and shapes.keys() <= {"weight", "bias"}:
        if "bias" not in shapes and any(_DIRECTIONS.fullmatch(part.lower()) for part in module.split(".")):
            return "strange"
        return "dense" if shapes.get("bias", weight[:1]) == weight[:1] else "strange"
    if shapes.keys() == _BATCH_NORM and len(weight) == 1 and set(shapes.values()) == {weight}:
        return "batch_norm"
    if shapes == {"p": (1,)} and any(_POOL.fullmatch(part.lower()) for part in module.split(".")):
        return "gem"
    return "strange"


def _natural(name: str) -> list[tuple[int, str]]:
    return [(int(part), "") if part.isdecimal() else (-1, part) for part in name.split(".")]


def in_order(layers: Iterable[Layer], width: int) -> list[Layer] | None:
    """Order layers so that each takes what the one before makes, beginning with ``width``; None if that is not one way.

    Layers of one sequence have their order by their numbers.

    Examples
    --------
    >>> import numpy as np
    >>> bottom, top = layers_of({"a.weight": np.zeros((2, 8)), "b.weight": np.zeros((8, 4))})
    >>> [layer.name for layer in in_order([bottom, top], 4)]
    ['b', 'a']
    """
    left = list(layers)
    parents = {layer.slot[0] for layer in left}
    if len(parents) == 1 and all(layer.slot[1] is not None for layer in left):
        return left if _is_chain(left, width) else None
    found: list[Layer] = []
    while left:
        fitting = [layer for layer in left if layer.width[0] == width]
        norms = [layer for layer in fitting if layer.kind == "batch_norm"]
        elsewhere = all(layer.width[1] != width for layer in fitting if layer.kind == "dense")
        following = norms if len(norms) == 1 and len(fitting) == 2 and elsewhere else fitting
        if len(following) != 1:
            return None
        found.append(following[0])
        left.remove(following[0])
        width = following[0].width[1]
    return found


def _is_chain(layers: list[Layer], width: int) -> bool:
    for layer in layers:
        taken, made = layer.width
        if taken != width:
            return False
        width = made
    return True

"""Which layer of a model each variable of a file belongs to, by the paths of both; and the content that makes."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass

from h5py import h5d

from refnet.arrays import Array
from refnet.checkpoints.readers.keras import keras_content
from refnet.checkpoints.readers.keras.hdf5_tree import Tree
from refnet.checkpoints.readers.keras.keras_content import Content, Layer
from refnet.files.hdf5 import RefusedError

LAYERS = "layers"
LEAVES = {"depthwise_kernel": "kernel"}  # one name for what Keras 2 and 3 call differently
RANDOM_STATE = "seed_generator"


@dataclass(frozen=True)
class Variable:
    """A variable of a file.

    Attributes
    ----------
    owner
        The layer's own name.
    leaf
        Its name in the layer.
    dataset
        Where it lies.
    place
        The path of names that leads to its layer, empty if the file does not say what its layers are.
    where
        Its path in the file.
    """

    owner: str
    leaf: str
    dataset: h5d.DatasetID
    place: str
    where: str


def content(tree: Tree, variables: Iterator[Variable], model: Layer | None, version: str = "") -> Content:
    """Read the variables of an open file and put them in their places."""
    found: dict[str, Variable] = {}
    for variable in variables:
        name = keras_content.key(variable.owner, variable.leaf)
        if name in found and (variable.place or RANDOM_STATE in variable.where.split("/")):
            name = variable.where
        if name in found:
            raise RefusedError(f"two variables are called {name[:200]!r}")
        found[name] = variable
    tensors = tree.read({name: variable.dataset for name, variable in found.items()})
    placed: dict[str, dict[str, Array]] = {}
    for name, variable in found.items():
        if variable.place:
            leaf = keras_content.key("", variable.leaf).removeprefix("/")
            inside = placed.setdefault(variable.place, {})
            if LEAVES.get(leaf, leaf) in inside:
                raise RefusedError(f"layer {variable.place[:200]!r} has two variables {leaf[:80]!r}")
            inside[LEAVES.get(leaf, leaf)] = tensors[name]
    return Content(tensors, model, version, placed)


def groups(model: Layer, above: str = "", path: str = "") -> Iterator[tuple[str, str, Layer]]:
    """Paths of the groups that Keras 3 keeps a model's layers in, and the paths of names that lead to the layers.

    Examples
    --------
    >>> net = Layer("net", "Functional", {}, (Layer("a", "Conv2D", {}), Layer("b", "Conv2D", {})))
    >>> [(group, place) for group, place, _ in groups(Layer("model", "Sequential", {}, (net,)))][1:]
    [('layers/functional/layers/conv2d', 'net/a'), ('layers/functional/layers/conv2d_1', 'net/b')]
    """
    counts: Counter[str] = Counter()
    for layer in model.inside:
        snake = _snake(layer.kind)
        group = f"{above}{LAYERS}/{snake}_{counts[snake]}" if counts[snake] else f"{above}{LAYERS}/{snake}"
        counts[snake] += 1
        yield group, path + layer.name, layer
        yield from groups(layer, f"{group}/", f"{path}{layer.name}/")


class Places:
    """The layers in each group of Keras 2, a layer or a model as one, by their own names."""

    def __init__(self, model: Layer | None) -> None:
        tops = [] if model is None else model.inside
        named = Counter(layer.name for layer in tops)
        self._tops = {layer.name: layer for layer in tops if named[layer.name] == 1}
        self._inside: dict[str, dict[str, str]] = {}

    def of(self, layer: str, owner: str) -> str:
        """Path of names to the layer ``owner`` in the group of ``layer``; empty where the model does not tell."""
        top = self._tops.get(layer)
        if top is None or not top.inside:
            return "" if top is None else layer
        if layer not in self._inside:
            self._inside[layer] = _unique(top)
        return self._inside[layer].get(owner, "")


def _unique(top: Layer) -> dict[str, str]:
    """Paths to the layers of a model whose names are there once."""
    found = [(inner.name, place) for _, place, inner in groups(top, path=f"{top.name}/") if not inner.inside]
    named = Counter(name for name, _ in found)
    return {name: place for name, place in found if named[name] == 1}


def _snake(kind: str) -> str:
    """What Keras makes of the name of a class: ``DepthwiseConv2D`` becomes ``depthwise_conv2d``."""
    words = re.sub(r"(.)([A-Z][a-z]+)", r"\1_\2", re.sub(r"\W+", "", kind))
    return re.sub(r"([a-z])([A-Z])", r"\1_\2", words).lower()

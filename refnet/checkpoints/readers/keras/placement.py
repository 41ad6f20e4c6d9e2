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


def place_in_layer(model: Layer | None, layer: str, owner: str) -> str:
    """Path of names to the layer ``owner`` in the group that Keras 2 keeps a layer, or a model as one, in."""
    top = [] if model is None else [each for each in model.inside if each.name == layer]
    if len(top) != 1:
        return ""
    if not top[0].inside:
        return layer
    found = [place for _, place, inner in groups(top[0], path=f"{layer}/") if inner.name == owner and not inner.inside]
    return found[0] if len(found) == 1 else ""


def _snake(kind: str) -> str:
    """What Keras makes of the name of a class: ``DepthwiseConv2D`` becomes ``depthwise_conv2d``."""
    words = re.sub(r"(.)([A-Z][a-z]+)", r"\1_\2", re.sub(r"\W+", "", kind))
    return re.sub(r"([a-z])([A-Z])", r"\1_\2", words).lower()

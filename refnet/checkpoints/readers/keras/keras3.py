"""The files of Keras 3: weights alone, ``.weights.h5``, and whole models, ``.keras``. Keras 2 wrote them too, at last.

A ``.weights.h5`` is an HDF5 file whose groups are the model's parts as objects, with numbers for names of variables:

============================================  ===================================================================
group                                         what
============================================  ===================================================================
``layers/conv2d_3``                           a layer: the fourth Conv2D in the model's order
``layers/conv2d_3/vars``                      its variables, ``0``, ``1``, …; lately with an attribute ``name``
``layers/functional/layers/conv2d_3``         the same of a model that is a layer of another
``optimizer``, ``metrics``                    of a model that was compiled or trained; left alone
============================================  ===================================================================

A ``.keras`` is a zip archive of such a file, ``model.weights.h5``, of ``config.json``, which says what the model is,
and of ``metadata.json``. Where the variables have no name of a layer beside them, the configuration tells it: it
lists the layers in the order in which Keras counts them.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import replace
from functools import partial

from h5py import h5g

from refnet.checkpoints.readers.keras import hdf5_tree, keras_content, placement
from refnet.checkpoints.readers.keras.hdf5_tree import Tree
from refnet.checkpoints.readers.keras.keras_content import Content, Layer
from refnet.checkpoints.readers.keras.placement import Variable
from refnet.errors import CheckpointError
from refnet.files import zip_archive
from refnet.files.hdf5 import RefusedError

VARIABLES, NAME = "vars", "name"
OF_TRAINING = ("optimizer", "metrics")
MAX_DEPTH = 16  # of groups

# The archive.
WEIGHTS, CONFIG, METADATA = "model.weights.h5", "config.json", "metadata.json"
ASSETS = "assets/"

_NORM = ("gamma", "beta", "moving_mean", "moving_variance")
_ORDER = {
    "conv2d": ("kernel", "bias"),
    "depthwise_conv2d": ("kernel", "bias"),
    "dense": ("kernel", "bias"),
    "batch_normalization": _NORM,
    "normalization": ("mean", "variance", "count"),
}


def load_archive(data: bytes) -> Content:
    """Read the bytes of a ``.keras``."""
    members = zip_archive.members(data)
    missing = [name for name in (WEIGHTS, CONFIG, METADATA) if name not in members]
    others = [name[:80] for name in members if name not in (WEIGHTS, CONFIG, METADATA) and not name.startswith(ASSETS)]
    if missing or others:
        raise CheckpointError(f"not a .keras file: missing {missing!r}, unknown {others!r:.1000}")
    metadata = keras_content.parse_json(bytes(members[METADATA]), METADATA)
    version = metadata.get("keras_version") if isinstance(metadata, dict) else None
    model = keras_content.parse_model(bytes(members[CONFIG]))
    content = hdf5_tree.parse(bytes(members[WEIGHTS]), partial(read, model=model))
    return replace(content, version=version if isinstance(version, str) else "")


def is_archive(names: list[str]) -> bool:
    """Whether the members of a zip archive are those of a ``.keras``."""
    return WEIGHTS in names and CONFIG in names


def has_layout(tree: Tree) -> bool:
    """Whether an HDF5 file is laid out like this."""
    return tree.has(tree.root, placement.LAYERS)


def read(tree: Tree, model: Layer | None = None) -> Content:
    """Read from a file that is open; ``model`` says what its layers are called, and by which path each is found."""
    known = {group: (place, layer) for group, place, layer in placement.groups(model)} if model else {}
    return placement.content(tree, _found(tree, known), model)


def _found(tree: Tree, known: Mapping[str, tuple[str, Layer]]) -> Iterator[Variable]:
    for path, group in _variables(tree, tree.root, ""):
        counted = path.rpartition("/")[2]
        place, layer = known.get(path, ("", None))
        owner = tree.text(group, NAME) or (layer.name if layer else counted)
        for number in tree.links(group):
            where = f"{path}/{VARIABLES}/{number}"
            dataset = tree.dataset(group, number, where)
            yield Variable(owner, _leaf(counted, number, layer), dataset, place, where)


def _variables(tree: Tree, group: h5g.GroupID, path: str) -> Iterator[tuple[str, h5g.GroupID]]:
    """Find the groups of variables, and the paths of what they belong to."""
    if path.count("/") >= MAX_DEPTH:
        raise RefusedError(f"{path[:200]!r} lies deeper than {MAX_DEPTH} groups")
    for name in tree.links(group):
        child = f"{path}/{name}".removeprefix("/")
        if name == VARIABLES:
            yield path, tree.group(group, name)
        elif child not in OF_TRAINING:
            yield from _variables(tree, tree.group(group, name), child)


def _leaf(counted: str, number: str, layer: Layer | None) -> str:
    """Name of a variable by its number; the number where its layer is of a class that no EfficientNet has."""
    order = _ORDER.get(re.sub(r"_\d+\Z", "", counted), ())
    if order == _NORM and layer is not None:
        without = [
            leaf for leaf, switch in (("gamma", "scale"), ("beta", "center")) if layer.settings.get(switch) is False
        ]
        order = tuple(leaf for leaf in _NORM if leaf not in without)
    return order[int(number)] if re.fullmatch(r"\d{1,3}", number) and int(number) < len(order) else number

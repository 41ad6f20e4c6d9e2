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
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import replace
from functools import partial

from h5py import h5d, h5g

from refnet.checkpoints.readers.keras import hdf5_tree, keras_content
from refnet.checkpoints.readers.keras.hdf5_tree import Tree
from refnet.checkpoints.readers.keras.keras_content import Content, Layer
from refnet.errors import CheckpointError
from refnet.files import zip_archive
from refnet.files.hdf5 import RefusedError

LAYERS, VARIABLES, NAME = "layers", "vars", "name"
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
    content = hdf5_tree.parse(bytes(members[WEIGHTS]), partial(read, called=containers(model)))
    return replace(content, model=model, version=version if isinstance(version, str) else "")


def is_archive(names: list[str]) -> bool:
    """Whether the members of a zip archive are those of a ``.keras``."""
    return WEIGHTS in names and CONFIG in names


def has_layout(tree: Tree) -> bool:
    """Whether an HDF5 file is laid out like this."""
    return tree.has(tree.root, LAYERS)


def read(tree: Tree, called: Mapping[str, str] | None = None) -> Content:
    """Read from a file that is open; ``called`` has the names of layers by the paths of their groups."""
    known = called or {}
    datasets: dict[str, h5d.DatasetID] = {}
    for path, group in _variables(tree, tree.root, ""):
        counted = path.rpartition("/")[2]
        layer = tree.text(group, NAME) or known.get(path, counted)
        for number in tree.links(group):
            name = keras_content.key(layer, _leaf(counted, number))
            if name in datasets:
                raise RefusedError(f"two variables are called {name[:200]!r}")
            datasets[name] = tree.dataset(group, number, f"{path}/{VARIABLES}/{number}")
    return Content(tree.read(datasets))


def containers(model: Layer, above: str = "") -> dict[str, str]:
    """Paths of the groups of a model's layers, to the names of the layers.

    Examples
    --------
    >>> containers(Layer("net", "Functional", {}, (Layer("a", "Conv2D", {}), Layer("b", "Conv2D", {}))))
    {'layers/conv2d': 'a', 'layers/conv2d_1': 'b'}
    """
    found: dict[str, str] = {}
    counts: Counter[str] = Counter()
    for layer in model.inside:
        snake = _snake(layer.kind)
        path = f"{above}{LAYERS}/{snake}_{counts[snake]}" if counts[snake] else f"{above}{LAYERS}/{snake}"
        counts[snake] += 1
        found[path] = layer.name
        found |= containers(layer, f"{path}/")
    return found


def _snake(kind: str) -> str:
    """What Keras makes of the name of a class: ``DepthwiseConv2D`` becomes ``depthwise_conv2d``."""
    words = re.sub(r"(.)([A-Z][a-z]+)", r"\1_\2", re.sub(r"\W+", "", kind))
    return re.sub(r"([a-z])([A-Z])", r"\1_\2", words).lower()


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


def _leaf(counted: str, number: str) -> str:
    """Name of a variable by its number; the number where its layer is of a class that no EfficientNet has."""
    order = _ORDER.get(re.sub(r"_\d+\Z", "", counted), ())
    return order[int(number)] if re.fullmatch(r"\d{1,3}", number) and int(number) < len(order) else number

"""Names of Keras Applications, converted from TensorFlow's checkpoints: its padding and epsilon go with them.

Blocks have the same names as ours. A file may depart from the names in four ways, which ``rename`` undoes: an
old one calls the classifier ``probs``; Keras 3 calls a depthwise kernel ``kernel``; Keras numbers the normalization
layer when there is more than one model at a time; and where a file has no names, layers are counted by class,
``conv2d``, ``conv2d_1``, …. The classifier of a fine-tuned network may have any name: ``with_classifier``.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Mapping
from functools import cache
from typing import Any, TypeVar

import numpy as np
import numpy.typing as npt

from refnet.architecture import names
from refnet.architecture.plan import make_plan
from refnet.architecture.variants import Architecture, variant
from refnet.checkpoints.naming import tf_layout
from refnet.checkpoints.naming.pairing import Arrays, Pair
from refnet.checkpoints.naming.tf_layout import Layers

VARIANTS = ("b0", "b1", "b2", "b3", "b4", "b5", "b6", "b7")

DEPTHWISE_KERNEL = "depthwise_kernel"  # Keras 3: kernel
CLASSIFIER, OLD_CLASSIFIER = "predictions", "probs"
NORMALIZATION = "normalization"
MEAN, VARIANCE = f"{NORMALIZATION}/mean", f"{NORMALIZATION}/variance"
SPARE = {
    MEAN: "of the pixels; it is part of the recipe for pictures",
    VARIANCE: "of the pixels; it is part of the recipe for pictures",
    f"{NORMALIZATION}/count": "how many pixels were counted; inference does not use it",
}

_ROOT = {
    names.STEM: Layers("stem_conv", "stem_bn"),
    names.HEAD: Layers("top_conv", "top_bn"),
    names.LOGITS: Layers(CLASSIFIER),
}
_BLOCK = {
    names.EXPAND: Layers("expand_conv", "expand_bn"),
    names.DEPTHWISE: Layers("dwconv", "bn"),
    names.REDUCE: Layers("se_reduce"),
    names.GATE: Layers("se_expand"),
    names.PROJECT: Layers("project_conv", "project_bn"),
}
_COUNTED = {"convolution": "conv2d", "depthwise": "depthwise_conv2d", "dense": "conv2d"}
_COUNTED_NORM, _COUNTED_CLASSIFIER = "batch_normalization", "dense"

Value = TypeVar("Value")


def layers(architecture: Architecture) -> dict[str, Layers]:
    """Name the layers behind each step.

    Examples
    --------
    >>> layers(variant("b0"))["block2b.project"]
    Layers(layer='block2b_project_conv', norm='block2b_project_bn')
    """
    found = dict(_ROOT)
    for block in architecture.blocks:
        for part, (layer, norm) in _BLOCK.items():
            found[names.part_name(block.name, part)] = Layers(f"{block.name}_{layer}", norm and f"{block.name}_{norm}")
    return found


def pairs(architecture: Architecture) -> tuple[Pair, ...]:
    """Name every tensor of an architecture both ways, in execution order."""
    return tf_layout.pairs(architecture, layers(architecture), DEPTHWISE_KERNEL)


def spare(_: tuple[Pair, ...]) -> Mapping[str, str]:
    """Name and reason for each variable of the normalization layer, which a file may have beside the network's."""
    return SPARE


def rename(tensors: Mapping[str, Value], architectures: Iterable[Architecture] | None = None) -> dict[str, Value]:
    """Give the tensors of a file the names of ``pairs`` and ``SPARE``, as far as there is no doubt.

    A file of counted layers is of the network that has exactly as many layers of each class, among the published
    variants if none are given.

    Examples
    --------
    >>> rename({"stem_conv/kernel": 1, "probs/bias": 2, "normalization_3/mean": 3})
    {'stem_conv/kernel': 1, 'predictions/bias': 2, 'normalization/mean': 3}
    """
    stored = {name.rpartition("/")[0] for name in tensors}
    new: Mapping[str, str] = {}
    if _ROOT[names.STEM].layer not in stored:
        new = _counted_in(stored, architectures or (variant(name) for name in VARIANTS))
    numbered = [layer for layer in stored if re.fullmatch(rf"{NORMALIZATION}(_\d+)?", layer)]
    if len(numbered) == 1:
        new = {**new, numbered[0]: NORMALIZATION}
    if CLASSIFIER not in stored:
        new = {OLD_CLASSIFIER: CLASSIFIER, **new}
    found = {}
    for name, value in tensors.items():
        layer, slash, leaf = name.rpartition("/")
        layer = new.get(layer, layer)
        if leaf == "kernel" and layer.endswith(_BLOCK[names.DEPTHWISE].layer):
            leaf = DEPTHWISE_KERNEL
        found[layer + slash + leaf] = value
    return found


def with_classifier(tensors: Arrays) -> dict[str, npt.NDArray[Any]]:
    """Give a fine-tuned network's classifier the publisher's name, if it is the only layer with a foreign one.

    People call it what they like: ``pred``, ``dense_3``. It is taken for the classifier if it is a dense layer on top
    of the network's last convolution, and no other layer is unknown.

    Examples
    --------
    >>> kernel, bias = np.zeros((1280, 7), np.float32), np.zeros(7, np.float32)
    >>> list(with_classifier({"top_bn/gamma": np.ones(1280, np.float32), "pred/kernel": kernel, "pred/bias": bias}))
    ['top_bn/gamma', 'predictions/kernel', 'predictions/bias']
    """
    owners = {name: name.rpartition("/")[0] for name in tensors}
    foreign = set(owners.values()) - known_layers()
    if len(foreign) != 1 or CLASSIFIER in owners.values():
        return dict(tensors)
    (layer,) = foreign
    shapes = {name.rpartition("/")[2]: tensors[name].shape for name, owner in owners.items() if owner == layer}
    width = np.shape(tensors.get(f"{_ROOT[names.HEAD].norm}/gamma", ()))
    kernel, bias = shapes.get("kernel", ()), shapes.get("bias", ())
    if shapes.keys() != {"kernel", "bias"} or len(kernel) != 2 or kernel[:1] != width or kernel[1:] != bias:
        return dict(tensors)
    new = {f"{layer}/{leaf}": f"{CLASSIFIER}/{leaf}" for leaf in shapes}
    return {new.get(name, name): array for name, array in tensors.items()}


@cache
def known_layers() -> frozenset[str]:
    """Every layer that has variables in some variant.

    Examples
    --------
    >>> {"stem_conv", "block7d_project_bn", "normalization"} <= known_layers()
    True
    """
    every = (layers(variant(name)).values() for name in VARIANTS)
    return frozenset({layer for of_one in every for both in of_one for layer in both if layer} | {NORMALIZATION})


@cache
def counted(architecture: Architecture) -> Mapping[str, str]:
    """What Keras calls each layer when it counts them by class, to its name.

    All layers of one class lie on one path through the network, so their order is the plan's.

    Examples
    --------
    >>> table = counted(variant("b0"))
    >>> table["conv2d_4"], table["depthwise_conv2d_1"], table["batch_normalization_48"], table["dense"]
    ('block2a_expand_conv', 'block2a_dwconv', 'top_bn', 'predictions')
    """
    found: dict[str, str] = {}
    counts: Counter[str] = Counter()

    def count(kind: str, layer: str) -> None:
        found[f"{kind}_{counts[kind]}" if counts[kind] else kind] = layer
        counts[kind] += 1

    known = layers(architecture)
    for step in make_plan(architecture):
        if step.weights:
            layer, norm = known[step.name]
            count(_COUNTED_CLASSIFIER if step.name == names.LOGITS else _COUNTED[step.op], layer)
            if norm:
                count(_COUNTED_NORM, norm)
    return found


def _counted_in(stored: Iterable[str], architectures: Iterable[Architecture]) -> Mapping[str, str]:
    """Find the table that has just these layers; a file may lack the classifier, or have more layers behind it."""

    def of_network(layers: Iterable[str], *kinds: str) -> set[str]:
        return {layer for layer in layers if re.sub(r"_\d+\Z", "", layer) in kinds}

    every = (*_COUNTED.values(), _COUNTED_NORM)
    layers, tables = list(stored), [counted(architecture) for architecture in architectures]
    for table in tables:
        if of_network(layers, *every) == of_network(table, *every):
            return table
    for table in tables:
        if of_network(layers, *_COUNTED.values()) == of_network(table, *_COUNTED.values()):
            names, own = of_network(layers, _COUNTED_NORM), of_network(table, _COUNTED_NORM)
            if own < names:  # shapes tell whether those on top were counted last
                return {layer: name for layer, name in table.items() if not layer.startswith(_COUNTED_CLASSIFIER)}
    return {}

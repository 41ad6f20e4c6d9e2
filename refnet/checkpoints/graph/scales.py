"""Convolutions whose sums are scaled and shifted by constants: batch norms of which a converter left no more than that.

A batch norm of mean 0 and variance 1, to which nothing is added, is just that: no number changes. Converters fold some
batch norms into the convolutions and leave others so, as tf2onnx does behind depthwise convolutions.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import replace

import numpy as np

from refnet.arrays import Array
from refnet.checkpoints.graph.graph import Node
from refnet.checkpoints.graph.vectors import kernel_channels, vector

LEFT = "scale"  # marks such a batch norm
_CONVOLUTIONS = ("convolution", "depthwise")
_PLAIN = {"gamma": 1.0, "beta": 0.0, "mean": 0.0, "variance": 1.0}


def scales(nodes: dict[str, Node], output: str) -> tuple[dict[str, Node], str]:
    """Make a batch norm of a multiplication behind a convolution, and of the addition behind that."""
    users = Counter(name for node in nodes.values() for name in node.inputs)
    kept = dict(nodes)
    for scale in nodes.values():
        before = kept.get(scale.inputs[0]) if scale.op == "multiply" and len(scale.inputs) == 1 else None
        if before is None or before.op not in _CONVOLUTIONS or users[before.name] != 1 or before.name == output:
            continue
        factor = vector(scale.tensors.get("constant"), kernel_channels(before))
        if factor is not None:
            kept[before.name], shift = with_norm(before)
            added = {"mean": -shift.tensors["beta"]} if "bias" in before.tensors else {}
            sources = {"gamma": scale.sources["constant"]} if "constant" in scale.sources else {}
            kept[scale.name] = _norm(scale, before.name, {"gamma": factor, **added}, sources)
    for shift in nodes.values():
        norm = kept.get(shift.inputs[0]) if shift.op == "add" and len(shift.inputs) == 1 else None
        if norm is None or not norm.settings.get(LEFT) or users[norm.name] != 1 or norm.name == output:
            continue
        more = vector(shift.tensors.get("constant"), len(norm.tensors["gamma"]))
        if more is not None:
            sources = {"beta": shift.sources["constant"]} if "constant" in shift.sources else {}
            kept[shift.name] = _norm(shift, norm.inputs[0], {**norm.tensors, "beta": more}, {**norm.sources, **sources})
    return kept, output


def _norm(node: Node, before: str, tensors: Mapping[str, Array], sources: Mapping[str, str]) -> Node:
    """A batch norm in a node's place."""
    channels = len(next(iter(tensors.values())))
    plain = {name: np.full(channels, value, np.float32) for name, value in _PLAIN.items()}
    settings = {"eps": 0.0, LEFT: True}
    every = {**plain, **tensors}
    return Node(node.name, node.kind, "batch_norm", (before,), settings, every, sources)


def with_norm(convolution: Node) -> tuple[Node, Node]:
    """A convolution without its bias, and a batch norm that adds it."""
    bias = convolution.tensors.get("bias", np.zeros(kernel_channels(convolution), np.float32))
    tensors = {name: array for name, array in convolution.tensors.items() if name != "bias"}
    sources = {"beta": convolution.sources["bias"]} if "bias" in convolution.sources else {}
    return replace(convolution, tensors=tensors), _norm(convolution, convolution.name, {"beta": bias}, sources)

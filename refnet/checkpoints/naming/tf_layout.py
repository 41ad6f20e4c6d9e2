"""What the families built with TensorFlow have in common: leaf names and axes.

The names of the layers are each family's own: a mapping from step to ``Layers``. From that and the plan follow
all names and shapes.

=============  ===============================  =================
our leaf       of the layer, TensorFlow's axes  our axes
=============  ===============================  =================
kernel         kernel (R, S, C, K)              (R, S, C, K)
kernel         depthwise kernel (R, S, C, 1)    (R, S, C)
kernel         kernel (1, 1, C, K)              (C, K) squeeze-excite
kernel         kernel (C, K)                    (C, K) classifier
bias           bias (K,)                        (K,)
bn/gamma …     gamma, beta, moving_mean,        (K,)
               moving_variance (K,)
=============  ===============================  =================
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

from refnet.architecture import names
from refnet.architecture.plan import make_plan
from refnet.architecture.step import Step, Weight
from refnet.architecture.variants import Architecture
from refnet.checkpoints.naming.pairing import Pair

_NORM_LEAVES = {"gamma": "gamma", "beta": "beta", "mean": "moving_mean", "variance": "moving_variance"}


class Layers(NamedTuple):
    """The layers behind one step: its convolution or dense layer, and its batch norm if any."""

    layer: str
    norm: str = ""


def pairs(architecture: Architecture, layers: Mapping[str, Layers], depthwise_kernel: str) -> tuple[Pair, ...]:
    """Name every tensor both ways, in execution order; families differ in the name of a depthwise kernel."""
    return tuple(
        _pair(step, weight, layers[step.name], depthwise_kernel)
        for step in make_plan(architecture)
        for weight in step.weights
    )


def _pair(step: Step, weight: Weight, of: Layers, depthwise_kernel: str) -> Pair:
    leaf = weight.key.removeprefix(names.weight_key(step.name, ""))
    shape = weight.shape
    if leaf.startswith("bn/"):
        theirs = f"{of.norm}/{_NORM_LEAVES[leaf.removeprefix('bn/')]}"
    elif step.op == "depthwise":
        theirs, shape = f"{of.layer}/{depthwise_kernel}", (*shape, 1)
    else:
        theirs = f"{of.layer}/{leaf}"
        if leaf == "kernel" and step.op == "dense" and step.name != names.LOGITS:
            shape = (1, 1, *shape)  # squeeze-excite works on a picture of one pixel there, by convolutions
    return Pair(weight.key, weight.shape, theirs, shape, axes=tuple(range(len(weight.shape))))

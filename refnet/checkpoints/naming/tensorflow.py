"""Names of the official TensorFlow checkpoints: tensorflow/tpu, models/official/efficientnet.

Layers are numbered in the order they were made, anew in each block: the first has no number, the next is ``_1``.
So a block without expansion has its projection in ``conv2d``, and any other in ``conv2d_1``; with batch norm it is
the same. Blocks count from 0 through all stages.

=============  ===============================  =================
our leaf       of the layer, TensorFlow's axes  our axes
=============  ===============================  =================
kernel         kernel (R, S, C, K)              (R, S, C, K)
kernel         depthwise_kernel (R, S, C, 1)    (R, S, C)
kernel         kernel (1, 1, C, K)              (C, K) squeeze-excite
kernel         kernel (C, K)                    (C, K) classifier
bias           bias (K,)                        (K,)
bn/gamma …     gamma, beta, moving_mean,        (K,)
               moving_variance (K,)
=============  ===============================  =================
"""

from __future__ import annotations

from typing import NamedTuple

from refnet import names
from refnet.architecture import Architecture, Block
from refnet.checkpoints.naming.pairing import Pair
from refnet.padding import Padding
from refnet.plan import Step, Weight, make_plan

PADDING: Padding = "same"
BN_EPS = 1e-3
AVERAGE = "/ExponentialMovingAverage"

_NORM_LEAVES = {"gamma": "gamma", "beta": "beta", "mean": "moving_mean", "variance": "moving_variance"}


class Layers(NamedTuple):
    """The layers behind one step: its convolution or dense layer, and its batch norm if any."""

    layer: str
    norm: str = ""


def layers(architecture: Architecture) -> dict[str, Layers]:
    """Name the layers behind each step.

    Examples
    --------
    >>> from refnet.architecture import variant
    >>> layers(variant("b0"))["block2a.project"]
    Layers(layer='efficientnet-b0/blocks_1/conv2d_1', norm='efficientnet-b0/blocks_1/tpu_batch_normalization_2')
    """
    scope = f"efficientnet-{architecture.name}"
    found = {
        step: Layers(f"{scope}/{step}/conv2d", f"{scope}/{step}/tpu_batch_normalization")
        for step in (names.STEM, names.HEAD)
    }
    found[names.LOGITS] = Layers(f"{scope}/head/dense")
    for index, block in enumerate(architecture.blocks):
        found |= _layers_of(block, f"{scope}/blocks_{index}")
    return found


def pairs(architecture: Architecture) -> tuple[Pair, ...]:
    """Name every tensor of an architecture both ways, without the suffix of averages, in execution order."""
    known = layers(architecture)
    return tuple(_pair(step, weight, known[step.name]) for step in make_plan(architecture) for weight in step.weights)


def _layers_of(block: Block, scope: str) -> dict[str, Layers]:
    first, second = f"{scope}/conv2d", f"{scope}/conv2d_1"
    norms = [f"{scope}/tpu_batch_normalization{number}" for number in ("", "_1", "_2")]
    found = {}
    if block.expands:
        found[names.EXPAND] = Layers(first, norms.pop(0))
    found[names.DEPTHWISE] = Layers(f"{scope}/depthwise_conv2d", norms.pop(0))
    found[names.REDUCE] = Layers(f"{scope}/se/conv2d")
    found[names.GATE] = Layers(f"{scope}/se/conv2d_1")
    found[names.PROJECT] = Layers(second if block.expands else first, norms.pop(0))
    return {names.part_name(block.name, part): layer for part, layer in found.items()}


def _pair(step: Step, weight: Weight, of: Layers) -> Pair:
    leaf = weight.key.removeprefix(names.weight_key(step.name, ""))
    shape = weight.shape
    if leaf.startswith("bn/"):
        theirs = f"{of.norm}/{_NORM_LEAVES[leaf.removeprefix('bn/')]}"
    elif step.op == "depthwise":
        theirs, shape = f"{of.layer}/depthwise_kernel", (*shape, 1)
    else:
        theirs = f"{of.layer}/{leaf}"
        if leaf == "kernel" and step.op == "dense" and step.name != names.LOGITS:
            shape = (1, 1, *shape)  # squeeze-excite works on a picture of one pixel there, by convolutions
    return Pair(weight.key, weight.shape, theirs, shape, axes=tuple(range(len(weight.shape))))

"""Names of the official TensorFlow checkpoints: tensorflow/tpu, models/official/efficientnet.

Layers are numbered in the order they were made, anew in each block: the first has no number, the next is ``_1``.
So a block without expansion has its projection in ``conv2d``, and any other in ``conv2d_1``; with batch norm it is
the same. Blocks count from 0 through all stages.
"""

from __future__ import annotations

from refnet.architecture import names
from refnet.architecture.variants import Architecture, Block
from refnet.checkpoints.naming import tf_layout
from refnet.checkpoints.naming.pairing import Pair
from refnet.checkpoints.naming.tf_layout import Layers

AVERAGE = "/ExponentialMovingAverage"


def layers(architecture: Architecture) -> dict[str, Layers]:
    """Name the layers behind each step.

    Examples
    --------
    >>> from refnet.architecture.variants import variant
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
    return tf_layout.pairs(architecture, layers(architecture), "depthwise_kernel")


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

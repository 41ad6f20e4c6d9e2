"""Names of Hugging Face's transformers: ``EfficientNetModel``, and the same with a classifier behind it.

Their weights are Keras's, converted: TensorFlow's epsilon, and zeros as for pictures of one size. Blocks count from 0
through all stages. The classifier lies outside the network's own prefix: ``efficientnet.encoder.…`` and
``classifier.weight``.
"""

from __future__ import annotations

from refnet.architecture import names
from refnet.architecture.variants import Architecture
from refnet.checkpoints.naming import torch_layout
from refnet.checkpoints.naming.pairing import Pair
from refnet.checkpoints.naming.torch_layout import Modules

_ROOT = {
    names.STEM: Modules("embeddings.convolution", "embeddings.batchnorm"),
    names.HEAD: Modules("encoder.top_conv", "encoder.top_bn"),
    names.LOGITS: Modules("classifier"),
}
_BLOCK = {
    names.EXPAND: Modules("expansion.expand_conv", "expansion.expand_bn"),
    names.DEPTHWISE: Modules("depthwise_conv.depthwise_conv", "depthwise_conv.depthwise_norm"),
    names.REDUCE: Modules("squeeze_excite.reduce"),
    names.GATE: Modules("squeeze_excite.expand"),
    names.PROJECT: Modules("projection.project_conv", "projection.project_bn"),
}


def modules(architecture: Architecture) -> dict[str, Modules]:
    """Name the modules behind each step.

    Examples
    --------
    >>> from refnet.architecture.variants import variant
    >>> modules(variant("b0"))["block2b.project"].norm
    'encoder.blocks.2.projection.project_bn'
    """
    found = dict(_ROOT)
    for index, block in enumerate(architecture.blocks):
        for part, modules in _BLOCK.items():
            found[names.part_name(block.name, part)] = modules.inside(f"encoder.blocks.{index}")
    return found


def pairs(architecture: Architecture) -> tuple[Pair, ...]:
    """Name every tensor of an architecture both ways, in execution order."""
    return torch_layout.pairs(architecture, modules(architecture))

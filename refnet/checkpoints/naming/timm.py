"""Names of timm: ``tf_efficientnet_*``, converted from TensorFlow, and ``efficientnet_*``, trained in PyTorch.

Both have the same names; they differ in padding and epsilon, which the names do not tell.
Beware: in the first stage, which does not expand, ``conv_pw`` is the projection and ``bn1`` and ``bn2`` follow
depthwise convolution and projection; in the others ``conv_pw`` is the expansion, ``conv_pwl`` the projection,
and ``bn1``, ``bn2`` and ``bn3`` follow expansion, depthwise convolution and projection. At the root ``bn1``
follows the stem and ``bn2`` the head. Blocks are ``blocks.STAGE.REPEAT``, both from 0.
"""

from __future__ import annotations

from refnet.architecture import names
from refnet.architecture.variants import Architecture
from refnet.checkpoints.naming import torch_layout
from refnet.checkpoints.naming.pairing import Pair
from refnet.checkpoints.naming.torch_layout import Modules

_ROOT = {
    names.STEM: Modules("conv_stem", "bn1"),
    names.HEAD: Modules("conv_head", "bn2"),
    names.LOGITS: Modules("classifier"),
}
_SQUEEZE_EXCITE = {
    names.REDUCE: Modules("se.conv_reduce"),
    names.GATE: Modules("se.conv_expand"),
}
_WITHOUT_EXPANSION = {
    names.DEPTHWISE: Modules("conv_dw", "bn1"),
    **_SQUEEZE_EXCITE,
    names.PROJECT: Modules("conv_pw", "bn2"),
}
_WITH_EXPANSION = {
    names.EXPAND: Modules("conv_pw", "bn1"),
    names.DEPTHWISE: Modules("conv_dw", "bn2"),
    **_SQUEEZE_EXCITE,
    names.PROJECT: Modules("conv_pwl", "bn3"),
}


def modules(architecture: Architecture) -> dict[str, Modules]:
    """Name the modules behind each step.

    Examples
    --------
    >>> from refnet.architecture.variants import variant
    >>> modules(variant("b0"))["block1a.project"]
    Modules(layer='blocks.0.0.conv_pw', norm='blocks.0.0.bn2')
    >>> modules(variant("b0"))["block2b.project"]
    Modules(layer='blocks.1.1.conv_pwl', norm='blocks.1.1.bn3')
    """
    return torch_layout.modules_by_stage(
        architecture,
        _ROOT,
        "blocks.{stage}.{repeat}",
        first_stage=0,
        expanding=_WITH_EXPANSION,
        plain=_WITHOUT_EXPANSION,
    )


def pairs(architecture: Architecture) -> tuple[Pair, ...]:
    """Name every tensor of an architecture both ways, in execution order."""
    return torch_layout.pairs(architecture, modules(architecture))

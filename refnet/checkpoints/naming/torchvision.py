"""Names of torchvision: B0 to B4 trained in PyTorch, B5 to B7 converted from TensorFlow by way of lukemelas.

All of them run with PyTorch's symmetric padding, B5 to B7 too, although TensorFlow trained these with its own;
only their epsilon is TensorFlow's. Stages are ``features.1`` to ``features.7``, their blocks count from 0;
inside a block the layers are numbered, so that a block without expansion has other numbers.
"""

from __future__ import annotations

from refnet.architecture import names
from refnet.architecture.variants import Architecture
from refnet.checkpoints.naming import torch_layout
from refnet.checkpoints.naming.pairing import Pair
from refnet.checkpoints.naming.torch_layout import Modules

_ROOT = {
    names.STEM: Modules("features.0.0", "features.0.1"),
    names.HEAD: Modules("features.8.0", "features.8.1"),
    names.LOGITS: Modules("classifier.1"),
}
_WITHOUT_EXPANSION = {
    names.DEPTHWISE: Modules("0.0", "0.1"),
    names.REDUCE: Modules("1.fc1"),
    names.GATE: Modules("1.fc2"),
    names.PROJECT: Modules("2.0", "2.1"),
}
_WITH_EXPANSION = {
    names.EXPAND: Modules("0.0", "0.1"),
    names.DEPTHWISE: Modules("1.0", "1.1"),
    names.REDUCE: Modules("2.fc1"),
    names.GATE: Modules("2.fc2"),
    names.PROJECT: Modules("3.0", "3.1"),
}


def modules(architecture: Architecture) -> dict[str, Modules]:
    """Name the modules behind each step.

    Examples
    --------
    >>> from refnet.architecture.variants import variant
    >>> modules(variant("b0"))["block1a.project"]
    Modules(layer='features.1.0.block.2.0', norm='features.1.0.block.2.1')
    >>> modules(variant("b0"))["block2b.project"]
    Modules(layer='features.2.1.block.3.0', norm='features.2.1.block.3.1')
    """
    return torch_layout.modules_by_stage(
        architecture,
        _ROOT,
        "features.{stage}.{repeat}.block",
        first_stage=1,
        expanding=_WITH_EXPANSION,
        plain=_WITHOUT_EXPANSION,
    )


def pairs(architecture: Architecture) -> tuple[Pair, ...]:
    """Name every tensor of an architecture both ways, in execution order."""
    return torch_layout.pairs(architecture, modules(architecture))

"""Other people's EfficientNet, in PyTorch, with refnet's weights: what the tools and tests that compare share.

B0–B7 are those of ``efficientnet-pytorch``, Lite0–4 those of ``efficientnet-lite-pytorch``; both pad by
TensorFlow's SAME rule for the picture size they are built for. Inputs and outputs are NHWC here, as in refnet.
"""

from __future__ import annotations

from typing import Any

import efficientnet_lite_pytorch
import efficientnet_pytorch
import numpy as np
import numpy.typing as npt
import torch

from refnet.architecture import names
from refnet.architecture.variants import Architecture
from refnet.checkpoints.publishers import PUBLISHERS
from refnet.weights.weights import Weights

Array = npt.NDArray[Any]


def peer(weights: Weights, size: int, dtype: torch.dtype = torch.float32) -> torch.nn.Module:
    """Build the other implementation for pictures of size x size, on the same weights, for inference."""
    architecture = weights.architecture
    package = efficientnet_lite_pytorch if architecture.coefficients.lite else efficientnet_pytorch
    model = package.EfficientNet.from_name(f"efficientnet-{architecture.name}", image_size=size)
    theirs = PUBLISHERS["lite"].to_theirs(weights.tensors, architecture)
    model.load_state_dict({name: torch.tensor(array) for name, array in theirs.items()})  # strict: all of them
    eps = {module.eps for module in model.modules() if isinstance(module, torch.nn.BatchNorm2d)}
    if eps != {weights.bn_eps}:
        raise ValueError(f"the batch norms of {type(model).__module__} add {eps}, the weights want {weights.bn_eps}")
    return model.eval().to(dtype)


def compared_tensors(architecture: Architecture) -> list[str]:
    """Name the tensors both sides have: stem, the output of every block, head, logits; in execution order.

    Examples
    --------
    >>> from refnet.architecture.variants import variant
    >>> compared_tensors(variant("b0"))[:4]
    ['stem', 'block1a.project', 'block2a.project', 'block2b.add']
    """
    blocks = [names.part_name(block.name, names.ADD if block.adds else names.PROJECT) for block in architecture.blocks]
    return [names.STEM, *blocks, names.HEAD, names.LOGITS]


def peer_tensors(model: torch.nn.Module, architecture: Architecture, x: Array) -> dict[str, Array]:
    """Run the other implementation on x f32[N, H, W, 3]; return :func:`compared_tensors` in its own dtype."""
    outputs: list[torch.Tensor] = []

    def keep(_module: torch.nn.Module, _inputs: tuple[torch.Tensor, ...], output: torch.Tensor) -> None:
        outputs.append(output)

    # The root's activation runs twice, after the stem and after the head.
    hooks = [module.register_forward_hook(keep) for module in (model._swish, *model._blocks)]
    try:
        outputs.append(peer_logits(model, x))
    finally:
        for hook in hooks:
            hook.remove()
    arrays = [output.movedim(1, -1).numpy() for output in outputs]
    return dict(zip(compared_tensors(architecture), arrays, strict=True))


def peer_logits(model: torch.nn.Module, x: Array) -> torch.Tensor:
    """Run the other implementation on x f32[N, H, W, 3], widened to its dtype if that is wider."""
    with torch.inference_mode():
        return model(peer_input(x).to(next(model.parameters()).dtype))


def peer_input(x: Array) -> torch.Tensor:
    """Turn x f32[N, H, W, 3] into a contiguous f32[N, 3, H, W]."""
    return torch.tensor(np.ascontiguousarray(x.transpose(0, 3, 1, 2)))

"""The publishers' own models in PyTorch, with numbers as after training, saved and run as each publisher does.

    pip install efficientnet-pytorch==0.7.1 efficientnet-lite-pytorch==0.1.0 timm==1.0.31 torchvision==0.28.0

What the tools that make or measure checkpoints share. Inputs are NHWC here, as in refnet.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

sys.path.append(str(Path(__file__).parents[1] / "tests"))

import efficientnet_lite_pytorch
import efficientnet_pytorch
import numpy as np
import numpy.typing as npt
import timm
import torch
from helpers import any_torchvision  # noqa: F401
from safetensors.torch import save_file
from timm.models import efficientnet as timm_models
from timm.utils import ModelEmaV3
from torch import nn
from torchvision import models
from torchvision.models import efficientnet as torchvision_models

Array = npt.NDArray[Any]

PACKAGES = {
    "lukemelas": "efficientnet-pytorch",
    "lite": "efficientnet-lite-pytorch",
    "timm-tf": "timm",
    "timm": "timm",
    "torchvision": "torchvision",
}


def publish(
    publisher: str, variant: str, numbers: dict[str, Array], folder: Path
) -> tuple[Path, Callable[[Array, str], Array]]:
    """Write a variant's checkpoint of these numbers; return its path, and what runs it on x f32[N, H, W, 3]."""
    model = published(publisher, variant)
    model.load_state_dict({name: torch.from_numpy(array) for name, array in numbers.items()}, strict=True)
    path = folder / f"{publisher}-{variant}{'.safetensors' if publisher == 'timm' else '.pth'}"
    save(publisher, model, path)
    return path, partial(logits, model)


def published(publisher: str, variant: str) -> nn.Module:
    """Build a variant by the name its publisher gave it."""
    match publisher:
        case "lukemelas":
            return efficientnet_pytorch.EfficientNet.from_name(f"efficientnet-{variant}")
        case "lite":
            return efficientnet_lite_pytorch.EfficientNet.from_name(f"efficientnet-{variant}")
        case "timm-tf":
            return timm.create_model(f"tf_efficientnet_{variant}")
        case "timm":
            return timm.create_model(f"efficientnet_{variant}")
        case "torchvision":
            return models.get_model(f"efficientnet_{variant}")
    raise ValueError(publisher)


def scaled(publisher: str, width: float, depth: float, classes: int, *, lite: bool, eps: float) -> nn.Module:
    """Build a network of any width and depth from the publisher's own classes, by the publisher's own rounding."""
    match publisher:
        case "lukemelas":
            return _scaled_lukemelas(
                efficientnet_pytorch, efficientnet_pytorch.utils.efficientnet, width, depth, classes
            )
        case "lite":
            make = efficientnet_lite_pytorch.utils.efficientnet_lite
            return _scaled_lukemelas(efficientnet_lite_pytorch, make, width, depth, classes)
        case "timm-tf" | "timm":
            tensorflow = publisher == "timm-tf"
            generate = timm_models._gen_efficientnet_lite if lite else timm_models._gen_efficientnet
            name = ("tf_" if tensorflow else "") + ("efficientnet_lite0" if lite else "efficientnet_b0")
            padding = {"pad_type": "same"} if tensorflow else {}
            return generate(name, width, depth, num_classes=classes, bn_eps=eps, **padding)
        case "torchvision":
            stages, head = torchvision_models._efficientnet_conf("efficientnet_b0", width_mult=width, depth_mult=depth)
            norm = partial(nn.BatchNorm2d, eps=eps)
            return torchvision_models._efficientnet(
                stages, 0.2, head, None, progress=False, num_classes=classes, norm_layer=norm
            )
    raise ValueError(publisher)


def _scaled_lukemelas(package: Any, parameters: Any, width: float, depth: float, classes: int) -> nn.Module:
    # Without a size of pictures it pads for each picture by itself.
    blocks, rest = parameters(width, depth, image_size=None, num_classes=classes)
    # Its parameters have a list, [1], for the stride of a stage's first block, and a shortcut is only where the stride
    # is the number 1. No published network has a first block with a shortcut; one as narrow as the fixtures has.
    return package.EfficientNet([block._replace(stride=block.stride[0]) for block in blocks], rest)


def train(model: nn.Module, seed: int) -> None:
    """Give every tensor numbers as after training: each kernel keeps the spread, no batch norm is the identity."""
    rng = np.random.default_rng(seed)
    for name, tensor in model.state_dict().items():
        if tensor.dtype != torch.float32:
            continue
        shape = tuple(tensor.shape)
        if len(shape) > 1:
            array = rng.standard_normal(shape) * np.sqrt(2 / np.prod(shape[1:]))
        elif name.endswith(("running_var", "weight")):
            array = rng.uniform(0.5, 1.5, shape)
        else:
            array = rng.uniform(-0.5, 0.5, shape)
        tensor.copy_(torch.from_numpy(array))  # the model's own memory


def save(publisher: str, model: nn.Module, path: Path) -> None:
    """Save a model's tensors as the publisher's files hold them, in the format that the suffix stands for."""
    state = model.state_dict()
    if path.suffix == ".safetensors":
        save_file(state, path)
    elif publisher in ("lukemelas", "lite"):
        # Their script transposed TensorFlow's arrays, and saved these views.
        views = type(state)((name, _as_tensorflow_lays_out(tensor)) for name, tensor in state.items())
        torch.save(views, path, _use_new_zipfile_serialization=False)
    else:
        torch.save(state, path, _use_new_zipfile_serialization=publisher == "torchvision")


def save_training(model: nn.Module, average: nn.Module, path: Path) -> None:
    """Save the state of a training in timm on several devices: weights, their moving average, and all the rest."""
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1, momentum=0.9)
    state = {
        "epoch": 299,
        "arch": "efficientnet_b0",
        "state_dict": nn.DataParallel(model).state_dict(),
        "optimizer": optimizer.state_dict(),
        "version": 2,
        "state_dict_ema": ModelEmaV3(average).state_dict(),
        "metric": 77.7,
    }
    torch.save(state, path)


def _as_tensorflow_lays_out(tensor: torch.Tensor) -> torch.Tensor:
    """The same tensor, its elements in memory in the order of TensorFlow's axes."""
    if tensor.ndim == 2:
        return tensor.t().contiguous().t()
    if tensor.ndim < 2:
        return tensor
    depthwise = tensor.shape[1] == 1
    there, back = ((2, 3, 0, 1), (2, 3, 0, 1)) if depthwise else ((2, 3, 1, 0), (3, 2, 0, 1))
    return tensor.permute(there).contiguous().permute(back)


def logits(model: nn.Module, x: Array, dtype: str) -> Array:
    """Run a model on x f32[N, H, W, 3] in ``float32`` or ``float64``; the model stays in that dtype."""
    model = model.eval().to(getattr(torch, dtype))
    with torch.inference_mode():
        pictures = torch.from_numpy(np.ascontiguousarray(x.transpose(0, 3, 1, 2)))
        return model(pictures.to(getattr(torch, dtype))).numpy()

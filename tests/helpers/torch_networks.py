"""B0 by the software of its publishers, with numbers as after training, and what people save of it."""

from __future__ import annotations

import weakref
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

import efficientnet_pytorch
import numpy as np
import pytest
import torch
from helpers import any_torchvision  # noqa: F401
from timm.models import efficientnet as timm_models
from torch import nn
from torchvision.models import efficientnet as torchvision_models

import refnet
from refnet.architecture.scaling import TABLE, Coefficients
from refnet.checkpoints import names_and_shapes
from refnet.checkpoints.conversion import convert
from refnet.checkpoints.layout import networks
from refnet.checkpoints.stated import Stated

SIDE = 48
WIDTH, DEPTH = 0.125, 0.3
FEATURES = 160
PICTURE = np.random.default_rng(7).standard_normal((1, SIDE, SIDE, 3)).astype(np.float32)
LIMIT = 1e-9  # of the root mean square


@pytest.fixture(scope="module")
def narrow_b0():
    """Let B0 be a narrow network with fewer blocks, for as long as a module's tests take."""
    caches = (names_and_shapes.names_of, networks._ends)
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(TABLE, "b0", Coefficients(WIDTH, DEPTH, 224))
        for cached in caches:
            cached.cache_clear()
        yield
    for cached in caches:
        cached.cache_clear()


def train(model: nn.Module, seed: int = 0) -> nn.Module:
    """Give every tensor numbers as after training: each kernel keeps the spread, no batch norm is the identity."""
    rng = np.random.default_rng(seed)
    for name, tensor in model.state_dict().items():
        if tensor.dtype != torch.float32 or name.endswith("pool.p"):
            continue
        shape = tuple(tensor.shape)
        if len(shape) > 1:
            array = rng.standard_normal(shape, np.float32) * np.float32(np.sqrt(2 / np.prod(shape[1:])))
        elif name.endswith(("running_var", "weight")):
            array = rng.uniform(0.5, 1.5, shape)
        else:
            array = rng.uniform(-0.5, 0.5, shape)
        tensor.copy_(torch.from_numpy(np.asarray(array, np.float32)))  # the model's own memory
    return model.eval()


def new(publisher: str, classes: int = 3, **options: Any) -> nn.Module:
    """Build a narrow B0 by its publisher's own software."""
    match publisher:
        case "timm" | "timm-tf":
            tf = {"pad_type": "same", "bn_eps": 1e-3} if publisher == "timm-tf" else {}
            return timm_models._gen_efficientnet(
                "efficientnet_b0", WIDTH, DEPTH, pretrained=False, num_classes=classes, **tf, **options
            )
        case "torchvision":
            stages, last = torchvision_models._efficientnet_conf("efficientnet_b0", width_mult=WIDTH, depth_mult=DEPTH)
            return torchvision_models._efficientnet(stages, 0.2, last, None, progress=False, num_classes=classes)
        case "lukemelas":
            # Without a size of pictures it pads for each picture by itself.
            blocks, rest = efficientnet_pytorch.utils.efficientnet(WIDTH, DEPTH, image_size=None, num_classes=classes)
            # A list for the stride of a stage's first block means no shortcut; no published network needs one there.
            blocks = [block._replace(stride=block.stride[0]) for block in blocks]
            return efficientnet_pytorch.EfficientNet(blocks, rest)
    raise ValueError(publisher)


@cache
def network(publisher: str, classes: int = 3) -> nn.Module:
    """The same, trained; nobody may change it."""
    return train(new(publisher, classes))


def run(model: Callable[[torch.Tensor], torch.Tensor], picture: np.ndarray = PICTURE) -> np.ndarray:
    """What a network, or a function with one in it, makes of a picture in float64; the network stays in float32.

    A network is run once on the usual picture: none changes after it was trained.
    """
    if not (isinstance(model, nn.Module) and picture is PICTURE):
        return _run(model, picture)
    if model not in _MADE:
        _MADE[model] = _run(model, picture)
    return _MADE[model]


_MADE: weakref.WeakKeyDictionary[nn.Module, np.ndarray] = weakref.WeakKeyDictionary()


def _run(model: Callable[[torch.Tensor], torch.Tensor], picture: np.ndarray) -> np.ndarray:
    x = torch.from_numpy(picture.astype(np.float64).transpose(0, 3, 1, 2).copy())
    modules = [model] if isinstance(model, nn.Module) else [cell.cell_contents for cell in model.__closure__ or ()]
    modules = [module for module in modules if isinstance(module, nn.Module)]
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    for module in modules:
        module.double()
    try:
        with torch.inference_mode():
            return model(x).numpy()
    finally:
        for module in modules:
            module.float()
        torch.set_num_threads(threads)


def ours(file: Path, out: Path, picture: np.ndarray = PICTURE, **stated: Any) -> tuple[Any, np.ndarray]:
    """What the converted network makes of a picture in float64: the network, and its classifier's numbers."""
    written = convert(file, Stated(**stated), out=out)
    found = refnet.load(written, dtype="float64", threads=1)
    return found, (found.logits(picture) if found.weights.architecture.classes else found.features(picture))


def distance(mine: np.ndarray, theirs: np.ndarray) -> float:
    """Largest difference, relative to the root mean square of theirs."""
    assert mine.shape == theirs.shape
    return float(np.abs(mine - theirs).max() / np.sqrt(np.mean(np.square(theirs))))

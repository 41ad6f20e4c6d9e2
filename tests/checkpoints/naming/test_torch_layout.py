"""The name maps of PyTorch's families against the packages that made the names: every variant, key by key."""

from collections.abc import Callable
from functools import cache
from types import ModuleType
from typing import NamedTuple

import numpy as np
import pytest
import timm as published_timm
import torch
from efficientnet_lite_pytorch import EfficientNet as LiteNet
from efficientnet_pytorch import EfficientNet
from torchvision import models

from refnet.architecture.plan import make_plan
from refnet.architecture.scaling import TABLE
from refnet.architecture.variants import Architecture, variant
from refnet.checkpoints.naming import lukemelas, timm, torchvision
from refnet.checkpoints.publishers import PUBLISHERS, Publisher
from refnet.errors import CheckpointError


class Family(NamedTuple):
    """A name map, and how its package makes a network of so many classes."""

    names: ModuleType
    publisher: Publisher
    make: Callable[[str, int], torch.nn.Module]
    variants: tuple[str, ...] = tuple(TABLE)
    tiny: str = "lite0"


def lukemelas_net(name: str, classes: int) -> torch.nn.Module:
    package = LiteNet if name.startswith("lite") else EfficientNet
    return package.from_name(f"efficientnet-{name}", num_classes=classes)


FAMILIES = {
    "lukemelas": Family(lukemelas, PUBLISHERS["lukemelas"], lukemelas_net),
    "timm-tf": Family(
        timm,
        PUBLISHERS["timm-tf"],
        lambda name, classes: published_timm.create_model(f"tf_efficientnet_{name}", num_classes=classes),
    ),
    "timm": Family(
        timm,
        PUBLISHERS["timm"],
        lambda name, classes: published_timm.create_model(f"efficientnet_{name}", num_classes=classes),
    ),
    "torchvision": Family(
        torchvision,
        PUBLISHERS["torchvision"],
        lambda name, classes: models.get_model(f"efficientnet_{name}", num_classes=classes),
        ("b0", "b1", "b2", "b3", "b4", "b5", "b6", "b7"),
        "b0",
    ),
}
EACH = pytest.mark.parametrize("family", FAMILIES.values(), ids=FAMILIES)
VARIANTS = [(family, name) for family in FAMILIES for name in FAMILIES[family].variants]


@cache
def published(family: str, name: str, classes: int = 1000) -> torch.nn.Module:
    """The package's own model, made without memory for its tensors."""
    with torch.device("meta"):
        return FAMILIES[family].make(name, classes)


def random_state(family: Family, architecture: Architecture) -> dict[str, np.ndarray]:
    """A state dict in PyTorch's order of axes."""
    rng = np.random.default_rng(0)
    every = family.names.pairs(architecture)
    state = {pair.theirs: rng.standard_normal(pair.their_shape, np.float32) for pair in every}
    counters = [name.replace("running_var", "num_batches_tracked") for name in state if "running_var" in name]
    return state | {name: np.array(0) for name in counters}


@pytest.mark.parametrize(("family", "name"), VARIANTS)
def test_every_name_and_shape_of_every_variant(family, name):
    theirs = {key: tuple(tensor.shape) for key, tensor in published(family, name).state_dict().items()}
    every = FAMILIES[family].names.pairs(variant(name))
    mapped = {pair.theirs: pair.their_shape for pair in every}
    assert len(mapped) == len(every)
    assert [pair.ours for pair in every] == [weight.key for weight in make_plan(variant(name)).weights]
    counters = {key for key in theirs if key.endswith("num_batches_tracked")}
    assert mapped == {key: shape for key, shape in theirs.items() if key not in counters}
    assert len(counters) == sum(weight.key.endswith("/bn/mean") for weight in make_plan(variant(name)).weights)


@pytest.mark.parametrize(("family", "name"), VARIANTS)
def test_padding_and_epsilon_of_every_variant(family, name):
    publisher, model = FAMILIES[family].publisher, published(family, name)
    norms = [module for module in model.modules() if isinstance(module, torch.nn.BatchNorm2d)]
    if name in publisher.bn_eps:  # lukemelas's names for Lite are another publisher's, by the same script
        assert {norm.eps for norm in norms} == {publisher.bn_eps[name]}
    strided = [m for m in model.modules() if isinstance(m, torch.nn.Conv2d) and m.stride in ((2, 2), [2, 2])]
    assert len(strided) == 5
    if publisher.padding == "symmetric":
        every = [module for module in model.modules() if isinstance(module, torch.nn.Conv2d)]
        assert [conv.padding for conv in every] == [((conv.kernel_size[0] - 1) // 2,) * 2 for conv in every]
        assert {type(conv).__name__ for conv in strided} <= {"Conv2d"}
    else:
        # Convolutions that pad by TensorFlow's rule do so when they run, and state no padding.
        assert {conv.padding for conv in strided} == {(0, 0)}
        assert {type(conv).__name__ for conv in strided} <= {"Conv2dSame", "Conv2dStaticSamePadding"}


@pytest.mark.parametrize("name", ["b0", "b1", "lite1"])
@EACH
def test_a_conversion_loses_nothing(family, name):
    architecture = variant(name if name in family.variants else family.tiny)
    theirs = random_state(family, architecture)
    ours = family.publisher.to_ours(theirs, architecture)
    assert list(ours.tensors) == [weight.key for weight in make_plan(architecture).weights]
    for weight in make_plan(architecture).weights:
        tensor = ours.tensors[weight.key]
        assert (tensor.shape, tensor.dtype, tensor.flags.c_contiguous) == (weight.shape, np.float32, True)
    again = family.publisher.to_theirs(ours.tensors, architecture)
    dropped = dict(ours.dropped)
    assert again.keys() | dropped.keys() == theirs.keys()
    assert not again.keys() & dropped.keys()
    for key, array in again.items():
        assert (array.shape, array.tobytes()) == (theirs[key].shape, theirs[key].tobytes())
    assert set(dropped) == {key for key in theirs if key.endswith("num_batches_tracked")}
    assert set(dropped.values()) == {"counts training steps; inference does not use it"}


@EACH
def test_every_bit_survives(family):
    tiny = variant(family.tiny, classes=7)
    theirs = random_state(family, tiny)
    for array in theirs.values():
        if array.dtype == np.float32:
            array[...] = np.random.default_rng(1).integers(0, 1 << 32, array.shape, np.uint32).view(np.float32)
    again = family.publisher.to_theirs(family.publisher.to_ours(theirs, tiny).tensors, tiny)
    assert all(array.tobytes() == theirs[name].tobytes() for name, array in again.items())


@pytest.mark.parametrize("family", FAMILIES)
def test_the_package_loads_what_is_mapped_back(family):
    names = FAMILIES[family]
    architecture = variant(names.tiny, classes=7)
    ours = names.publisher.to_ours(random_state(names, architecture), architecture).tensors
    back = names.publisher.to_theirs(ours, architecture)
    state = {name: torch.from_numpy(array) for name, array in back.items()}
    published(family, names.tiny, classes=7).load_state_dict(state, strict=True, assign=True)


AXES = {
    "lukemelas": [
        ("_conv_stem.weight", (5, 2, 1, 0), "stem/kernel", (1, 0, 2, 5)),
        ("_blocks.0._depthwise_conv.weight", (5, 0, 1, 2), "block1a/depthwise/kernel", (1, 2, 5)),
        ("_blocks.1._expand_conv.weight", (5, 2, 0, 0), "block2a/expand/kernel", (0, 0, 2, 5)),
        ("_blocks.1._se_reduce.weight", (3, 2, 0, 0), "block2a/reduce/kernel", (2, 3)),
        ("_blocks.15._se_expand.weight", (5, 2, 0, 0), "block7a/gate/kernel", (2, 5)),
        ("_blocks.15._project_conv.weight", (5, 2, 0, 0), "block7a/project/kernel", (0, 0, 2, 5)),
        ("_conv_head.weight", (5, 2, 0, 0), "head/kernel", (0, 0, 2, 5)),
        ("_fc.weight", (5, 2), "logits/kernel", (2, 5)),
    ],
    "timm": [
        ("conv_stem.weight", (5, 2, 1, 0), "stem/kernel", (1, 0, 2, 5)),
        ("blocks.0.0.conv_dw.weight", (5, 0, 1, 2), "block1a/depthwise/kernel", (1, 2, 5)),
        ("blocks.0.0.conv_pw.weight", (5, 2, 0, 0), "block1a/project/kernel", (0, 0, 2, 5)),
        ("blocks.1.0.conv_pw.weight", (5, 2, 0, 0), "block2a/expand/kernel", (0, 0, 2, 5)),
        ("blocks.1.1.conv_pwl.weight", (5, 2, 0, 0), "block2b/project/kernel", (0, 0, 2, 5)),
        ("blocks.1.0.se.conv_reduce.weight", (3, 2, 0, 0), "block2a/reduce/kernel", (2, 3)),
        ("blocks.6.0.se.conv_expand.weight", (5, 2, 0, 0), "block7a/gate/kernel", (2, 5)),
        ("conv_head.weight", (5, 2, 0, 0), "head/kernel", (0, 0, 2, 5)),
        ("classifier.weight", (5, 2), "logits/kernel", (2, 5)),
    ],
    "torchvision": [
        ("features.0.0.weight", (5, 2, 1, 0), "stem/kernel", (1, 0, 2, 5)),
        ("features.1.0.block.0.0.weight", (5, 0, 1, 2), "block1a/depthwise/kernel", (1, 2, 5)),
        ("features.1.0.block.2.0.weight", (5, 2, 0, 0), "block1a/project/kernel", (0, 0, 2, 5)),
        ("features.2.0.block.0.0.weight", (5, 2, 0, 0), "block2a/expand/kernel", (0, 0, 2, 5)),
        ("features.2.1.block.3.0.weight", (5, 2, 0, 0), "block2b/project/kernel", (0, 0, 2, 5)),
        ("features.2.0.block.2.fc1.weight", (3, 2, 0, 0), "block2a/reduce/kernel", (2, 3)),
        ("features.7.0.block.2.fc2.weight", (5, 2, 0, 0), "block7a/gate/kernel", (2, 5)),
        ("features.8.0.weight", (5, 2, 0, 0), "head/kernel", (0, 0, 2, 5)),
        ("classifier.1.weight", (5, 2), "logits/kernel", (2, 5)),
    ],
}


@pytest.mark.parametrize(
    ("family", "theirs", "there", "ours", "here"), [(family, *axes) for family in AXES for axes in AXES[family]]
)
def test_axes(family, theirs, there, ours, here):
    """The one element marked in PyTorch's array is found where our axes say, and no other."""
    b0, names = variant("b0"), FAMILIES[family]
    state = {name: np.zeros_like(array) for name, array in random_state(names, b0).items()}
    state[theirs][there] = 1
    tensors = names.publisher.to_ours(state, b0).tensors
    assert [tuple(int(i) for i in place) for place in np.argwhere(tensors[ours])] == [here]
    assert [key for key, tensor in tensors.items() if tensor.any()] == [ours]


class TestMismatch:
    """All that is wrong is in one message."""

    @pytest.mark.parametrize(
        ("family", "missing", "unlike", "unknown"),
        [
            (
                "lukemelas",
                ["_conv_stem.weight", "_bn1.running_var"],
                {"_fc.weight": np.zeros((7, 1280)), "_fc.bias": np.zeros(8, np.float32)},
                {"_swish.beta": np.zeros(1, np.float32), "_blocks.99._bn0.num_batches_tracked": np.array(0)},
            ),
            (
                "timm",
                ["conv_stem.weight", "blocks.6.0.bn3.running_var"],
                {"classifier.weight": np.zeros((7, 1280), np.float16), "classifier.bias": np.zeros(8, np.float32)},
                {"blocks.0.0.bn3.weight": np.zeros(16, np.float32)},
            ),
            (
                "torchvision",
                ["features.0.0.weight", "features.8.1.running_var"],
                {"classifier.1.bias": np.zeros(8, np.float32)},
                {"features.9.0.weight": np.zeros(16, np.float32)},
            ),
        ],
    )
    def test_of_theirs(self, family, missing, unlike, unknown):
        names = FAMILIES[family]
        tiny = variant(names.tiny, classes=7)
        state = random_state(names, tiny)
        wanted = {name: list(state[name].shape) for name in unlike}
        for name in missing:
            del state[name]
        with pytest.raises(CheckpointError) as caught:
            names.publisher.to_ours(state | unlike | unknown, tiny)
        assert str(caught.value).startswith(f"not the tensors of {names.tiny}: ")
        assert caught.value.details == (
            *(f"{name} is missing" for name in missing),
            *(f"{n} is {a.dtype}{list(a.shape)}, not float32{wanted[n]}" for n, a in unlike.items()),
            *(f"{name!r} is unknown" for name in unknown),
        )

    @EACH
    def test_of_ours(self, family):
        tiny = variant(family.tiny, classes=7)
        tensors = family.publisher.to_ours(random_state(family, tiny), tiny).tensors
        del tensors["stem/kernel"]
        tensors["stem/extra"] = np.zeros(1, np.float32)
        with pytest.raises(CheckpointError, match="stem/kernel is missing; 'stem/extra' is unknown"):
            family.publisher.to_theirs(tensors, tiny)

    @pytest.mark.parametrize(("classes", "name"), [(1000, "b1"), (7, "lite1"), (7, "b2")])
    @EACH
    def test_of_another_variant(self, family, classes, name):
        state = random_state(family, variant(family.tiny, classes=classes))
        with pytest.raises(CheckpointError, match=f"not the tensors of {name}: "):
            family.publisher.to_ours(state, variant(name))

    @EACH
    def test_of_nothing(self, family):
        first = family.names.pairs(variant(family.tiny))[0].theirs
        with pytest.raises(CheckpointError, match=f"are missing: {first}, "):
            family.publisher.to_ours({}, variant(family.tiny))

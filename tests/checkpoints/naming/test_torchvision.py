"""The name map against torchvision itself: every variant, key for key and shape for shape."""

from functools import cache

import numpy as np
import pytest
import torch
from torchvision import models

from refnet.architecture.plan import make_plan
from refnet.architecture.variants import variant
from refnet.checkpoints.naming import torchvision
from refnet.checkpoints.publishers import PUBLISHERS
from refnet.errors import CheckpointError

VARIANTS = ("b0", "b1", "b2", "b3", "b4", "b5", "b6", "b7")
TORCHVISION = PUBLISHERS["torchvision"]
TINY = variant("b0", classes=7)


@cache
def published(name: str, **options) -> torch.nn.Module:
    """The package's own model, made without memory for its tensors."""
    with torch.device("meta"):
        return models.get_model(f"efficientnet_{name}", **options)


def random_state(architecture) -> dict[str, np.ndarray]:
    """A state dict in PyTorch's order of axes."""
    rng = np.random.default_rng(0)
    every = torchvision.pairs(architecture)
    state = {pair.theirs: rng.standard_normal(pair.their_shape, np.float32) for pair in every}
    counters = [name.replace("running_var", "num_batches_tracked") for name in state if "running_var" in name]
    return state | {name: np.array(0) for name in counters}


def test_every_variant_is_there():
    assert tuple(torchvision.BN_EPS) == VARIANTS
    assert {f"efficientnet_{name}" for name in VARIANTS} == set(models.list_models(include="efficientnet_b*"))


@pytest.mark.parametrize("name", VARIANTS)
def test_every_name_and_shape_of_every_variant(name):
    theirs = {key: tuple(tensor.shape) for key, tensor in published(name).state_dict().items()}
    every = torchvision.pairs(variant(name))
    mapped = {pair.theirs: pair.their_shape for pair in every}
    assert len(mapped) == len(every)
    assert [pair.ours for pair in every] == [weight.key for weight in make_plan(variant(name)).weights]
    counters = {key for key in theirs if key.endswith("num_batches_tracked")}
    assert mapped == {key: shape for key, shape in theirs.items() if key not in counters}
    assert len(counters) == sum(weight.key.endswith("/bn/mean") for weight in make_plan(variant(name)).weights)


@pytest.mark.parametrize("name", VARIANTS)
def test_padding_and_epsilon_of_every_variant(name):
    model = published(name)
    norms = [module for module in model.modules() if isinstance(module, torch.nn.BatchNorm2d)]
    assert {norm.eps for norm in norms} == {torchvision.BN_EPS[name]}
    assert torchvision.PADDING == "symmetric"
    for conv in model.modules():
        if isinstance(conv, torch.nn.Conv2d):
            assert conv.padding == ((conv.kernel_size[0] - 1) // 2,) * 2


def test_a_conversion_loses_nothing():
    architecture = variant("b1")
    theirs = random_state(architecture)
    ours = TORCHVISION.to_ours(theirs, architecture)
    for weight in make_plan(architecture).weights:
        tensor = ours.tensors[weight.key]
        assert (tensor.shape, tensor.dtype, tensor.flags.c_contiguous) == (weight.shape, np.float32, True)
    again = TORCHVISION.to_theirs(ours.tensors, architecture)
    assert again.keys() | dict(ours.dropped).keys() == theirs.keys()
    assert not again.keys() & dict(ours.dropped).keys()
    assert all(array.tobytes() == theirs[name].tobytes() for name, array in again.items())


def test_the_package_loads_what_is_mapped_back():
    back = TORCHVISION.to_theirs(TORCHVISION.to_ours(random_state(TINY), TINY).tensors, TINY)
    state = {name: torch.from_numpy(array) for name, array in back.items()}
    published("b0", num_classes=7).load_state_dict(state, strict=True, assign=True)


@pytest.mark.parametrize(
    ("theirs", "there", "ours", "here"),
    [
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
)
def test_axes(theirs, there, ours, here):
    """The one element marked in PyTorch's array is found where our axes say, and no other."""
    state = {name: np.zeros_like(array) for name, array in random_state(TINY).items()}
    state[theirs][there] = 1
    tensors = TORCHVISION.to_ours(state, TINY).tensors
    assert [tuple(int(i) for i in place) for place in np.argwhere(tensors[ours])] == [here]
    assert [key for key, tensor in tensors.items() if tensor.any()] == [ours]


def test_the_pitfall_of_numbered_layers():
    """B1 has two blocks without expansion; their layers have other numbers than those of the others."""
    modules = torchvision.modules(variant("b1"))
    assert modules["block1b.depthwise"] == ("features.1.1.block.0.0", "features.1.1.block.0.1")
    assert modules["block1b.reduce"] == ("features.1.1.block.1.fc1", "")
    assert modules["block2a.expand"] == ("features.2.0.block.0.0", "features.2.0.block.0.1")
    assert modules["block2a.depthwise"] == ("features.2.0.block.1.0", "features.2.0.block.1.1")
    assert modules["block2a.reduce"] == ("features.2.0.block.2.fc1", "")


class TestMismatch:
    """All that is wrong is in one message."""

    def test_of_theirs(self):
        state = random_state(TINY)
        del state["features.0.0.weight"], state["features.8.1.running_var"]
        state["features.9.0.weight"] = np.zeros(16, np.float32)
        state["classifier.1.bias"] = np.zeros(8, np.float32)
        with pytest.raises(CheckpointError) as caught:
            TORCHVISION.to_ours(state, TINY)
        assert str(caught.value) == (
            "not the tensors of b0: features.0.0.weight is missing; features.8.1.running_var is missing; "
            "classifier.1.bias is float32[8], not float32[7]; 'features.9.0.weight' is unknown"
        )

    def test_of_ours(self):
        tensors = TORCHVISION.to_ours(random_state(TINY), TINY).tensors
        del tensors["stem/kernel"]
        tensors["stem/extra"] = np.zeros(1, np.float32)
        with pytest.raises(CheckpointError, match="stem/kernel is missing; 'stem/extra' is unknown"):
            TORCHVISION.to_theirs(tensors, TINY)

    def test_of_another_variant(self):
        with pytest.raises(CheckpointError, match="not the tensors of b1: "):
            TORCHVISION.to_ours(random_state(TINY), variant("b1"))

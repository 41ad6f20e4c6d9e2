"""The name map against timm itself: every variant, key for key and shape for shape."""

from functools import cache

import numpy as np
import pytest
import timm as published_timm
import torch

from refnet.architecture.plan import make_plan
from refnet.architecture.scaling import TABLE
from refnet.architecture.variants import variant
from refnet.checkpoints.naming import timm
from refnet.checkpoints.publishers import PUBLISHERS
from refnet.errors import CheckpointError

RULES = {"tf_efficientnet": (timm.TF_PADDING, timm.TF_BN_EPS), "efficientnet": (timm.PADDING, timm.BN_EPS)}
TIMM = PUBLISHERS["timm"]
TINY = variant("lite0", classes=7)


@cache
def published(family: str, name: str, **options) -> torch.nn.Module:
    """The package's own model, made without memory for its tensors."""
    with torch.device("meta"):
        return published_timm.create_model(f"{family}_{name}", **options)


def random_state(architecture) -> dict[str, np.ndarray]:
    """A state dict in PyTorch's order of axes."""
    rng = np.random.default_rng(0)
    every = timm.pairs(architecture)
    state = {pair.theirs: rng.standard_normal(pair.their_shape, np.float32) for pair in every}
    counters = [name.replace("running_var", "num_batches_tracked") for name in state if "running_var" in name]
    return state | {name: np.array(0) for name in counters}


@pytest.mark.parametrize("family", RULES)
@pytest.mark.parametrize("name", TABLE)
def test_every_name_and_shape_of_every_variant(family, name):
    theirs = {key: tuple(tensor.shape) for key, tensor in published(family, name).state_dict().items()}
    every = timm.pairs(variant(name))
    mapped = {pair.theirs: pair.their_shape for pair in every}
    assert len(mapped) == len(every)
    assert [pair.ours for pair in every] == [weight.key for weight in make_plan(variant(name)).weights]
    counters = {key for key in theirs if key.endswith("num_batches_tracked")}
    assert mapped == {key: shape for key, shape in theirs.items() if key not in counters}
    assert len(counters) == sum(weight.key.endswith("/bn/mean") for weight in make_plan(variant(name)).weights)


@pytest.mark.parametrize("family", RULES)
@pytest.mark.parametrize("name", TABLE)
def test_padding_and_epsilon_of_every_variant(family, name):
    padding, eps = RULES[family]
    model = published(family, name)
    assert {module.eps for module in model.modules() if isinstance(module, torch.nn.BatchNorm2d)} == {eps}
    strided = [m for m in model.modules() if isinstance(m, torch.nn.Conv2d) and m.stride == (2, 2)]
    assert len(strided) == 5
    # timm's convolutions that pad by TensorFlow's rule do so when they run, and state no padding.
    stated = [0 if padding == "same" else (conv.kernel_size[0] - 1) // 2 for conv in strided]
    assert [conv.padding for conv in strided] == [(pad, pad) for pad in stated]
    assert {type(conv).__name__ for conv in strided} == {"Conv2dSame" if padding == "same" else "Conv2d"}


@pytest.mark.parametrize("name", ["b1", "lite1"])
def test_a_conversion_loses_nothing(name):
    architecture = variant(name)
    theirs = random_state(architecture)
    ours = TIMM.to_ours(theirs, architecture)
    for weight in make_plan(architecture).weights:
        tensor = ours.tensors[weight.key]
        assert (tensor.shape, tensor.dtype, tensor.flags.c_contiguous) == (weight.shape, np.float32, True)
    again = TIMM.to_theirs(ours.tensors, architecture)
    assert again.keys() | dict(ours.dropped).keys() == theirs.keys()
    assert not again.keys() & dict(ours.dropped).keys()
    assert all(array.tobytes() == theirs[name].tobytes() for name, array in again.items())


def test_the_package_loads_what_is_mapped_back():
    architecture = variant("b0", classes=7)
    back = TIMM.to_theirs(TIMM.to_ours(random_state(architecture), architecture).tensors, architecture)
    model = published("tf_efficientnet", "b0", num_classes=7)
    model.load_state_dict({name: torch.from_numpy(array) for name, array in back.items()}, strict=True, assign=True)


@pytest.mark.parametrize(
    ("theirs", "there", "ours", "here"),
    [
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
)
def test_axes(theirs, there, ours, here):
    """The one element marked in PyTorch's array is found where our axes say, and no other."""
    state = {name: np.zeros_like(array) for name, array in random_state(variant("b0")).items()}
    state[theirs][there] = 1
    tensors = TIMM.to_ours(state, variant("b0")).tensors
    assert [tuple(int(i) for i in place) for place in np.argwhere(tensors[ours])] == [here]
    assert [key for key, tensor in tensors.items() if tensor.any()] == [ours]


def test_the_pitfall_of_the_first_stage():
    """B1 has two blocks without expansion; what conv_pw, bn1 and bn2 are differs from the second stage on."""
    modules = timm.modules(variant("b1"))
    assert modules["block1b.depthwise"] == ("blocks.0.1.conv_dw", "blocks.0.1.bn1")
    assert modules["block1b.project"] == ("blocks.0.1.conv_pw", "blocks.0.1.bn2")
    assert modules["block2a.expand"] == ("blocks.1.0.conv_pw", "blocks.1.0.bn1")
    assert modules["block2a.depthwise"] == ("blocks.1.0.conv_dw", "blocks.1.0.bn2")
    assert modules["block2a.project"] == ("blocks.1.0.conv_pwl", "blocks.1.0.bn3")
    assert (modules["stem"].norm, modules["head"].norm) == ("bn1", "bn2")


class TestMismatch:
    """All that is wrong is in one message."""

    def test_of_theirs(self):
        state = random_state(TINY)
        del state["conv_stem.weight"], state["blocks.6.0.bn3.running_var"]
        state["blocks.0.0.bn3.weight"] = np.zeros(16, np.float32)
        state["classifier.bias"] = np.zeros(8, np.float32)
        state["classifier.weight"] = state["classifier.weight"].astype(np.float16)
        with pytest.raises(CheckpointError) as caught:
            TIMM.to_ours(state, TINY)
        assert str(caught.value) == (
            "not the tensors of lite0: conv_stem.weight is missing; blocks.6.0.bn3.running_var is missing; "
            "classifier.weight is float16[7, 1280], not float32[7, 1280]; "
            "classifier.bias is float32[8], not float32[7]; 'blocks.0.0.bn3.weight' is unknown"
        )

    def test_of_ours(self):
        tensors = TIMM.to_ours(random_state(TINY), TINY).tensors
        del tensors["stem/kernel"]
        tensors["stem/extra"] = np.zeros(1, np.float32)
        with pytest.raises(CheckpointError, match="stem/kernel is missing; 'stem/extra' is unknown"):
            TIMM.to_theirs(tensors, TINY)

    @pytest.mark.parametrize("name", ["b0", "lite1"])
    def test_of_another_variant(self, name):
        with pytest.raises(CheckpointError, match=f"not the tensors of {name}: "):
            TIMM.to_ours(random_state(TINY), variant(name))

"""The name map against the packages that made the names: every variant, key for key and shape for shape."""

import numpy as np
import pytest
import torch
from efficientnet_lite_pytorch import EfficientNet as LiteNet
from efficientnet_pytorch import EfficientNet

from refnet.architecture.plan import make_plan
from refnet.architecture.scaling import TABLE
from refnet.architecture.variants import variant
from refnet.checkpoints.naming import lukemelas
from refnet.checkpoints.publishers import PUBLISHERS
from refnet.errors import CheckpointError

LUKEMELAS = PUBLISHERS["lukemelas"]
TINY = variant("lite0", classes=7)


def published(name: str) -> dict[str, tuple[int, ...]]:
    """Names and shapes of the state dict of the package's own model, made without memory for its tensors."""
    make = LiteNet if name.startswith("lite") else EfficientNet
    with torch.device("meta"):
        state = make.from_name(f"efficientnet-{name}").state_dict()
    return {key: tuple(tensor.shape) for key, tensor in state.items()}


def random_state(architecture) -> dict[str, np.ndarray]:
    """A state dict in PyTorch's order of axes."""
    rng = np.random.default_rng(0)
    every = lukemelas.pairs(architecture)
    state = {pair.theirs: rng.standard_normal(pair.their_shape, np.float32) for pair in every}
    counters = [name.replace("running_var", "num_batches_tracked") for name in state if "running_var" in name]
    return state | {name: np.array(0) for name in counters}


@pytest.mark.parametrize("name", TABLE)
def test_every_name_and_shape_of_every_variant(name):
    theirs = published(name)
    every = lukemelas.pairs(variant(name))
    mapped = {pair.theirs: pair.their_shape for pair in every}
    assert len(mapped) == len(every)
    assert [pair.ours for pair in every] == [weight.key for weight in make_plan(variant(name)).weights]
    counters = {key for key in theirs if key.endswith("num_batches_tracked")}
    assert mapped == {key: shape for key, shape in theirs.items() if key not in counters}
    assert len(counters) == sum(weight.key.endswith("/bn/mean") for weight in make_plan(variant(name)).weights)


def test_a_conversion_loses_nothing():
    architecture = variant("b0")
    theirs = random_state(architecture)
    ours = LUKEMELAS.to_ours(theirs, architecture)
    assert list(ours.tensors) == [weight.key for weight in make_plan(architecture).weights]
    for weight in make_plan(architecture).weights:
        tensor = ours.tensors[weight.key]
        assert (tensor.shape, tensor.dtype, tensor.flags.c_contiguous) == (weight.shape, np.float32, True)
    again = LUKEMELAS.to_theirs(ours.tensors, architecture)
    dropped = dict(ours.dropped)
    assert again.keys() | dropped.keys() == theirs.keys()
    assert not again.keys() & dropped.keys()
    for name, array in again.items():
        assert (array.shape, array.tobytes()) == (theirs[name].shape, theirs[name].tobytes())
    assert set(dropped) == {name for name in theirs if name.endswith("num_batches_tracked")}
    assert set(dropped.values()) == {"counts training steps; inference does not use it"}


def test_the_package_loads_what_is_mapped_back():
    ours = LUKEMELAS.to_ours(random_state(variant("lite0")), variant("lite0"))
    back = LUKEMELAS.to_theirs(ours.tensors, variant("lite0"))
    model = LiteNet.from_name("efficientnet-lite0")
    model.load_state_dict({name: torch.from_numpy(array) for name, array in back.items()}, strict=True)


def test_every_bit_survives():
    theirs = random_state(TINY)
    for array in theirs.values():
        if array.dtype == np.float32:
            array[...] = np.random.default_rng(1).integers(0, 1 << 32, array.shape, np.uint32).view(np.float32)
    again = LUKEMELAS.to_theirs(LUKEMELAS.to_ours(theirs, TINY).tensors, TINY)
    assert all(array.tobytes() == theirs[name].tobytes() for name, array in again.items())


@pytest.mark.parametrize(
    ("theirs", "there", "ours", "here"),
    [
        ("_conv_stem.weight", (5, 2, 1, 0), "stem/kernel", (1, 0, 2, 5)),
        ("_blocks.0._depthwise_conv.weight", (5, 0, 1, 2), "block1a/depthwise/kernel", (1, 2, 5)),
        ("_blocks.1._expand_conv.weight", (5, 2, 0, 0), "block2a/expand/kernel", (0, 0, 2, 5)),
        ("_blocks.1._se_reduce.weight", (3, 2, 0, 0), "block2a/reduce/kernel", (2, 3)),
        ("_blocks.15._se_expand.weight", (5, 2, 0, 0), "block7a/gate/kernel", (2, 5)),
        ("_blocks.15._project_conv.weight", (5, 2, 0, 0), "block7a/project/kernel", (0, 0, 2, 5)),
        ("_conv_head.weight", (5, 2, 0, 0), "head/kernel", (0, 0, 2, 5)),
        ("_fc.weight", (5, 2), "logits/kernel", (2, 5)),
    ],
)
def test_axes(theirs, there, ours, here):
    """The one element marked in PyTorch's array is found where our axes say, and no other."""
    state = {name: np.zeros_like(array) for name, array in random_state(variant("b0")).items()}
    state[theirs][there] = 1
    tensor = LUKEMELAS.to_ours(state, variant("b0")).tensors[ours]
    assert [tuple(int(i) for i in place) for place in np.argwhere(tensor)] == [here]


def test_the_pitfall_of_batch_norm_names():
    """At the root _bn0 and _bn1 are stem and head; inside a block they are expansion and depthwise."""
    modules = lukemelas.modules(variant("b0"))
    assert (modules["stem"].norm, modules["head"].norm) == ("_bn0", "_bn1")
    assert modules["block1a.depthwise"].norm == "_blocks.0._bn1"
    assert modules["block2a.expand"].norm == "_blocks.1._bn0"
    assert modules["block2a.project"].norm == "_blocks.1._bn2"


def test_what_was_made_by_tensorflow_runs_by_its_rules():
    assert (lukemelas.PADDING, lukemelas.BN_EPS) == ("same", 1e-3)


class TestMismatch:
    """All that is wrong is in one message."""

    def test_of_theirs(self):
        state = random_state(TINY)
        del state["_conv_stem.weight"], state["_bn1.running_var"]
        state["_swish.beta"] = np.zeros(1, np.float32)
        state["_blocks.99._bn0.num_batches_tracked"] = np.array(0)
        state["_fc.bias"] = np.zeros(8, np.float32)
        state["_fc.weight"] = state["_fc.weight"].astype(np.float64)
        with pytest.raises(CheckpointError) as caught:
            LUKEMELAS.to_ours(state, TINY)
        assert str(caught.value) == (
            "not the tensors of lite0: _conv_stem.weight is missing; _bn1.running_var is missing; "
            "_fc.weight is float64[7, 1280], not float32[7, 1280]; _fc.bias is float32[8], not float32[7]; "
            "'_swish.beta' is unknown; '_blocks.99._bn0.num_batches_tracked' is unknown"
        )

    def test_of_ours(self):
        tensors = LUKEMELAS.to_ours(random_state(TINY), TINY).tensors
        del tensors["stem/kernel"]
        tensors["stem/extra"] = np.zeros(1, np.float32)
        with pytest.raises(CheckpointError, match="stem/kernel is missing; 'stem/extra' is unknown"):
            LUKEMELAS.to_theirs(tensors, TINY)

    @pytest.mark.parametrize("name", ["b0", "lite1"])
    def test_of_another_variant(self, name):
        with pytest.raises(CheckpointError, match=f"not the tensors of {name}: "):
            LUKEMELAS.to_ours(random_state(TINY), variant(name))

    def test_of_nothing(self):
        with pytest.raises(CheckpointError, match=r"_conv_stem\.weight is missing"):
            LUKEMELAS.to_ours({}, TINY)

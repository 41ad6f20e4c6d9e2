"""Publishers are told apart by names, variants by shapes, and each one's own software agrees with its rules."""

from collections.abc import Iterator
from dataclasses import replace

import numpy as np
import pytest
import timm
import torch
from torchvision import models

from refnet.architecture import variant
from refnet.checkpoints.publishers import PUBLISHERS, recognise, variant_of
from refnet.errors import CheckpointError
from refnet.network import Network
from refnet.recipe import TENSORFLOW
from refnet.store import Provenance, Weights

EVERY = [(publisher, name) for publisher in PUBLISHERS.values() for name in publisher.variants]
SAME_NAMES = {"timm-tf": ("timm-tf", "timm"), "timm": ("timm-tf", "timm")}
TIMM = PUBLISHERS["timm"]


def ids(value):
    return getattr(value, "name", value)


def checkpoint(publisher, name, classes=1000):
    """Names and shapes of a whole checkpoint, what may come on top included, in an order of its own."""
    pairs = publisher.pairs(variant(name, classes=classes))
    shapes = {pair.theirs: pair.their_shape for pair in pairs} | dict.fromkeys(publisher.spare(pairs), ())
    return dict(sorted(shapes.items(), key=lambda item: item[0][::-1]))


def test_the_rules_of_the_table():
    """The fact sheet's table of families."""
    tensorflow, pytorch = ("same", {1e-3}), ("symmetric", {1e-5})
    rules = {p.name: (p.padding, set(p.bn_eps.values())) for p in PUBLISHERS.values()}
    assert rules["tf"] == rules["keras"] == rules["lukemelas"] == rules["lite"] == rules["timm-tf"] == tensorflow
    assert rules["timm"] == pytorch
    assert rules["torchvision"] == ("symmetric", {1e-5, 1e-3})
    assert [PUBLISHERS["torchvision"].bn_eps[name] for name in ("b4", "b5")] == [1e-5, 1e-3]
    assert all(key == publisher.name for key, publisher in PUBLISHERS.items())


class TestRecognise:
    @pytest.mark.parametrize(("publisher", "name"), EVERY, ids=ids)
    def test_every_variant_of_every_publisher(self, publisher, name):
        assert recognise(checkpoint(publisher, name)) == SAME_NAMES.get(publisher.name, (publisher.name,))

    @pytest.mark.parametrize("publisher", PUBLISHERS.values(), ids=ids)
    def test_a_few_tensors_more_or_less_make_no_stranger(self, publisher):
        names = set(list(checkpoint(publisher, publisher.variants[0]))[5:]) | {"head.extra.weight", "ema.decay"}
        assert recognise(names) == SAME_NAMES.get(publisher.name, (publisher.name,))

    @pytest.mark.parametrize(
        "names",
        [
            [],
            ["conv1.weight", "layer1.0.conv1.weight", "fc.weight"],
            [f"module.{name}" for name in checkpoint(TIMM, "b0")],
            ["num_batches_tracked"] * 300,
            list(checkpoint(TIMM, "b0"))[:100],
        ],
        ids=["nothing", "resnet", "prefixed", "counters", "a third"],
    )
    def test_strangers(self, names):
        assert recognise(names) == ()


class TestVariantOf:
    @pytest.mark.parametrize(("publisher", "name"), EVERY, ids=ids)
    def test_every_variant_of_every_publisher(self, publisher, name):
        assert variant_of(checkpoint(publisher, name), publisher) == variant(name)

    @pytest.mark.parametrize("publisher", PUBLISHERS.values(), ids=ids)
    @pytest.mark.parametrize("classes", [1, 11821])
    def test_fine_tuned(self, publisher, classes):
        name = publisher.variants[-1]
        assert variant_of(checkpoint(publisher, name, classes), publisher) == variant(name, classes=classes)

    @pytest.mark.parametrize("publisher", PUBLISHERS.values(), ids=ids)
    def test_without_a_classifier(self, publisher):
        name = publisher.variants[0]
        assert variant_of(checkpoint(publisher, name, 0), publisher) == variant(name, classes=0)

    def test_counters_may_be_absent(self):
        assert variant_of(TIMM.shapes(variant("b2")), TIMM) == variant("b2")

    def test_all_that_is_wrong_is_in_one_message(self):
        """B2 differs from B1 in widths only; one narrow tensor does not make it a B1."""
        theirs = checkpoint(TIMM, "b2", 10)
        del theirs["conv_stem.weight"], theirs["classifier.bias"]
        theirs |= {"bn1.weight": (40,), "extra.weight": (3,), "extra.num_batches_tracked": ()}
        with pytest.raises(CheckpointError) as caught:
            variant_of(theirs, TIMM)
        assert str(caught.value) == (
            "no variant of timm has these tensors; nearest is b2: conv_stem.weight is missing; "
            "classifier.bias is missing; bn1.weight is [40], not [32]; 'extra.weight' is unknown; "
            "'extra.num_batches_tracked' is unknown"
        )

    def test_of_a_publisher_who_has_no_lite(self):
        with pytest.raises(CheckpointError, match=r"nearest is b0: .*_se_reduce\.weight is missing"):
            variant_of(checkpoint(PUBLISHERS["lite"], "lite0"), PUBLISHERS["lukemelas"])

    @pytest.mark.parametrize("shape", [(), (0, 1280), (1000,), (1000, 1280, 1, 1), (1000, 1281), None])
    def test_a_classifier_that_is_none(self, shape):
        theirs = checkpoint(TIMM, "b0")
        del theirs["classifier.weight"]
        theirs |= {} if shape is None else {"classifier.weight": shape}
        wrong = "missing" if shape is None else rf"\[{', '.join(map(str, shape))}\], not \[1000, 1280\]"
        with pytest.raises(CheckpointError, match=rf"nearest is b0: classifier\.weight is {wrong}$"):
            variant_of(theirs, TIMM)

    @pytest.mark.parametrize("publisher", PUBLISHERS.values(), ids=ids)
    def test_of_nothing(self, publisher):
        with pytest.raises(CheckpointError, match=f"no variant of {publisher.name} has these tensors"):
            variant_of({}, publisher)


# Their own software, on the same weights and input --------------------------------------------------------------------

SIDES = (96, 64)  # even: there the two padding rules differ
SOFTWARE = {
    ("timm-tf", "b0"): lambda: timm.create_model("tf_efficientnet_b0", num_classes=10),
    ("timm-tf", "lite0"): lambda: timm.create_model("tf_efficientnet_lite0", num_classes=10),
    ("timm", "b0"): lambda: timm.create_model("efficientnet_b0", num_classes=10),
    ("torchvision", "b0"): lambda: models.efficientnet_b0(num_classes=10),
}


@pytest.fixture
def one_thread() -> Iterator[None]:
    """Runs this short gain nothing from threads, and on a busy machine threads wait for each other."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


def trained_state(model):
    """Random tensors as they are after training: each kernel keeps the spread, no batch norm is the identity."""
    rng = np.random.default_rng(0)
    state = {}
    for name, tensor in model.state_dict().items():
        shape = tuple(tensor.shape)
        if len(shape) > 1:
            array = rng.standard_normal(shape) * np.sqrt(2 / np.prod(shape[1:]))
        elif name.endswith(("running_var", "weight")):
            array = rng.uniform(0.5, 1.5, shape)
        else:
            array = rng.uniform(-0.5, 0.5, shape)
        state[name] = array.astype(np.float32) if tensor.dtype == torch.float32 else tensor.numpy()
    return state


@pytest.mark.usefixtures("one_thread")
@pytest.mark.parametrize("case", SOFTWARE, ids="-".join)
def test_the_publishers_software_gives_the_same_logits(case):
    """In float64 under the publisher's padding and epsilon, and under no others."""
    publisher, name = PUBLISHERS[case[0]], case[1]
    model = SOFTWARE[case]().eval()
    state = trained_state(model)
    model.load_state_dict({key: torch.from_numpy(array) for key, array in state.items()})
    x = np.random.default_rng(1).standard_normal((2, *SIDES, 3), np.float32)
    with torch.inference_mode():
        theirs = model.double()(torch.from_numpy(x.transpose(0, 3, 1, 2)).double()).numpy()

    assert publisher.name in recognise(state)
    architecture = variant_of({key: array.shape for key, array in state.items()}, publisher)
    assert architecture == variant(name, classes=10)
    tensors = publisher.to_ours(state, architecture).tensors
    weights = Weights(
        architecture, publisher.padding, publisher.bn_eps[name], TENSORFLOW, tensors, None, Provenance(publisher.name)
    )

    def distance(**other):
        ours = Network(replace(weights, **other), dtype="float64", threads=1).logits(x)
        return np.abs(ours - theirs).max() / np.abs(theirs).max()

    assert distance() < 1e-9
    assert distance(padding="symmetric" if publisher.padding == "same" else "same") > 1e-3
    assert distance(bn_eps=1e-5 if publisher.bn_eps[name] == 1e-3 else 1e-3) > 1e-6

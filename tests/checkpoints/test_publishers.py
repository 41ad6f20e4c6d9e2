"""Each publisher's own software agrees with its rules."""

from collections.abc import Iterator
from dataclasses import replace

import numpy as np
import pytest
import timm
import torch
from helpers.trained import numbers_of
from torchvision import models

from refnet.architecture.variants import variant
from refnet.checkpoints.names_and_shapes import publishers_by_names, variant_by_shapes
from refnet.checkpoints.publishers import PUBLISHERS
from refnet.network import Network
from refnet.preprocessing.recipe import TENSORFLOW
from refnet.weights.releases import published, publisher_without_set
from refnet.weights.weights import Provenance, Weights


def test_the_rules_of_the_table():
    """The rules of each family, as its publisher states them."""
    tensorflow, pytorch = ("same", {1e-3}), ("symmetric", {1e-5})
    rules = {p.name: (p.padding, set(p.bn_eps.values())) for p in PUBLISHERS.values()}
    assert rules["tf"] == rules["keras"] == rules["lukemelas"] == rules["lite"] == rules["timm-tf"] == tensorflow
    assert rules["timm"] == pytorch
    assert rules["torchvision"] == ("symmetric", {1e-5, 1e-3})
    assert [PUBLISHERS["torchvision"].bn_eps[name] for name in ("b4", "b5")] == [1e-5, 1e-3]
    assert all(key == publisher.name for key, publisher in PUBLISHERS.items())
    assert rules["huggingface"] == tensorflow
    # transformers' networks come with a configuration that says how they are used, not from a list.
    published_by = {publisher_without_set(release.publisher) for release in published()}
    assert published_by | {"huggingface"} == PUBLISHERS.keys()


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
        array = numbers_of(name, tuple(tensor.shape), rng)
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

    assert publisher.name in publishers_by_names(state)
    architecture = variant_by_shapes({key: array.shape for key, array in state.items()}, publisher)
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

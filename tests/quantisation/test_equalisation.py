"""Channels of one size."""

import numpy as np
import pytest
from helpers.quantisable import network, pictures

from refnet.architecture.plan import make_plan
from refnet.architecture.variants import variant
from refnet.quantisation.equalisation import LARGEST_FACTOR, equalise, find_groups


def test_groups_of_a_lite_network():
    plan = make_plan(variant("lite0"))
    groups = find_groups(plan)
    grouped = [name for group in groups for name in group.tensors]
    assert len(grouped) == len(set(grouped))
    assert set(grouped) == {step.name for step in plan} - {"logits", "probabilities"}
    for group in groups:
        channels = {plan[name].shape[-1] for name in group.tensors}
        assert len(channels) == 1
        assert {step.in_shape[-1] for step in group.readers} == channels


def test_groups_behind_swish():
    """Only what is linear: the ends of blocks."""
    for group in find_groups(make_plan(variant("b3"))):
        assert all(name.endswith((".project", ".add")) for name in group.tensors)
        assert not group.capped


@pytest.mark.parametrize("per", ["channel", "tensor"])
@pytest.mark.parametrize("kind", ["lite", "swish"])
def test_the_network_is_the_same(kind, per):
    net, x = network(kind), pictures(4)
    found = equalise(net, (picture[None] for picture in x), per)
    there, here = dict(net.trace(x)), dict(found.network.trace(x))
    changed = 0
    for name, tensor in there.items():
        factors = found.factors.get(name, 1.0)
        largest = np.abs(tensor).max()
        np.testing.assert_allclose(here[name] / factors, tensor, rtol=1e-4, atol=1e-4 * largest)
        changed += bool(np.ptp(factors) > 0.01)
    assert changed >= 5
    every = np.concatenate(list(found.factors.values()))
    assert every.max() <= LARGEST_FACTOR
    assert every.min() >= 1 / LARGEST_FACTOR


def test_channels_are_of_one_size():
    net, x = network("swish"), pictures(6)
    found = equalise(net, (picture[None] for picture in x), "channel")

    def spread(tensor):
        largest = np.abs(tensor).max(axis=(0, 1, 2))
        return np.log(largest.max() / largest).mean()

    names = [name for name in found.factors if name.endswith(".project")]
    before = net.features(x, names)
    after = found.network.features(x, names)
    assert np.mean([spread(after[name]) for name in names]) < 0.8 * np.mean([spread(before[name]) for name in names])


def test_each_network_is_left_alone():
    net = network("lite")
    digest = net.weights.digest()
    equalise(net, [pictures(1)], "channel")
    assert net.weights.digest() == digest

"""Accumulator: every kind of sum, against exact fractions and the network's own tensors."""

from __future__ import annotations

import numpy as np
import pytest
from helpers import oracles

import refnet
from refnet.architecture import names
from refnet.errors import InputError
from refnet.golden.accumulator import accumulate, check_element
from refnet.weights.synthetic import picture_tensor

X = np.concatenate([picture_tensor(33, 30)] * 2) * np.array([1, 0.5], np.float32)[:, None, None, None]

ELEMENTS = [
    "stem:1,0,0,3", "stem:0,16,14,31", "block1a.depthwise:1,16,7,5", "block2a.depthwise:0,0,0,95",
    "block3a.depthwise:1,4,3,77", "block1a.squeeze:1,31", "block1a.reduce:0,7", "block1a.gate:1,0",
    "block2a.project:0,8,7,23", "head:1,1,0,1279", "pool:0,3", "logits:1,999",
]  # fmt: skip


@pytest.fixture(scope="module", params=["float32", "float64"])
def network(request):
    return refnet.load("b0@synthetic", dtype=request.param)


@pytest.mark.parametrize("element", ELEMENTS)
def test_same_bits_as_the_network(network, element):
    found = accumulate(network, X, element)
    step = network.plan[found.step]
    tensors = network.features(X, [found.step, *step.parts])
    if step.parts:
        assert found.blocks[-1].total == tensors[found.step + ".conv"][found.at]
        assert found.after["bn"] == tensors[found.step + ".bn"][found.at]
    assert list(found.after.values())[-1] == tensors[found.step][found.at]
    assert found.dtype == network.dtype.name


@pytest.mark.parametrize(
    "element", ["stem:1,0,0,3", "block3a.depthwise:1,4,3,77", "block2a.project:0,8,7,23", "pool:0,3"]
)
def test_every_tap_in_exact_fractions(network, element):
    found = accumulate(network, X, element)
    total = None
    for block in found.blocks:
        acc = 0.0
        for tap in block.taps:
            acc = oracles.fma(tap.x, tap.weight, acc, found.dtype)
            assert tap.total == acc
        total = acc if total is None else oracles.add(total, acc, found.dtype)
        assert block.total == total


def test_order_and_place_of_taps(network):
    found = accumulate(network, X, "block2a.project:0,8,7,23")
    assert [len(block.taps) for block in found.blocks] == [32, 32, 32]
    assert [tap.ci for block in found.blocks for tap in block.taps] == list(range(96))
    kernel = network.weights.tensors["block2a/project/kernel"]
    x = network.features(X, "block2a.excite")
    assert all(tap.weight == kernel[0, 0, tap.ci, 23] for block in found.blocks for tap in block.taps)
    assert all(tap.x == x[0, 8, 7, tap.ci] for block in found.blocks for tap in block.taps)


def test_zeros_around_the_picture_take_part(network):
    found = accumulate(network, X, "stem:0,0,0,0")
    (block,) = found.blocks
    assert [tap[:3] for tap in block.taps] == [(ky, kx, ci) for ky in range(3) for kx in range(3) for ci in range(3)]
    assert network.plan["stem"].pads == (0, 1, 0, 1)  # of the network's own size; 33 rows have a zero above
    assert [tap.x for tap in block.taps[:9]] == [0] * 9
    assert [tap.x for tap in block.taps[9:15]] == X[0, 0, :2].ravel().tolist()


def test_mean_sums_rows_first(network):
    found = accumulate(network, X, "block1a.squeeze:0,4")
    assert [len(block.taps) for block in found.blocks] == [15] * 17
    assert found.after["count"] == 17 * 15


def test_names_of_what_follows(network):
    follow = {element: list(accumulate(network, X, element).after) for element in ELEMENTS}
    assert follow["stem:1,0,0,3"] == ["scale", "shift", names.BN, names.ACT]
    assert follow["block2a.project:0,8,7,23"] == ["scale", "shift", names.BN]
    assert follow["block1a.gate:1,0"] == ["bias", "biased", names.ACT]
    assert follow["logits:1,999"] == ["bias", "biased"]
    assert follow["pool:0,3"] == ["count", "mean"]


@pytest.mark.parametrize(
    ("element", "message"),
    [
        ("stm:0,0,0,0", "no step 'stm' in b0"),
        ("stem", "no element 'stem'; want stem:n,h,w,k inside 2,112,112,32"),
        ("stem:0,0,0", "want stem:n,h,w,k"),
        ("stem:0,0,0,32", "inside 2,112,112,32"),
        ("stem:2,0,0,0", "inside 2,112,112,32"),
        ("stem:0,0,0,-1", "want stem:n,h,w,k"),
        ("pool:0,0,0,0", "want pool:n,k inside 2,1280"),
        ("block2b.add:0,0,0,0", "is of the kind add, which sums nothing; want one of convolution, depthwise"),
    ],
)
def test_refused(network, element, message):
    with pytest.raises(InputError, match=message):
        check_element(element, network.plan, batch=2)

"""The generator's port: right in every network, dump and order of axes, also where its roundings are others."""

import sys

import numpy as np
import pytest
from helpers.places import ROOT

import refnet
from refnet.network import Network

sys.path.append(str(ROOT / "tools"))

from planting import campaign
from planting.cases import Case, choose, first_change, ground, save, written
from planting.preparation import Preparation
from planting.program import run
from planting.roundings import ROUNDINGS

CASES = [
    Case("narrow", (64, 64), "batch", "NCHW", "full"),
    Case("narrow-lite", (77, 60), "noise", "NHWC", "unfused"),
    Case("narrow", (77, 60), "chelsea", "NCHW", "thinned"),
    Case("lite0", (64, 64), "codes", "NHWC", "pieces"),
    Case("b0@synthetic", (64, 64), "codes", "NCHW", "blocks"),
]
SMALL = Case("narrow", (40, 56), "noise", "NHWC", "blocks")


def compared(case, program, tmp_path):
    here = ground(*case.ground)
    ours = run(program(here.right.program), here.source, parts=case.dump == "unfused")
    chosen = choose(ours.tensors, case, np.random.default_rng(0))
    path = save(written(ours.tensors, case, chosen), case, tmp_path / "port")
    return refnet.compare(here.golden, path, model=here.model)


@pytest.mark.parametrize("case", CASES, ids=lambda case: f"{case.network}-{case.dump}")
def test_right_port_is_right(case, tmp_path):
    found = compared(case, lambda program: program, tmp_path)
    assert found.exit_code == 0, found.verdict
    assert {result.outcome for result in found.tensors} <= {"exact", "rounded"}
    assert {result.order for result in found.tensors if len(result.shape) == 4} <= {case.order, "HWC"}  # one picture


@pytest.mark.parametrize("rounding", ROUNDINGS, ids=lambda rounding: rounding.__name__)
def test_other_roundings_are_right(rounding, tmp_path):
    found = compared(SMALL, lambda program: rounding(program, np.random.default_rng(1)), tmp_path)
    assert found.exit_code == 0, found.verdict


def test_roundings_differ():
    here = ground(*SMALL.ground)
    rounded = [run(rounding(here.right.program, np.random.default_rng(1)), here.source) for rounding in ROUNDINGS]
    logits = {np.asarray(one.tensors["logits"], np.float32).tobytes() for one in rounded}
    assert len(logits) == len(ROUNDINGS)


@pytest.mark.parametrize("model", ["lite0", "b0@synthetic"])
def test_preparation_is_that_of_the_recipe(model):
    net, sides = refnet.load(model), (95, 129)
    picture = ground("narrow", (40, 56), "chelsea", False).source
    ours = Preparation.of(net.weights.recipe, sides).apply(picture)
    theirs = Network(net.weights, size=sides).preprocess(picture)
    np.testing.assert_allclose(ours, theirs, atol=1e-5)


def test_a_known_run_spares_what_is_the_same():
    here = ground(*SMALL.ground)
    layer = here.right.program["block3a.expand"]
    calls = []
    counted = here.right.program["stem"].edited("out", lambda x, scene: calls.append(1) or x)
    known = run(here.right.program.replaced(counted), here.source)
    changed = known.program.replaced(layer.normed(eps=1.0))
    again = run(changed, here.source, known=known)
    assert len(calls) == 1
    for name, tensor in run(changed, here.source).tensors.items():
        np.testing.assert_array_equal(again.tensors[name], tensor)


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        (lambda x: x, None),
        (lambda x: x * np.float32(1 + 2**-23), None),
        (lambda x: x * np.float32(1.0001), "block2a.expand"),
        (lambda x: x[:, 1:], "block2a.expand"),
        (lambda x: np.where(x == x.max(), np.nan, x), "block2a.expand"),
        (lambda x: np.where(x == x.max(), x + 1e-3, x), "block2a.expand"),
    ],
)
def test_first_change(change, expected):
    here = ground(*SMALL.ground)
    right = here.right.tensors
    ours = right | {"block2a.expand": change(right["block2a.expand"]), "logits": right["logits"] * 2}
    assert first_change(ours, right, here.noise, here.plan) == (expected or "logits")
    assert first_change(right, right, here.noise, here.plan) is None


def test_draws_are_the_same_for_a_seed():
    for number in range(0, 70, 7):
        one, other = (campaign.plant(campaign.Draw("open", 3, number)) for _ in range(2))
        assert (one.case, one.said) == (other.case, other.said)
    assert len({campaign.plant(campaign.Draw("open", seed, 0)).said for seed in range(8)}) > 1
    assert campaign.Draw.parse(str(campaign.Draw("held", 3, 14))) == campaign.Draw("held", 3, 14)

"""Causes where a port did not write all: steps in between, pieces, and blocks that ran twice or not at all."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from helpers import recorded_runs

import refnet
from refnet.comparison.diagnosis.computation import computation_of, evaluate
from refnet.hub.models import find_weights
from refnet.network import Network
from refnet.weights import synthetic

SIZE = (40, 56)


@pytest.fixture(scope="module")
def golden(tmp_path_factory):
    """A golden of all steps as far as block3b, and the network."""
    net = Network(find_weights("lite0"), size=SIZE)
    steps = [step.name for step in net.plan if step.name.startswith(("stem", "block1", "block2", "block3"))]
    x = synthetic.picture_tensor(*SIZE)
    path = tmp_path_factory.mktemp("spans") / "golden"
    recorded_runs.write_golden(path, net, x, "lite0", steps)
    return path, net, {"input": x} | dict(net.trace(x, steps))


def port_of(net, values, wrong=None, plan=None):
    """Run steps in their order; ``wrong`` changes what the named one computes."""
    for step in plan or net.plan:
        if step.name in values:
            continue
        weights = net.weights
        right = computation_of(step, weights.tensors, weights.bn_eps, [values[name] for name in step.inputs])
        changed = wrong[step.name](right) if wrong and step.name in wrong else right
        values[step.name] = evaluate(changed, np.float32)
        if step.name == "block3b.add":
            break
    return values


def said(golden, tensors, tmp_path):
    path = recorded_runs.save(tmp_path / "port", tensors)
    found = refnet.compare(golden[0], path, model="lite0")
    first = found.first_wrong
    assert first is not None
    return first.name, found.diagnoses[first.name]


def test_a_step_that_was_not_written(golden, tmp_path):
    _, net, right = golden
    wrong = {"block3b.depthwise": lambda c: replace(c, pad_mode="edge")}
    tensors = port_of(net, {"input": right["input"]}, wrong)
    kept = {name: tensors[name] for name in ("input", "block2b.add", "block3a.project", "block3b.add")}
    name, found = said(golden, kept, tmp_path)
    assert name == "block3b.add"
    assert found.mistake == "border-repeated"
    assert found.sentence.startswith("in block3b.depthwise, which is not among the port's tensors: around the picture")


def test_what_nobody_guesses_is_asked_for(golden, tmp_path):
    _, net, right = golden
    noise = synthetic.uniform("noise", right["block3b.depthwise"].shape)
    wrong = {"block3b.depthwise": lambda c: replace(c, after=lambda x: noise.astype(x.dtype))}
    tensors = port_of(net, {"input": right["input"]}, wrong)
    _, found = said(golden, {name: tensors[name] for name in ("input", "block3a.project", "block3b.add")}, tmp_path)
    assert found.mistake is None
    assert "one of 4 steps is wrong: dump block3b.expand, block3b.depthwise, block3b.project" in found.sentence


def test_a_piece(golden, tmp_path):
    right = golden[2]
    tensors = {"input": right["input"], "stem": right["stem"]}
    y = np.clip(right["block1a.depthwise"], 0, 3)
    tensors["block1a.depthwise[:,0:10,0:14,:]"] = y[:, :10, :14]
    name, found = said(golden, tensors, tmp_path)
    assert name == "block1a.depthwise"
    assert found.sentence == "the results are bounded (saturated, clamped) at 3, from above"


def test_a_block_that_ran_twice(golden, tmp_path):
    _, net, right = golden
    again = [step for step in net.plan if step.name.startswith("block3b")]
    once = {name: tensor for name, tensor in right.items() if not name.startswith("block3b")}
    first = port_of(net, dict(once))["block3b.add"]
    twice = port_of(net, {"block3a.project": first}, plan=again)
    name, found = said(golden, once | {name: twice[name] for name in twice if name.startswith("block3b")}, tmp_path)
    assert name == "block3b.expand"
    assert found.sentence == "block3b runs twice: once more on its own result"

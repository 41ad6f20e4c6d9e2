"""A port's tensors: what is found out of one depends neither on the others that were read nor on their order."""

from dataclasses import replace

import numpy as np
import pytest
from helpers import recorded_runs

from refnet.comparison.golden_tensors import GoldenTensors
from refnet.comparison.port.matching import match
from refnet.comparison.port.port_tensors import PortTensors
from refnet.golden.read import open_reader

NAMES = ["input", "stem", "block1a.depthwise", "block1a.gate", "block1a.project", "block2a.expand"]


@pytest.fixture
def opened(recorded, port):
    """The golden, and a port with channels first, spoilt in several ways."""
    tensors = {name: np.moveaxis(recorded.tensors[name], -1, 1) for name in NAMES}
    spoilt = {
        "stem": tensors["stem"] * np.float32(np.nan),
        "block1a.depthwise": tensors["block1a.depthwise"].reshape(-1),
        "block1a.project": tensors["block1a.project"][:, :, :-1],
    }
    golden, theirs = open_reader(recorded.path), open_reader(port(tensors | spoilt, only=[]))
    with golden, theirs:
        ours = GoldenTensors(golden, golden.manifest)
        yield lambda: PortTensors(theirs, match(theirs.names, tuple(ours.entries)).partners, ours)


def read(port, name):
    pair = port.pair(name, port.golden.read(name))
    return pair.dtype, pair.region, replace(pair.reading, tensor=None), port.usable(name)


def test_the_order_of_calls_makes_no_difference(opened):
    alone = {name: read(opened(), name) for name in NAMES}
    forward, backward = opened(), opened()
    assert {name: read(forward, name) for name in NAMES} == alone
    assert {name: read(backward, name) for name in reversed(NAMES)} == alone
    assert {name: alone[name][-1] for name in NAMES} == dict(zip(NAMES, (1, 0, 1, 1, 0, 1), strict=True))


def test_a_question_changes_nothing(opened):
    port = opened()
    assert [port.usable(name) for name in (*NAMES, *NAMES, "logits")] == [True, False, True, True, False, True] * 2 + [
        False
    ]
    assert {name: read(port, name) for name in NAMES} == {name: read(opened(), name) for name in NAMES}


def test_the_usual_order_is_that_of_most(recorded, opened, tmp_path):
    assert opened().usual_order == "NCHW"
    first = recorded_runs.save(tmp_path / "other", {name: recorded.tensors[name] for name in ("input", "stem")})
    with open_reader(first) as theirs:
        partners = match(theirs.names, NAMES).partners
        assert PortTensors(theirs, partners, opened().golden).usual_order == "NHWC"
        assert PortTensors(theirs, {}, opened().golden).usual_order is None


def test_usable_tensors_are_the_goldens(recorded, opened):
    port = opened()
    for name in filter(port.usable, NAMES):
        assert np.array_equal(port.tensor(name), recorded.tensors[name])
    misshapen = port.misshapen("block1a.project")
    assert np.array_equal(misshapen, recorded.tensors["block1a.project"][:, :-1])

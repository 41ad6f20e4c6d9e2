"""One step's arrays, explained."""

import numpy as np
import pytest

from refnet.comparison import explain
from refnet.errors import InputError
from refnet.hub.models import find_weights
from refnet.network import Network
from refnet.weights import synthetic

SIZE = (40, 56)
NAMES = ("block2a.project", "block2b.expand", "block2b.expand.bn", "block2b.project", "block2b.add")


@pytest.fixture(scope="module")
def net():
    return Network(find_weights("lite0"), size=SIZE)


@pytest.fixture(scope="module")
def tensors(net):
    return dict(net.trace(synthetic.picture_tensor(*SIZE), NAMES))


def test_right_ones(net, tensors):
    x, y = tensors["block2a.project"], tensors["block2b.expand"]
    assert explain(x, y, "block2b.expand", net).sentence == "block2b.expand: exact"
    near = y * (1 + np.float32(1e-7))
    assert explain(x, near, "block2b.expand", net).sentence == "block2b.expand: differently rounded"


def test_a_wrong_one_has_a_map(net, tensors):
    found = explain(tensors["block2a.project"], np.minimum(tensors["block2b.expand"], 3), "block2b.expand", net)
    said, place = str(found).splitlines()
    assert said == "block2b.expand: wrong: the results are bounded (saturated, clamped) at 3, from above"
    assert place.startswith("block2b.expand: wrong ")
    shown = found._repr_html_()
    assert shown.count("<img") == 2
    assert "bounded (saturated, clamped)" in shown


def test_two_inputs_and_a_part(net, tensors):
    both = [tensors["block2b.project"], tensors["block2a.project"]]
    assert "skip" in str(explain(both, both[0], "block2b.add", net).diagnosis.mistake)
    bn = tensors["block2b.expand.bn"]
    assert explain(tensors["block2a.project"], bn, "block2b.expand.bn", net).diagnosis is None


def test_no_such_step(net):
    with pytest.raises(InputError, match=r"has no step 'nowhere'; its plan lists stem"):
        explain(np.zeros((1, 2, 2, 3), np.float32), np.zeros((1, 2, 2, 3), np.float32), "nowhere", net)

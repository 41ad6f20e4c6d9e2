"""Another network's tensors beside a golden: said first, and not diagnosed one by one."""

import numpy as np
import pytest
from helpers import recorded_runs

from refnet.architecture.plan import make_plan
from refnet.architecture.variants import variant
from refnet.comparison import compare
from refnet.comparison.other_network import another_network
from refnet.golden.read import open_reader

SIZE = (40, 56)


def zeros(name, size=SIZE, batch=1):
    plan = make_plan(variant(name), size)
    return {step.name: np.zeros((batch, *step.shape), np.float32) for step in plan}


@pytest.mark.parametrize(("theirs", "ours"), [("b0", "lite0"), ("b1", "b0"), ("b2", "b1"), ("lite1", "b0")])
def test_another_variant(tmp_path, theirs, ours):
    with open_reader(recorded_runs.save(tmp_path / "port", zeros(theirs))) as port:
        found = another_network(port, make_plan(variant(ours), SIZE), 1)
    assert f"{theirs} at 40x56" in found.text.partition(":")[0]
    assert found.severity == "wrong"


def test_the_same_variant_at_its_own_size(tmp_path):
    with open_reader(recorded_runs.save(tmp_path / "port", zeros("lite0", (224, 224), 2))) as port:
        found = another_network(port, make_plan(variant("lite0"), SIZE), 2)
    assert "lite0 at 224x224" in found.text.partition(":")[0]


@pytest.mark.parametrize("left_out", ["squeeze", "expand", "add"])
def test_the_same_network(tmp_path, left_out):
    tensors = {name: tensor for name, tensor in zeros("b0").items() if left_out not in name}
    with open_reader(recorded_runs.save(tmp_path / "port", tensors)) as port:
        assert another_network(port, make_plan(variant("b0"), SIZE), 1) is None


def test_names_of_nobody(tmp_path):
    tensors = {f"conv_{i}": np.zeros((1, i + 1), np.float32) for i in range(9)}
    with open_reader(recorded_runs.save(tmp_path / "port", tensors)) as port:
        assert another_network(port, make_plan(variant("b0"), SIZE), 1) is None


def test_it_is_said_first(recorded, tmp_path):
    found = compare(recorded.path, recorded_runs.save(tmp_path / "port", zeros("b2")))
    assert (found.findings[0].kind, found.diagnoses, found.exit_code) == ("other network", {}, 1)

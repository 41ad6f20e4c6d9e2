"""Mistakes planted in the C99 program are named; ``tools/plant_integers.py`` plants all of them, in many operations."""

from __future__ import annotations

import shutil

import numpy as np
import pytest
from helpers import integer_networks
from helpers.integer_port import Port
from helpers.planted_integers import MISTAKES, NAMES, is_named

from refnet.comparison.integers.diagnose import diagnose
from refnet.reference.integers.engine import TFLM
from refnet.reference.integers.evaluate import evaluate

FILE = "swish.tflite"

#: Those that no port in NumPy plants.
KINDS = (
    "truncated-to-zero", "zero-y-omitted", "add-one-scale", "add-scales-swapped", "add-without-headroom",
    "mean-truncated", "table-off-by-one", "table-by-uint8", "softmax-half-scale", "bias-rescaled-apart",
    "kernel-by-channel", "blue-green-red", "pairs-saturate", "policy-power-of-two",
)  # fmt: skip


@pytest.fixture(scope="module")
def port(tmp_path_factory):
    if shutil.which("gcc") is None:
        pytest.skip("needs gcc")
    network, x = integer_networks.network(FILE).network, integer_networks.picture(1)
    folder = tmp_path_factory.mktemp("port")
    return Port(network, TFLM, x, folder / "program"), dict(evaluate(network, TFLM, x))


@pytest.mark.parametrize("name", KINDS)
def test_named(port, tmp_path, name):
    program, right = port
    network, mistake = program.network, next(one for one in MISTAKES if one.name == name)
    for operation in network.operations:
        if mistake.applies(network, operation):
            dump, expected = program.run(mistake, operation.name, tmp_path / operation.name), right[operation.name]
            actual = dump.codes(operation.name).reshape(expected.shape)
            if np.count_nonzero(actual != expected) > 3:
                break
    else:
        pytest.fail("it shows nowhere")
    inputs = [right[one] for one in operation.inputs]
    found = diagnose(operation, inputs, network.codes, TFLM, actual, expected)
    assert is_named(name, found), found


def test_there_is_a_name_for_each():
    assert set(KINDS) | set(NAMES) <= {mistake.name for mistake in MISTAKES}

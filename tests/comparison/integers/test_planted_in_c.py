"""Mistakes planted in the C99 program are named; ``tools/plant_integers.py`` plants all of them, in many operations."""

from __future__ import annotations

import shutil

import numpy as np
import pytest
from helpers import integer_networks
from helpers.integer_port import Port
from helpers.planted_integers import MISTAKES

from refnet.comparison.integers.diagnose import diagnose
from refnet.reference.integers.engine import TFLM
from refnet.reference.integers.evaluate import evaluate

FILE = "swish.tflite"

#: Those that no port in NumPy plants, and how the name begins that is right.
NAMES = {
    "truncated-to-zero": "fixed-toward-zero", "zero-y-omitted": "second-zero-omitted", "add-one-scale": "one-scale-",
    "add-scales-swapped": "scales-exchanged", "add-without-headroom": "add-", "mean-truncated": "mean-",
    "table-off-by-one": "table-off-by-1", "table-by-uint8": "table-unsigned", "softmax-half-scale": "softmax-scale-",
    "bias-rescaled-apart": "bias-rescaled-apart", "kernel-by-channel": "kernel-RSC-as-CRS",
    "blue-green-red": "inputs-reversed", "pairs-saturate": "int16-pairs", "policy-power-of-two": "multiplier-2147483",
}  # fmt: skip


@pytest.fixture(scope="module")
def port(tmp_path_factory):
    if shutil.which("gcc") is None:
        pytest.skip("needs gcc")
    network, x = integer_networks.network(FILE).network, integer_networks.picture(1)
    folder = tmp_path_factory.mktemp("port")
    return Port(network, TFLM, x, folder / "program"), dict(evaluate(network, TFLM, x))


@pytest.mark.parametrize("name", NAMES)
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
    assert found.mistake is not None, found
    assert any(one.startswith(NAMES[name]) for one in (found.mistake, *(other.mistake for other in found.alternatives)))

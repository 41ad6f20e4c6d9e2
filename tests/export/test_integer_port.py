"""Ports in C with planted mistakes: each is wrong in its operation, and nowhere before."""

import numpy as np
import pytest
from helpers.integer_networks import network
from helpers.integer_port import Port
from helpers.integer_variants import loud, near_ties
from helpers.planted_integers import MISTAKES
from helpers.programs import need

from refnet.reference.integers.engine import TFLM
from refnet.reference.integers.evaluate import accumulate, evaluate

NETWORKS = {
    "swish": lambda: network("swish.tflite").network,
    "relu6": lambda: network("relu6.tflite").network,
    "loud": lambda: loud(network("relu6.tflite").network),
    "near ties": lambda: near_ties(network("relu6.tflite").network),
}
BY_NAME = {mistake.name: mistake for mistake in MISTAKES}
PLANTED = [
    ("swish", "policy-exact", "stem.conv"),
    ("swish", "zero-y-sign", "block2a.excite"),
    ("swish", "add-without-headroom", "block1a.add"),
    ("swish", "mean-truncated", "pool"),
    ("relu6", "kernel-turned", "block2a.depthwise"),
    ("relu6", "frame-of-code-0", "block1a.depthwise"),
    ("loud", "limits-missing", "stem"),
    ("loud", "accumulator-24-saturates", "logits"),
    ("near ties", "multiplier-24-bits", "head"),
]


@pytest.fixture(scope="module")
def port(tmp_path_factory):
    """Gives the port of a network, built once, and what is right for its picture."""
    need("gcc")
    ports = {}

    def find(name):
        if name not in ports:
            net = NETWORKS[name]()
            x = np.random.default_rng(5).integers(-128, 128, (1, 48, 48, 3)).astype(np.int8)
            folder = tmp_path_factory.mktemp("port")
            ports[name] = Port(net, TFLM, x, folder / "program"), dict(evaluate(net, TFLM, x))
        return ports[name]

    return find


def test_names_are_unique():
    assert len(BY_NAME) == len(MISTAKES) >= 50


def test_without_a_mistake(port, tmp_path):
    ported, right = port("swish")
    dump = ported.run(None, "stem", tmp_path)
    for operation in ported.network.operations:
        name = operation.name
        np.testing.assert_array_equal(dump.codes(name), right[name].ravel())
        if operation.kernel is not None:
            x = operation.inputs[0]
            sums = accumulate(operation, right[x], ported.network.codes[x])
            np.testing.assert_array_equal(dump.accumulators(name), sums.ravel())


@pytest.mark.parametrize(("of", "mistake", "name"), PLANTED, ids=lambda each: each)
def test_planted(of, mistake, name, port, tmp_path):
    ported, right = port(of)
    (operation,) = (each for each in ported.network.operations if each.name == name)
    assert BY_NAME[mistake].applies(ported.network, operation)
    dump = ported.run(BY_NAME[mistake], name, tmp_path)
    assert next(each for each in right if (dump.codes(each) != right[each].ravel()).any()) == name

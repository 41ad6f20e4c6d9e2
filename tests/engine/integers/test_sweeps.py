"""Which operations are done in one pass."""

from __future__ import annotations

from helpers import integer_networks as fixtures

from refnet.engine.integers.sweeps import shapes_of, sweeps_of
from refnet.kernels.integers import rows
from refnet.reference.integers.engine import TFLM
from refnet.reference.integers.evaluate import evaluate


def test_a_block_is_few_passes() -> None:
    network = fixtures.network("relu6.tflite").network
    sweeps = sweeps_of(network, ["input"], ["probabilities"])
    assert sweeps[0].op == rows.DEPTHWISE
    assert sweeps[0].expansion is not None
    assert sweeps[0].expansion.name == "stem"
    (added,) = [sweep for sweep in sweeps if sweep.name == "block5a.add"]
    assert added.op == rows.POINTWISE
    assert added.then is not None
    assert added.then.op == rows.ADD
    apart = sweeps_of(network, ["input"], [operation.name for operation in network.operations])
    assert [sweep.name for sweep in apart] == [operation.name for operation in network.operations]


def test_a_swish_in_two_parts_is_a_table() -> None:
    network = fixtures.network("swish.tflite").network
    sweeps = sweeps_of(network, ["input"], ["head"])
    assert sweeps[-1].name == "head"
    assert sweeps[-1].op == rows.POINTWISE
    assert sweeps[-1].then is not None
    assert sweeps[-1].then.op == rows.TABLE
    given = sweeps_of(network, ["stem.conv", "stem.sigmoid"], ["stem"])
    assert [sweep.op for sweep in given] == [rows.MULTIPLY]


def test_shapes_are_those_of_the_definition() -> None:
    for name in fixtures.FILES:
        network = fixtures.network(name).network
        found = {name: codes.shape[1:] for name, codes in evaluate(network, TFLM, fixtures.picture(0))}
        assert shapes_of(network) == found

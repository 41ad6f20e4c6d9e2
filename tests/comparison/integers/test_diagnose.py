"""Diagnosis in integers: mistakes that a port in NumPy makes get their names, and right ports none."""

from __future__ import annotations

from functools import cache

import numpy as np
import pytest
from helpers import integer_networks
from helpers.numpy_integer_port import PLANTED, Port

from refnet.comparison.integers.diagnose import diagnose
from refnet.reference.integers.engine import ENGINES, TFLM, of_one_policy
from refnet.reference.integers.evaluate import evaluate, evaluate_operation
from refnet.reference.integers.quantisation import activation_limits

#: Where each is planted, the first that shows it: a stride of 2, a picture's first layer, many channels, a dense layer.
OPERATIONS = (
    ("relu6.tflite", "block2a.depthwise"), ("relu6.tflite", "stem"), ("swish.tflite", "block2a.expand.conv"),
    ("relu6.tflite", "block2a.project"), ("swish.tflite", "logits"),
)  # fmt: skip


FEWEST = 4  # codes that are to differ


@cache
def tensors(file):
    network = integer_networks.network(file).network
    return network, dict(evaluate(network, TFLM, integer_networks.picture(1)))


def given(file, name):
    network, found = tensors(file)
    operation = next(one for one in network.operations if one.name == name)
    inputs, of = ([table[one] for one in operation.inputs] for table in (found, network.codes))
    return network, operation, inputs, of, network.codes[name], found[name]


def run(port, file, name):
    _, operation, inputs, of, to, _ = given(file, name)
    return port.run(operation, inputs, of, to, activation_limits(operation.limit, to))


@pytest.mark.parametrize("where", OPERATIONS)
def test_the_port_is_right_without_a_mistake(where):
    assert (run(Port(), *where) == given(*where)[-1]).all()


@pytest.mark.parametrize("mistake", PLANTED)
def test_planted_mistakes_are_named(mistake):
    port, named = PLANTED[mistake]
    network, operation, inputs, expected, actual = shown(mistake, port)
    found = diagnose(operation, inputs, network.codes, TFLM, actual, expected)
    names = [found.mistake or "", *(other.mistake for other in found.alternatives)]
    assert any(named in one if named == "+" else one.startswith(named) for one in names), (operation.name, found)


def shown(mistake, port):
    """Where a mistake shows: the first of the operations, else any other."""
    every = [(file, one.name) for file in integer_networks.FILES for one in tensors(file)[0].operations if one.kernel]
    for file, name in (*OPERATIONS, *every):
        network, operation, inputs, _, _, expected = given(file, name)
        is_square = operation.kernel.weights.ndim > 2 and operation.kernel.weights.shape[0] > 1
        if not mistake.startswith("kernel") or is_square:
            actual = run(port, file, name)
            if np.count_nonzero(actual != expected) >= FEWEST:
                return network, operation, inputs, expected, actual
    raise AssertionError("it shows nowhere")


@pytest.mark.parametrize("file", integer_networks.FILES)
def test_each_engine_is_named(file):
    """A right port of another engine: where an operation differs, what is named is that engine's own way."""
    network, found = tensors(file)
    seen = set()
    for operation in network.operations:
        inputs, of = ([table[one] for one in operation.inputs] for table in (found, network.codes))
        to = network.codes[operation.name]
        for name, engine in ENGINES.items():
            actual = evaluate_operation(operation, inputs, of, to, engine)
            if (actual != found[operation.name]).sum() > 2 and (operation.kind, name) not in seen:
                seen.add((operation.kind, name))
                said = diagnose(operation, inputs, network.codes, TFLM, actual, found[operation.name])
                assert said.mistake is not None, (operation.name, name, said)
                assert name in said.sentence or any(name in other.sentence for other in said.alternatives)
    assert {kind for kind, _ in seen} >= {"convolution"}


def test_the_simplest_is_named_and_what_makes_the_same_codes_is_told():
    """A policy alone before an engine, which divides its multiplier otherwise as well."""
    network, operation, inputs, of, to, expected = given("relu6.tflite", "stem")
    actual = evaluate_operation(operation, inputs, of, to, of_one_policy("single"))
    assert (actual == evaluate_operation(operation, inputs, of, to, ENGINES["xnnpack"])).all()
    found = diagnose(operation, inputs, network.codes, TFLM, actual, expected)
    assert found.mistake == "policy-single-float64"
    assert "(other ways to the same codes: as xnnpack and onnxruntime compute it; policy " in found.sentence


def test_what_is_no_known_mistake_is_a_lead():
    network, operation, inputs, _, _, expected = given("relu6.tflite", "block2a.project")
    actual = (expected.astype(np.int64) * 3 // 4 + (np.arange(expected.size) % 5).reshape(expected.shape)).astype(
        np.int8
    )
    found = diagnose(operation, inputs, network.codes, TFLM, actual, expected)
    assert found.mistake is None
    assert "of the codes differ, and no known mistake makes all of them" in found.sentence

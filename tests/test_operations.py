"""Every operation and every activation of a plan is known wherever one has to be; CONTRIBUTING.md lists the places."""

from __future__ import annotations

import re
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import get_args

import numpy as np
import pytest
from helpers import torch_port
from helpers.tops import TOPS, weights_with

import refnet
from refnet.architecture import names
from refnet.architecture.activations import Activation
from refnet.architecture.plan import make_plan
from refnet.architecture.step import Op, Step
from refnet.checkpoints.naming import keras
from refnet.comparison.diagnosis import activations, computation, operations, rounding
from refnet.export import onnx_nodes
from refnet.export.c99.render import SOURCES
from refnet.golden.cases import cases
from refnet.golden.coverage import regions, regions_of_argument
from refnet.kernels.rows import ACTIVATION_CODES
from refnet.reference import ops
from refnet.reference.evaluate import evaluate_step
from refnet.weights.synthetic import uniform

OPS, ACTIVATIONS = get_args(Op), get_args(Activation)
SIZE = (18, 33)
NOT_PUBLISHED = ("gem", "batch_norm")  # with weights, but in nobody's published network: never recognised by a name
PUBLISHED = [refnet.load(f"{variant}@synthetic") for variant in ("b0", "lite0")]
NETWORKS = [*PUBLISHED, *(refnet.Network(weights_with(top)) for top in TOPS.values())]
CONTRACT = Path(__file__).parents[1] / "docs" / "contract.md"
ONE = np.ones((1, 1), np.float32)


@cache
def steps() -> dict[str, tuple[refnet.network.Network, Step]]:
    """The first step of each operation, beside a network that has it."""
    found = {}
    for network in NETWORKS:
        for step in make_plan(network.weights.architecture, SIZE):
            found.setdefault(step.op, (network, step))
    return found


def c_source(name: str) -> str:
    return (Path(SOURCES) / name).read_text()


def in_c(word: str, enum: str) -> bool:
    (members,) = re.findall(rf"typedef enum {{([^}}]*)}} {enum};", c_source("refnet.h"))
    return word.upper() in re.findall(r"\w+", members) and f"case {word.upper()}:" in c_source("refnet.c")


def in_onnx(step: Step) -> bool:
    return onnx_nodes.nodes_of(step, 1e-3)[-1].output == step.name


def in_contract(word: str) -> bool:
    program = "".join(re.findall(r"```python\n(.*?)```", CONTRACT.read_text("utf-8"), re.DOTALL))
    return re.search(rf"def {word}\(|\.{word}\b", program) is not None


# Where an operation has to be known: whether a step is, or an error.
OPERATION_PLACES = {
    "refnet/reference/ops.py": lambda step: step.op in ops.__all__,
    "refnet/export/onnx_nodes.py": in_onnx,
    "refnet/export/c99/program/refnet.h, Op, and refnet.c, evaluate": lambda step: in_c(step.op, "Op"),
    "refnet/golden/cases.py": lambda step: step.op in {case.op for case in cases()},
    "refnet/comparison/diagnosis/operations.py, OPERATIONS": lambda step: (
        step.op in operations.OPERATIONS | operations.WITH_A_NUMBER
        or computation.computation_of(step, AnyWeights(), 1e-3, []).kernel is not None
    ),
    "refnet/checkpoints/naming/keras.py, _COUNTED": lambda step: (
        not step.weights or step.op in keras._COUNTED or step.op in NOT_PUBLISHED
    ),
    "docs/contract.md, its program": lambda step: in_contract(step.op),
    "tests/helpers/torch_port.py, Layer": lambda step: callable(getattr(torch_port.Layer, step.op)),
}

# The same of an activation.
ACTIVATION_PLACES = {
    "refnet/reference/activation.py, ACTIVATIONS": lambda step: step.activation in ops.ACTIVATIONS,
    "refnet/kernels/rows.py, ACTIVATION_CODES": lambda step: step.activation in ACTIVATION_CODES,
    "refnet/export/onnx_nodes.py": in_onnx,
    "refnet/export/c99/program/refnet.h, Activation, and refnet.c, activate": lambda step: in_c(
        step.activation, "Activation"
    ),
    "refnet/golden/cases.py": lambda step: step.activation in {case.op for case in cases()},
    "refnet/golden/coverage.py": lambda step: (
        regions(ONE, step.activation) is not None and regions_of_argument(ONE, step.activation) is not None
    ),
    "refnet/comparison/diagnosis/activations.py, ACTIVATIONS": lambda step: step.activation in activations.ACTIVATIONS,
    "refnet/comparison/diagnosis/rounding.py, _ACTIVATIONS": lambda step: step.activation in rounding._ACTIVATIONS,
    "docs/contract.md, its program": lambda step: in_contract(step.activation),
    "tests/helpers/torch_port.py, ACTIVATIONS": lambda step: step.activation in torch_port.ACTIVATIONS,
}


class AnyWeights(dict):
    """Weights of any name."""

    def __missing__(self, key: str) -> np.ndarray:
        return ONE


def knows(place, step: Step) -> bool:
    try:
        return place(step)
    except (KeyError, AttributeError, AssertionError):
        return False


@pytest.mark.parametrize("op", OPS)
def test_every_operation_is_in_a_plan(op):
    assert op in steps(), (
        f"network_steps.py lays out no step of the kind {op!r} for b0, lite0 or TOPS of helpers/tops.py"
    )


@pytest.mark.parametrize("op", OPS)
@pytest.mark.parametrize("place", OPERATION_PLACES)
def test_every_operation_is_in_every_table(place, op):
    assert knows(OPERATION_PLACES[place], steps()[op][1]), f"{place} lacks the operation {op!r}"


@pytest.mark.parametrize("activation", [activation for activation in ACTIVATIONS if activation != "none"])
@pytest.mark.parametrize("place", ACTIVATION_PLACES)
def test_every_activation_is_in_every_table(place, activation):
    step = replace(steps()["dense"][1], activation=activation)
    assert knows(ACTIVATION_PLACES[place], step), f"{place} lacks the activation {activation!r}"


@pytest.mark.parametrize("place", OPERATION_PLACES)
def test_an_operation_of_nowhere_is_found_out(place):
    assert not knows(OPERATION_PLACES[place], replace(steps()["softmax"][1], op="invented", weights=(0,)))


@pytest.mark.parametrize("place", ACTIVATION_PLACES)
def test_an_activation_of_nowhere_is_found_out(place):
    assert not knows(ACTIVATION_PLACES[place], replace(steps()["dense"][1], activation="invented"))


@pytest.mark.parametrize("op", OPS)
def test_every_operation_is_computed_as_defined(op):
    network, step = steps()[op]
    weights = network.weights
    shapes = {names.INPUT: step.in_shape} | make_plan(weights.architecture, SIZE).shapes
    given = {name: uniform(name, (1, *shapes[name])) for name in step.inputs}
    inputs = list(given.values())
    *_, (_, expected) = evaluate_step(step, inputs, weights.tensors, weights.bn_eps)
    ((_, fast),) = network.resume(given, step.name, size=SIZE)
    assert fast.tobytes() == expected.tobytes(), (
        f"refnet/engine/fusion.py, refnet/kernels/rows.py or refnet/kernels/run.py make something else of {op!r}"
    )
    exact = computation.evaluate(computation.computation_of(step, weights.tensors, weights.bn_eps, inputs), np.float64)
    assert np.allclose(exact, expected, rtol=1e-4, atol=1e-4), (
        f"refnet/comparison/diagnosis/computation.py, total, makes something else of {op!r}"
    )

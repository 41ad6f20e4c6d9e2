"""The small int8 networks of tests/data/integers, which tools/make_integer_networks.py made."""

import sys
from dataclasses import replace
from functools import cache

import numpy as np
from ai_edge_litert import schema_py_generated as schema
from helpers.places import DATA, ROOT
from helpers.tflite_files import OPERATORS, File

from refnet.architecture.plan import make_plan
from refnet.architecture.scaling import Coefficients
from refnet.architecture.variants import efficientnet
from refnet.checkpoints.graph.tflite.integers import FoundIntegers, find_integers
from refnet.checkpoints.readers.tflite import tflite_file
from refnet.reference.integers.network import IntegerNetwork

sys.path.append(str(ROOT / "tools"))

FOLDER = DATA / "integers"
CANDIDATES = (
    efficientnet(Coefficients(0.1, 0.3, 48), name="tiny"),
    efficientnet(Coefficients(0.125, 0.3, 48, lite=True), name="tinylite"),
)
FILES = ("swish.tflite", "relu6.tflite")
SIZE = (1, 48, 48, 3)


def content(name: str) -> bytes:
    return (FOLDER / name).read_bytes()


def find(data: bytes) -> FoundIntegers:
    return find_integers(tflite_file.load(data), candidates=CANDIDATES)


@cache
def network(name: str) -> FoundIntegers:
    return find(content(name))


def pooled() -> File:
    """The Lite with AVERAGE_POOL_2D in place of MEAN: both have one scale."""
    file = File(content("relu6.tflite"))
    (mean,) = file.of_kind(OPERATORS.MEAN)
    options = schema.Pool2DOptionsT()
    options.filterHeight = options.filterWidth = options.strideH = options.strideW = 2
    options.padding = schema.Padding.VALID
    file.become(mean, OPERATORS.AVERAGE_POOL_2D, options)
    mean.inputs = mean.inputs[:1]
    file.graph.tensors[mean.outputs[0]].shape = [1, 1, 1, 1280]
    return file


def picture(seed: int) -> np.ndarray:
    return np.random.default_rng(seed).uniform(-1, 1, SIZE).astype(np.float32)


def of_kinds(net: IntegerNetwork, kinds: dict[str, str]) -> IntegerNetwork:
    """The same network, with other kinds of operation for the steps whose names end so."""

    def kind(name: str) -> str | None:
        return next((kind for end, kind in kinds.items() if name.endswith(end)), None)

    operations = (replace(each, kind=kind(each.name) or each.kind) for each in net.operations)
    return replace(net, operations=tuple(operations))


def symmetric(net: IntegerNetwork) -> IntegerNetwork:
    """The same network with as many zeros on each side, which only an operator of its own can add."""
    plan = make_plan(net.plan.architecture, padding="symmetric")
    around = {step.name: step.pads for step in plan}
    operations = (
        replace(each, pads=around[each.name.removesuffix(".conv")]) if each.kernel else each for each in net.operations
    )
    return replace(net, plan=plan, operations=tuple(operations))

"""Cases: what they cover, and their results in exact fractions or by another way."""

from __future__ import annotations

import math

import numpy as np
import pytest
from helpers import oracles

from refnet.golden.cases import cases
from refnet.reference import ops
from refnet.weights.synthetic import uniform

CASES = {dtype: {case.name: case for case in cases(dtype)} for dtype in ("float32", "float64")}
EACH = [(dtype, name) for dtype, of_dtype in CASES.items() for name in of_dtype]
SUMS = ["convolution-3x3-s2-symmetric-5x6-c3-k17", "convolution-3x3-s1-same-3x4-c33-k3", "dense-c65-k1"]
SUMS += ["depthwise-5x5-s2-same-6x5-c17", "depthwise-3x3-s1-symmetric-1x1-c17"]


def of_op(op):
    return [case for case in CASES["float32"].values() if case.op == op]


def test_every_operation_has_cases():
    assert {case.op for case in CASES["float32"].values()} == set(ops.__all__) - {"fma", "ACTIVATIONS"}
    assert len(CASES["float32"]) == len(list(cases())) == 99


def test_sizes_and_channels():
    sizes = {case.inputs["x"].shape[1:3] for case in of_op("depthwise")}
    assert {(1, 1), (5, 6), (6, 5)} <= sizes
    assert {case.inputs["x"].shape[3] for case in of_op("convolution")} == {1, 3, 17, 33}
    geometries = {(case.weights["kernel"].shape[0], case.parameters["stride"]) for case in of_op("depthwise")}
    assert geometries == {(3, 1), (3, 2), (5, 1), (5, 2)}
    pads = {tuple(case.parameters["pads"]) for case in of_op("depthwise")}
    assert {(2, 2, 1, 2), (1, 2, 2, 2), (2, 2, 2, 2), (0, 1, 1, 1), (1, 1, 0, 1), (1, 1, 1, 1)} <= pads


@pytest.mark.parametrize(("dtype", "name"), EACH)
def test_dtypes(dtype, name):
    case = CASES[dtype][name]
    assert case.output.dtype.name == (dtype if case.op != "top_k" else "uint8")
    assert {tensor.dtype.name for tensor in case.weights.values()} <= {"float32"}
    assert not any(np.isnan(tensor).any() for tensor in (*case.inputs.values(), case.output))


@pytest.mark.parametrize("dtype", CASES)
@pytest.mark.parametrize("name", SUMS)
def test_sums_in_exact_fractions(dtype, name):
    case = CASES[dtype][name]
    x, kernel = case.inputs["x"], case.weights["kernel"]
    geometry = case.parameters
    if case.op == "depthwise":
        expected = oracles.depthwise(x, kernel, oracles.in_one_chain(dtype), **geometry)
    elif case.op == "dense":
        rows = oracles.convolution(x[:, None, None], kernel[None, None], oracles.in_blocks(dtype))
        expected = rows[:, 0, 0]
    else:
        expected = oracles.convolution(x, kernel, oracles.in_blocks(dtype), **geometry)
    assert case.output.tolist() == expected.tolist()


def test_inputs_are_the_generator_s():
    case = CASES["float32"]["dense-c65-k1"]
    assert (case.inputs["x"] == uniform("vectors/dense-c65-k1/x", (2, 65))).all()
    assert (case.weights["kernel"] == uniform("vectors/dense-c65-k1/kernel", (65, 1))).all()


@pytest.mark.parametrize("dtype", CASES)
def test_functions_at_their_edges(dtype):
    special = CASES[dtype]["exp-special"]
    x, y = special.inputs["x"][0], special.output[0]
    limits = np.finfo(dtype)
    assert {0, limits.smallest_subnormal, limits.smallest_normal, limits.max, math.inf} <= set(x.tolist())
    assert (np.signbit(x) == (np.arange(len(x)) < len(x) // 2)).all()
    assert (y[0], y[-1], y[len(y) // 2]) == (0, math.inf, 1)
    assert {0.0, 6.0} < set(CASES[dtype]["relu6-special"].output[0].tolist())
    ends = {"float32": (-87.0, 87.0), "float64": (-708.0, 708.0)}[dtype]
    assert set(ends) <= set(x.tolist())
    assert {float(np.nextafter(end, dtype_of(dtype)(2 * end))) for end in ends} <= set(x.tolist())


def dtype_of(name):
    return np.dtype(name).type


def test_ties_go_to_the_lower_index():
    case = CASES["float32"]["top_k-ties"]
    assert case.inputs["x"].tolist() == [[1, 3, 0, 3, 0, 2, 3, -1], [-1, 3, 2, 0, 3, 0, 3, 1]]
    assert case.output.tolist() == [[1, 3, 6, 5, 0], [1, 4, 6, 2, 7]]

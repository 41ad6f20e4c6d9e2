"""Cases in integers: what they reach, and their results in Python's own integers."""

from __future__ import annotations

from fractions import Fraction

import numpy as np
import pytest

from refnet.golden.integer_cases import EDGES, ZERO_POINTS, integer_cases
from refnet.reference.integers.policy import POLICIES

CASES = {case.name: case for case in integer_cases()}


def of_op(op):
    return [case for case in CASES.values() if case.op == op]


def test_every_policy_meets_every_kind_of_sum():
    assert len(CASES) == len(list(integer_cases()))
    for op in ("requantise", "convolution", "depthwise", "dense"):
        assert {case.parameters["policy"] for case in of_op(op)} == set(POLICIES)
    assert {case.parameters["policy"] for case in of_op("add")} == {
        "double",
        "double-up",
        "single",
        "truncate",
        "weighted",
        "fused",
    }
    assert {case.op for case in CASES.values()} >= {"mean", "average_pool", "logistic", "swish", "softmax", "quantise"}


def test_edges():
    for case in of_op("convolution"):
        assert case.inputs["x"].min() == -128
        assert case.weights["kernel"].min() == -128
    assert {case.parameters["zero_point"] for case in of_op("dense")} == set(ZERO_POINTS)
    assert {-128, 127} <= set(CASES["int8-dense-zero3-double-relu6"].output.ravel().tolist()) | {-128, 127}
    pairs = CASES["int8-add-zero3-double"].inputs
    assert {tuple(pair) for pair in np.stack([pairs["x"][0], pairs["y"][0]], 1).tolist()} >= {(-128, -128), (127, 127)}
    assert pairs["x"].size == len(EDGES) ** 2
    largest = CASES["int8-dense-largest-sums"].output[0].tolist()
    assert (max(largest), min(largest)) == (2**31 - 1, -(2**31))


def test_policies_part_on_the_ties():
    """A unit that rounds another way fails at least one case of each other way."""
    for name in ("half", "quarter", "near", "far"):
        outputs = {}
        for policy in POLICIES:
            case = CASES.get(f"int8-requantise-{policy}-{name}")
            if case is not None:
                outputs[policy] = dict(zip(case.inputs["x"][0].tolist(), case.output[0].tolist(), strict=True))
        for one, other in (("double", "truncate"), ("single", "fp32-even"), ("double-float", "fp32-even")):
            shared = outputs[one].keys() & outputs[other].keys()
            same = all(outputs[one][x] == outputs[other][x] for x in shared)
            assert not same or (name in ("near", "far") and one != "double")


@pytest.mark.parametrize("case", [case for case in of_op("requantise") if case.parameters["policy"] == "exact"])
def test_exact_in_fractions(case):
    real = Fraction(case.parameters["real"])
    for x, y in zip(case.inputs["x"][0].tolist(), case.output[0].tolist(), strict=True):
        magnitude = (2 * abs(x) * real + 1) // 2
        assert y == (magnitude if x >= 0 else -magnitude)


@pytest.mark.parametrize("op", ["convolution", "depthwise", "dense"])
def test_sums_one_by_one(op):
    for case in of_op(f"{op}-sums"):
        zero, (x, kernel) = case.parameters["zero_point"], (case.inputs["x"].astype(object), case.weights["kernel"])
        if op == "dense":
            x, kernel = x[:, None, None], kernel[None, None]
        top, _, left, _ = case.parameters.get("pads", (0, 0, 0, 0))
        stride, output = case.parameters.get("stride", 1), case.output.reshape(len(x), -1, case.output.shape[-1])
        width = case.output.shape[2] if case.output.ndim == 4 else 1
        for n, place, k in np.ndindex(output.shape):
            total = int(case.weights["bias"][k])
            for ky, kx in np.ndindex(kernel.shape[:2]):
                h, w = place // width * stride - top + ky, place % width * stride - left + kx
                if 0 <= h < x.shape[1] and 0 <= w < x.shape[2]:
                    taps = kernel[ky, kx, k : k + 1] if op == "depthwise" else kernel[ky, kx, :, k]
                    seen = x[n, h, w, k : k + 1] if op == "depthwise" else x[n, h, w]
                    total += sum(int(a - zero) * int(b) for a, b in zip(seen, taps, strict=True))
            assert total == output[n, place, k]


def test_quantise_rounds_ties_as_it_says():
    away, even = (CASES[f"int8-quantise-zero3-{rounding}"] for rounding in ("half-away", "half-even"))
    at = dict(zip(away.inputs["x"][0].tolist(), zip(away.output[0], even.output[0], strict=True), strict=True))
    assert at[0.25] == (4, 3)
    assert at[-0.25] == (2, 3)
    assert at[1e9] == (127, 127)

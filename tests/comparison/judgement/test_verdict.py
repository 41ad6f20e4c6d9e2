"""Judgements: the three verdicts and where one becomes the next."""

import numpy as np
import pytest

from refnet.architecture.plan import make_plan
from refnet.architecture.variants import variant
from refnet.comparison.judgement.verdict import (
    MAX_FACTOR,
    RMS_FACTOR,
    NoiseFloor,
    judge,
    noise_floor,
    rms,
    terms_added,
)  # fmt: skip

TRUTH = np.ones(1000)
SINGLE = TRUTH.astype(np.float32)


def test_floor_is_what_float32_is_away():
    single = np.array([1.0, 1.0, 1.0, 2.0 + 2.0**-20], np.float32)
    assert noise_floor(single, np.array([1.0, 1.0, 1.0, 2.0])) == NoiseFloor(2.0**-21, 2.0**-20)


@pytest.mark.parametrize(
    ("dtype", "terms", "floor"),
    [("float32", 1, 2.0**-24), ("float32", 3600, 2.0**-24 * 20), ("float16", 1, 2.0**-11), ("bfloat16", 9, 2.0**-8)],
)
def test_floor_is_at_least_a_rounding_or_a_long_sum(dtype, terms, floor):
    assert noise_floor(SINGLE, TRUTH, dtype, terms) == NoiseFloor(floor, floor)


@pytest.mark.parametrize(("factor", "verdict"), [(1, "rounded"), (RMS_FACTOR, "rounded"), (RMS_FACTOR + 1, "wrong")])
def test_everywhere_off(factor, verdict):
    actual = TRUTH + factor * 2.0**-24
    found = judge(actual, SINGLE, TRUTH)
    assert (found.verdict, found.rms_ratio, found.max_ratio) == (verdict, factor, factor)


@pytest.mark.parametrize(("factor", "verdict"), [(MAX_FACTOR, "rounded"), (MAX_FACTOR + 1, "wrong")])
def test_one_element_off(factor, verdict):
    actual = TRUTH.copy()
    actual[7] += factor * 2.0**-24
    assert judge(actual, SINGLE, TRUTH).verdict == verdict


def test_exact_in_either_dtype():
    single = (TRUTH / 3).astype(np.float32)
    assert judge(single.copy(), single, TRUTH / 3).verdict == "exact"
    assert judge(TRUTH / 3, single, TRUTH / 3).verdict == "exact"


@pytest.mark.parametrize("wrong", [np.nan, np.inf])
def test_no_number_is_wrong(wrong):
    actual = SINGLE.copy()
    actual[3] = wrong
    assert judge(actual, SINGLE, TRUTH).verdict == "wrong"


def test_another_shape_is_wrong():
    assert judge(SINGLE[:10], SINGLE, TRUTH).verdict == "wrong"


def test_zero_truth_wants_zero():
    zero = np.zeros(4)
    assert judge(zero.astype(np.float32), zero.astype(np.float32), zero).verdict == "exact"
    assert judge(zero + 1e-30, zero.astype(np.float32), zero).verdict == "wrong"


def test_terms_of_every_kind_of_step():
    plan = make_plan(variant("b0"), (32, 64))
    found = {step.op: terms_added(step) for step in reversed(plan.steps)}
    assert found == {
        "softmax": 1000, "dense": 32, "mean": 16 * 32, "convolution": 27, "depthwise": 9, "excite": 1, "add": 1
    }  # fmt: skip


def test_rms_of_nothing():
    assert rms(np.empty(0)) == 0.0

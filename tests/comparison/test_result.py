"""Comparisons: what is said of rows and findings in one sentence and by the exit code."""

import math
from dataclasses import replace

import numpy as np
import pytest

from refnet.comparison.diagnosis import Diagnosis
from refnet.comparison.findings import Finding, listed
from refnet.comparison.judgement.distance import measure_distance
from refnet.comparison.judgement.verdict import judge
from refnet.comparison.result import Comparison
from refnet.comparison.tensor_result import Deviation, TensorResult
from refnet.comparison.where import Where

TRUTH = np.ones((1, 2))


def row(name, outcome, off=0.0, **more):
    actual = TRUTH + off
    against = Deviation(measure_distance(actual, TRUTH), judge(actual, TRUTH.astype(np.float32), TRUTH))
    return TensorResult(name, name, outcome, by_itself=against, end_to_end=against, **more)


def compared(*rows, findings=(), exact=False):
    return Comparison("golden", "port", "b0", rows, tuple(findings), exact)


@pytest.mark.parametrize(
    ("severities", "code"), [([], 0), (["note"], 0), (["wrong"], 1), (["note", "wrong"], 1), (["wrong", "damaged"], 2)]
)
def test_findings_decide_too(severities, code):
    findings = [Finding("kind", None, "text", severity) for severity in severities]
    assert compared(row("stem", "exact"), findings=findings).exit_code == code


@pytest.mark.parametrize(
    ("outcome", "exact", "code"),
    [("exact", True, 0), ("rounded", False, 0), ("rounded", True, 1), ("wrong", False, 1), ("differs", False, 1)],
)
def test_outcomes_decide(outcome, exact, code):
    assert compared(row("stem", outcome), exact=exact).exit_code == code


def test_sentences():
    rounded = row("b", "rounded", 2.0**-23)
    assert compared(row("a", "exact"), row("b", "exact")).verdict == "exact: 2 tensors"
    assert compared(row("a", "exact"), rounded).verdict == (
        "exact or differently rounded: 2 tensors, 1 of them rounded, at most 2 noise floors from float64 (b)"
    )
    wrong = compared(rounded, row("c", "wrong", 0.5), row("d", "wrong", 0.5), row("e", "wrong", 0.5, follows="d"))
    assert wrong.verdict == (
        "first wrong: c (tensor 2 of 4): relative error 0.5, where rounding explains 6e-08; wrong by themselves too: d"
    )
    alone = compared(rounded, row("c", "wrong", 0.5), row("d", "rounded"))
    assert alone.verdict.endswith("where rounding explains 6e-08; all that follows is right by itself")
    differs = replace(
        row("c", "differs"), by_itself=None, end_to_end=Deviation(measure_distance(TRUTH + 1, TRUTH), None)
    )
    assert compared(differs).verdict == (
        "first different: c (tensor 1 of 1): 100.00% of its elements differ, relative error 1"
    )
    lost = compared(TensorResult("c", "c", "wrong"), findings=[Finding("shape", "c", "shape [1]", "wrong")])
    assert lost.verdict == "first wrong: c (tensor 1 of 1): shape [1]"


def test_not_compared_is_said():
    found = compared(row("a", "exact"), TensorResult("b", "b", "not compared"))
    assert found.verdict == "exact: 2 tensors, 1 of them not compared"


def test_json_has_null_for_what_is_no_number():
    (found,) = compared(row("a", "exact")).to_json()["tensors"]
    assert math.isinf(row("a", "exact").by_itself.distance.snr)
    assert found["by_itself"]["snr"] is None
    assert (found["judged"], found["by_itself"]["verdict"], found["shape"]) == ("by itself", "exact", [])


def test_listed():
    assert listed(["a"]) == "a"
    assert listed(list("abcdef")) == "a, b, c, d and 2 more"


def test_each_tensor_in_turn():
    """Where it is wrong, then what was computed, before the next one; a lead is marked as one."""
    where = Where(1, 2, (0, 0), 2.0, 1.0, "channel 0 of 2", "")
    rows = row("stem", "wrong", 1.0, where=where), row("head", "wrong", 1.0, where=where)
    told = {"stem": Diagnosis("a", "is a", 0.0, 1.0), "head": Diagnosis(None, "is near b", 0.5, 1.0)}
    found = replace(compared(*rows), diagnoses=told)
    assert [(said.kind, said.text.partition(":")[0]) for said in found.account] == [
        ("where", "stem"), ("named", "stem"), ("where", "head"), ("lead", "head"),
    ]  # fmt: skip


def test_another_network_is_the_verdict():
    where = Where(1, 2, (0, 0), 2.0, 1.0, "channel 0 of 2", "")
    finding = Finding("other network", None, "the port computes b1", "wrong")
    found = compared(row("stem", "wrong", 1.0, where=where), findings=[finding])
    assert (found.verdict, found.account) == ("the port computes b1", ())

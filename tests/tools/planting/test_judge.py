"""The judge: what counts as named, as a lead, as wrongly named; and what a truth finds in a sentence."""

import sys
from types import SimpleNamespace

import pytest
from helpers.places import ROOT

sys.path.append(str(ROOT / "tools"))

from planting.judge import judge, naming
from planting.truth import TimesTheMean, near, truth

EPS = truth("eps", near(1e-5))
PLACE = "wrong in channel 5 of 8: 1 of 8 elements, first (0, 5): 0.00001 instead of 1; all else is right"
OTHER = "wrongly named"


def found(*claims, findings=(), first="stem"):
    """A comparison that claims (tensor, mistake, sentence, what is left of the error)."""
    claimed = {
        name: SimpleNamespace(mistake=mistake, sentence=sentence, residual=left, before=1.0)
        for name, mistake, sentence, left in claims
    }
    return SimpleNamespace(
        first_wrong=first and SimpleNamespace(name=first, theirs=first),
        diagnoses=claimed,
        sentences=tuple(f"{name}: {claim.sentence}" for name, claim in claimed.items()),
        places=(),
        findings=[
            SimpleNamespace(step=step, text=text, kind=kind, severity=severity)
            for step, kind, text, severity in findings
        ],
        tensors=[SimpleNamespace(name=name, outcome="rounded" if name == "pool" else "wrong") for name in claimed],
        exit_code=int(first is not None),
    )


@pytest.mark.parametrize(
    ("comparison", "naming"),
    [
        (found(("stem", "eps", "eps is 1e-05", 0.0)), "named"),
        (found(("stem", "eps", "eps is 0.00001", 0.0)), "named"),
        (found(("stem", "eps", "eps is 0.0001", 0.0)), "wrongly named"),
        (found(("stem", "eps", "eps is 0.0001", 0.5)), "unnamed"),  # leaves too much to be a name
        (found(("stem", None, "no known mistake; the nearest is eps 1e-05", 0.5)), "lead"),
        (found(("stem", None, "no known mistake gives these numbers", 0.5)), "unnamed"),
        (
            found(
                ("stem", None, "no known mistake", 1.0), findings=[("stem", "where", "as if eps were 1e-5", "wrong")]
            ),
            "named",
        ),
        (found(("stem", None, "no known mistake", 1.0), findings=[(None, "names", "eps 1e-5", "note")]), "unnamed"),
        (found(("stem", None, "no known mistake", 1.0), findings=[(None, "names", "eps 1e-5", "wrong")]), "named"),
        (found(("stem", None, "the error is noise, as eps 1e-5 makes it", 0.5)), "lead"),
        (found(("stem", "eps", "eps is another number", 0.0), findings=[("stem", "where", PLACE, "wrong")]), OTHER),
        (found(("stem", "eps", "eps is 0.1 instead of 0.00001", 0.0)), OTHER),
        (found(("head", "eps", "eps is 1e-05", 0.0), first="head"), "not located"),
        (found(first=None), "not located"),
    ],
)
def test_naming(comparison, naming):
    assert judge(comparison, "stem", [EPS], [EPS]).naming == naming


def test_a_line_says_all_or_nothing():
    """Half of a truth in one line and half in another is no name, nor are counts and numbers of elements."""
    assert naming("eps is another number\nthe numbers are 0.00001", "stem", True, [EPS]) == "wrongly named"
    assert naming(f"eps is another number\n{PLACE}", "stem", True, [truth(near(8), "elements|first")]) == OTHER
    assert naming("wrong in channel 5 of 8, where 0 stands", "stem", False, [truth("channel", near(5))]) == "named"


def test_results_of_a_convolution_alone_are_its_sums():
    sums = truth("^conv: .*results?|sums", near(0.5))
    assert naming("the results are multiples of 0.5", "stem.conv", True, [sums]) == "named"
    assert naming("the results are multiples of 0.5", "stem", True, [sums]) == "wrongly named"


def test_without_an_effect():
    assert judge(found(first=None), None, [EPS], [EPS]).naming == "no effect"


def test_right_ports():
    assert judge(found(first="stem"), "stem", [], []).naming == "false alarm"
    assert judge(found(first=None), "stem", [], []).naming == "right"  # it differs, by roundings
    assert not judge(found(("pool", "sum", "one chain", 0.0), first=None), None, [], []).elsewhere


def test_claims_elsewhere():
    both = found(("stem", "eps", "eps is 1e-5", 0.0), ("head", "scaled", "every number is doubled", 0.0))
    judged = judge(both, "stem", [EPS], [EPS])
    assert (judged.naming, judged.elsewhere) == ("named", ("head: every number is doubled",))
    assert not judge(both, "stem", [EPS], [EPS, truth("doubled")]).elsewhere  # it was planted too


def test_pieces_go_by_their_tensor():
    comparison = found(("stem", "eps", "eps is 1e-5", 0.0))
    comparison.first_wrong.theirs = "stem[:,0:8,0:8,:]"
    assert judge(comparison, "stem[:,0:8,0:8,:]", [EPS], [EPS]).naming == "named"


@pytest.mark.parametrize(
    ("text", "there"),
    [
        ("rows 3, 7", True),
        ("7.05 rows", True),
        ("+7", True),
        ("c+7", True),
        ("17", False),
        ("block7a", False),
        ("7.5", False),
        ("-7", False),
    ],
)
def test_numbers_in_a_sentence(text, there):
    assert near(7).found_in(text) is there


@pytest.mark.parametrize(
    ("text", "there"),
    [
        ("the mean is 1.25 times what it should be", True),
        ("the sum of all pixels, divided by 4.8; 6 pixels (3 × 2) are right", True),
        ("the sum: all pixels; divided by 960; 1,200 pixels (30 × 40) are right", True),
        ("the sum of all pixels, divided by 5; 6 pixels (3 × 2) are right", False),
        ("the mean of the first row alone", False),
    ],
)
def test_a_mean_with_another_divisor(text, there):
    assert TimesTheMean(1.25).found_in(text) is there

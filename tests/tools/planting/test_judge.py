"""The judge: what counts as named, as a lead, as wrongly named; and what a truth finds in a sentence."""

import sys
from types import SimpleNamespace

import pytest
from helpers.places import ROOT

sys.path.append(str(ROOT / "tools"))

from planting.judge import judge
from planting.truth import near, truth

EPS = truth("eps", near(1e-5))


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
        findings=[SimpleNamespace(step=step, text=text, kind=kind) for step, kind, text in findings],
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
        (found(("stem", None, "no known mistake", 1.0), findings=[("stem", "where", "as if eps were 1e-5")]), "named"),
        (found(("stem", None, "no known mistake", 1.0), findings=[(None, "missing", "eps 1e-5")]), "unnamed"),
        (found(("head", "eps", "eps is 1e-05", 0.0), first="head"), "not located"),
        (found(first=None), "not located"),
    ],
)
def test_naming(comparison, naming):
    assert judge(comparison, "stem", [EPS], [EPS]).naming == naming


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

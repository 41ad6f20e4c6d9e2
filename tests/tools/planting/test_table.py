"""The tables: shares of what has an effect, and nothing of the half that is kept away but its families."""

import sys

from helpers.places import ROOT

sys.path.append(str(ROOT / "tools"))

from planting.campaign import Outcome
from planting.judge import Judged
from planting.table import counts, markdown, totals


def outcome(half, operator, naming, *, elsewhere=(), seconds=1.0):
    first = None if naming in ("no effect", "not located") else "stem"
    judged = Judged("stem" if naming != "no effect" else None, first, naming, elsewhere, "it is | so\nand so")
    return Outcome(f"{half}-1-0", "b0, 64 x 64", operator, f"family of {operator}", "planted so", judged, seconds)


FOUND = [
    outcome("open", "tap_missing", "named", elsewhere=("head: scaled",)),
    outcome("open", "tap_missing", "lead", seconds=3.0),
    outcome("open", "tap_missing", "no effect"),
    outcome("open", "other_eps", "wrongly named"),
    outcome("open", "other_eps", "not located"),
    outcome("held", "secret", "unnamed"),
    outcome("right", "folded", "false alarm", seconds=9.0),
    outcome("right", "folded", "right"),
]


def test_counts():
    count = counts(FOUND[:5])
    assert (count["draws"], count["no effect"], count["located"]) == (5, 1, 3)
    assert (count["named"], count["lead"], count["unnamed"], count["wrongly named"]) == (1, 1, 0, 1)
    assert count["misled elsewhere"] == 1


def test_totals_are_shares_of_what_has_an_effect():
    open_half, held, right, alarm = totals(FOUND)
    assert open_half.startswith("open: 5 draws, 4 with an effect: located 75.0%, named 25.0%")
    assert "1.0 s of CPU for a comparison (median), 3.0 s at most" in open_half
    assert "located 100.0%, named 0.0%" in held
    assert right.startswith("right: 2 ports, false alarms: 1")
    assert "right-1-0 folded, b0, 64 x 64: stem" in alarm


def test_page_keeps_the_secret():
    page = markdown(FOUND, "python tools/plant_mistakes.py")
    assert "| tap missing | 3 | 1 | 2 | 1 | 1 | 0 | 0 | 1 | 1.0 | 3.0 |" in page
    assert "| secret" not in page
    assert "| family of secret | 1 |" in page
    assert "| open-1-0 | b0, 64 x 64 | planted so | lead | it is   so |" in page

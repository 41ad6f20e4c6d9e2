"""The tool that soaks: it runs, and sees what differs and what grows."""

import sys
from dataclasses import replace

import pytest
from helpers.places import ROOT

import refnet

sys.path.insert(0, str(ROOT / "tools"))

import soak as tool


@pytest.fixture
def small(monkeypatch):
    """Use one small model, at small sizes."""
    monkeypatch.setattr(tool, "MODELS", ("lite0",))
    monkeypatch.setattr(tool, "SIZES", ((32, 32), (33, 40)))


def test_nothing_differs(small):
    found = tool.soak(0.05, 7, every=1)
    assert found.results > 0
    assert not found.different
    assert not found.failed
    assert len(found.looks) >= 2
    assert all(look.rest_mb > 0 and look.descriptors > 0 for look in found.looks)


def test_a_result_that_differs_is_seen(small, monkeypatch):
    logits, calls = refnet.Network.logits, iter(range(1000))
    monkeypatch.setattr(refnet.Network, "logits", lambda self, x: logits(self, x) + next(calls))
    assert tool.soak(1, 7).different  # which ends it


def test_a_job_that_fails_is_told(small, monkeypatch):
    monkeypatch.setattr(refnet.Network, "features", lambda self, x, at: 1 / 0)
    assert "ZeroDivisionError" in tool.soak(0.05, 7).failed[0]


FLAT = [tool.Look(10.0 * i, 500, 400 + i % 3, 6 + i % 2, 7) for i in range(60)]


@pytest.mark.parametrize(
    ("change", "grew"),
    [
        ({}, []),
        ({"rest_mb": lambda i: 400 + 2 * i}, ["memory grew by 58 MB over the second half"]),
        ({"rest_mb": lambda i: 400 + 100 * (i == 50)}, []),
        ({"rest_mb": lambda i: 600 - 3 * i}, []),
        ({"descriptors": lambda i: 6 + i}, ["the number of descriptors grew"]),
        ({"threads": lambda i: 7 + i // 10}, ["the number of threads grew"]),
    ],
)
def test_what_grows_is_seen(change, grew):
    looks = [replace(look, **{name: of(i) for name, of in change.items()}) for i, look in enumerate(FLAT)]
    assert tool.Soaked(7, looks=looks).grew() == grew


def test_the_command(small, monkeypatch, capsys, tmp_path):
    monkeypatch.setattr("sys.argv", ["soak.py", "--minutes", "0.03", "--json", str(tmp_path / "found.json")])
    assert tool.main() == 0
    assert "every result equals the first of its kind; nothing grew" in capsys.readouterr().out
    assert '"different": []' in (tmp_path / "found.json").read_text()

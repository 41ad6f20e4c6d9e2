"""The tools that run refnet on other Pythons and processors: what they ask for, and what they leave when they fail."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest
from helpers.places import ROOT

sys.path.insert(0, str(ROOT / "tools"))  # they import each other
import userland
import verify_versions

sys.path.pop(0)


def test_the_lowest_versions_are_those_of_the_bounds() -> None:
    wanted = userland.requirements("pytest")
    assert {line.partition(">=")[0] for line in wanted} >= {"numpy", "numba", "pillow", "pytest"}
    lowest = [verify_versions.at_the_bound(line) for line in wanted]
    assert all(line.count("==") == 1 for line in lowest), "a bound that is no lower bound alone"


def test_every_declared_python_is_run() -> None:
    declared = (ROOT / "pyproject.toml").read_text("utf-8")
    assert f'requires-python = ">={verify_versions.PYTHONS[0]}"' in declared
    assert all(f'"Programming Language :: Python :: {version}"' in declared for version in verify_versions.PYTHONS)


def test_tests_that_it_names_are_there() -> None:
    assert not [name for name in verify_versions.TESTS if not (ROOT / name).exists()]


def test_a_missing_program_is_named_with_its_package() -> None:
    with pytest.raises(SystemExit, match="no such-a-program here: on Debian, apt-get install its-package"):
        userland.need({"such-a-program": "its-package", "python3": "python3"})


def test_what_was_begun_is_begun_anew_and_what_is_done_is_kept(tmp_path: Path) -> None:
    made = []

    def fail(place: Path) -> None:
        (place / "half").touch()
        raise OSError

    def make(place: Path) -> None:
        made.append(place)
        (place / "whole").touch()

    with pytest.raises(OSError):  # noqa: PT011
        userland._made(tmp_path / "system", ["arm64"], fail)
    for _ in range(2):
        place = userland._made(tmp_path / "system", ["arm64"], make)
        assert [each.name for each in place.iterdir()] == ["whole"]
    assert len(made) == 1
    assert userland._made(tmp_path / "system", ["amd64"], make) != place

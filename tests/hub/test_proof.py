"""Weight files where others can write too: proven by what this user noted elsewhere, or else told."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
from helpers.places import DATA

import refnet
from refnet.hub import converted, proof
from refnet.hub.models import find_weights
from refnet.weights.paths import find
from refnet.weights.reader import read
from refnet.weights.weight_file import WeightFile, file_of
from refnet.weights.weights import Weights


@pytest.fixture
def shared(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A cache that anybody can write to, with Lite0 in it; and a place for this user's own records."""
    monkeypatch.setenv("REFNET_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    monkeypatch.setattr(proof, "_told", set())
    (tmp_path / "cache").mkdir()
    (tmp_path / "cache").chmod(0o777)
    monkeypatch.setenv("REFNET_WEIGHTS", str(tmp_path / "cache"))
    return Path(shutil.copy(find("lite0"), tmp_path / "cache" / "lite0.h5"))


def test_what_lies_where_nobody_else_can_write_is_proven(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    tmp_path.chmod(0o755)
    copy = Path(shutil.copy(find("lite0"), tmp_path))
    assert proof.doubt(copy) == ""
    assert proof.is_proven(read(copy), copy)
    copy.chmod(0o666)
    assert proof.doubt(copy) == f"{copy}: anybody can write there"
    refnet.load("lite0")
    assert caplog.messages == []


def test_what_lies_elsewhere_is_told_once(shared: Path, caplog: pytest.LogCaptureFixture) -> None:
    for _ in range(2):
        find_weights("lite0")
    assert caplog.messages == [
        f"{shared} may be another user's work, for {shared.parent}: anybody can write there: close the folder to "
        "others, and `refnet fetch lite0` brings the file again"
    ]


def test_what_this_user_noted_is_proven_and_nothing_else(
    shared: Path, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    proof.note(read(shared), shared)
    find_weights("lite0")
    assert caplog.messages == []
    weights = read(shared)
    monkeypatch.setattr(proof, "file_of", of_another_recipe)
    assert not proof.is_proven(weights, shared)


def of_another_recipe(weights: Weights) -> WeightFile | None:
    file = file_of(weights)
    return file and file._replace(metadata_digest="0" * 64)


def test_records_that_others_can_write_prove_nothing(shared: Path) -> None:
    weights = read(shared)
    proof.note(weights, shared)
    assert proof.is_proven(weights, shared)
    (shared.parents[1] / "state").chmod(0o777)
    assert not proof.is_proven(weights, shared)


def test_what_others_may_have_converted_is_converted_anew(shared: Path, caplog: pytest.LogCaptureFixture) -> None:
    """As long as nothing is noted; then it is taken."""
    source = DATA / "hugging_face" / "b-narrow"
    first = converted.convert_once(source)
    assert converted.convert_once(source).weights.digest() == first.weights.digest()
    assert len(caplog.messages) == 1
    for record in (shared.parents[1] / "state").rglob("*"):
        if record.is_file():
            record.unlink()
    converted.convert_once(source)
    assert [message.startswith("converted ") for message in caplog.messages] == [True, True]

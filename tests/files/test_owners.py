"""Who could have put a file somewhere: folders on the way count, and links, but not what nobody can rename."""

from __future__ import annotations

import os
import stat
from collections.abc import Callable
from pathlib import Path

import pytest

from refnet.files import owners
from refnet.files.owners import check_file, why_not_trusted

pytestmark = pytest.mark.skipif(
    not hasattr(os, "geteuid"), reason="Windows closes a user's folders to others by itself"
)
OTHER = 4711


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder in a folder, of this user."""
    made = tmp_path / "above" / "place"
    made.mkdir(parents=True)
    for path in (made, made.parent):
        path.chmod(0o755)
    return made


@pytest.fixture
def given_away(monkeypatch: pytest.MonkeyPatch) -> Callable[[Path], None]:
    """Make a path another user's, as far as one can see, whoever runs the tests."""
    others: set[Path] = set()
    lstat = Path.lstat

    def seen(self: Path) -> os.stat_result:
        found = lstat(self)
        return os.stat_result((*found[:4], OTHER, *found[5:])) if self in others else found

    monkeypatch.setattr(Path, "lstat", seen)
    return others.add


def test_ones_own(folder: Path) -> None:
    assert why_not_trusted(folder) == ""
    assert why_not_trusted(folder / "not" / "there" / "yet") == ""


@pytest.mark.parametrize(("mode", "reason"), [
    (0o700, ""),
    (0o755, ""),
    (0o777, "anybody can write there"),
    (0o1777, "anybody can write there"),  # anybody could have put a link there
    (0o775, "group 4711 can write there"),
    (0o1775, "group 4711 can write there"),
])  # fmt: skip
def test_modes_of_the_folder_itself(
    folder: Path, mode: int, reason: str, monkeypatch: pytest.MonkeyPatch
) -> None:  # fmt: skip
    lstat = Path.lstat

    def seen(self: Path) -> os.stat_result:
        found = lstat(self)
        return os.stat_result((stat.S_IFDIR | mode, *found[1:5], OTHER, *found[6:])) if self == folder else found

    monkeypatch.setattr(Path, "lstat", seen)
    assert why_not_trusted(folder) == reason


@pytest.mark.parametrize(("mode", "fine"), [(0o777, False), (0o1777, True)])
def test_whoever_can_rename_a_folder_above(folder: Path, mode: int, fine: bool) -> None:
    folder.parent.chmod(mode)
    reason = why_not_trusted(folder)
    assert reason == ("" if fine else f"{folder.parent}: anybody can write there")


def test_other_users(folder: Path, given_away: Callable[[Path], None]) -> None:
    given_away(folder)
    assert why_not_trusted(folder) == f"it belongs to another user, {OTHER}"
    assert why_not_trusted(folder, folder.parent) == f"it belongs to another user, {OTHER}"
    given_away(folder.parent)
    assert why_not_trusted(folder) == f"{folder.parent}: it belongs to another user, {OTHER}"


def test_what_is_above_refnet_itself_does_not_count(folder: Path) -> None:
    folder.parent.chmod(0o777)
    assert why_not_trusted(folder, folder.parent) == ""


def test_links_count_with_all_they_lead_through(folder: Path, tmp_path: Path) -> None:
    (tmp_path / "open").mkdir()
    (tmp_path / "open" / "link").symlink_to(folder)
    (tmp_path / "first").symlink_to(Path("open") / ".." / "open" / "link")
    assert why_not_trusted(tmp_path / "first") == ""
    (tmp_path / "open").chmod(0o777)
    assert why_not_trusted(tmp_path / "first") == f"{tmp_path / 'open'}: anybody can write there"
    (tmp_path / "round").symlink_to(tmp_path / "round")
    assert why_not_trusted(tmp_path / "round").endswith("round: cannot be looked at")


def test_links_of_others(folder: Path, tmp_path: Path, given_away: Callable[[Path], None]) -> None:
    (tmp_path / "link").symlink_to(folder)
    given_away(tmp_path / "link")
    assert why_not_trusted(tmp_path / "link") == f"it belongs to another user, {OTHER}"


def test_groups_without_others(monkeypatch: pytest.MonkeyPatch) -> None:
    owners._own_group.cache_clear()
    assert 0 in owners._groups()
    found = os.stat_result((stat.S_IFREG | 0o664, 0, 0, 1, os.geteuid(), OTHER, 0, 0, 0, 0))
    with pytest.raises(PermissionError, match="group 4711 can write there"):
        check_file(found)
    monkeypatch.setattr(owners, "_own_group", lambda user: {OTHER})
    check_file(found)


def test_files_of_nobody_are_not_trusted_even_where_folders_are(monkeypatch: pytest.MonkeyPatch) -> None:
    """In a container that knows one user, all others look like one."""
    monkeypatch.setattr(owners, "_nobody", lambda: OTHER)
    found = os.stat_result((stat.S_IFREG | 0o644, 0, 0, 1, OTHER, 0, 0, 0, 0, 0))
    with pytest.raises(PermissionError, match="it belongs to another user"):
        check_file(found)
    assert owners._why_owner(found, folder=True) == ""

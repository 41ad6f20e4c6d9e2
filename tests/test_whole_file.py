from __future__ import annotations

from pathlib import Path

import pytest

from refnet.whole_file import whole_file, whole_files


def test_the_old_file_stays_until_the_new_one_is_complete(tmp_path: Path) -> None:
    path = tmp_path / "a"
    path.write_text("old")
    with whole_file(path) as unfinished:
        assert unfinished.parent == tmp_path
        unfinished.write_text("new")
        assert path.read_text() == "old"
    assert path.read_text() == "new"
    assert list(tmp_path.iterdir()) == [path]


def test_an_error_leaves_what_was_there_and_nothing_else(tmp_path: Path) -> None:
    path = tmp_path / "a"
    path.write_text("old")

    def write_half() -> None:
        with whole_file(path) as unfinished:
            unfinished.write_text("half")
            raise KeyError

    with pytest.raises(KeyError):
        write_half()
    assert path.read_text() == "old"
    assert list(tmp_path.iterdir()) == [path]


def test_a_file_that_was_never_begun_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError), whole_file(tmp_path / "a"):
        pass
    assert not list(tmp_path.iterdir())


class TestSeveral:
    def test_all_or_none(self, tmp_path):
        one, two = tmp_path / "one", tmp_path / "two"
        with pytest.raises(FileNotFoundError), whole_files(one, two) as (first, _):
            first.write_text("1")
        assert list(tmp_path.iterdir()) == []
        with whole_files(one, two) as (first, second):
            first.write_text("1")
            second.write_text("2")
            assert not one.exists()
        assert (one.read_text(), two.read_text()) == ("1", "2")
        assert len(list(tmp_path.iterdir())) == 2

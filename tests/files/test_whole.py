from __future__ import annotations

from pathlib import Path

import pytest

from refnet.errors import InputError
from refnet.files.whole import check_file_target, not_written, whole_directory, whole_file, whole_files


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


class TestDirectory:
    @pytest.mark.parametrize("there", [False, True])
    def test_appears_with_all_its_files(self, tmp_path: Path, there: bool) -> None:
        path = tmp_path / "new"
        if there:
            path.mkdir()
        with whole_directory(path) as unfinished:
            (unfinished / "a").write_text("a")
            assert not (path / "a").exists()
            (unfinished / "b").write_text("b")
        assert sorted(tmp_path.rglob("*")) == [path, path / "a", path / "b"]

    def test_one_that_is_there_stays_the_same(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.chdir(tmp_path)
        with whole_directory(Path()) as unfinished:
            (unfinished / "a").write_text("a")
        assert list(Path().iterdir()) == [Path("a")]

    @pytest.mark.parametrize("there", [False, True])
    def test_an_error_leaves_nothing(self, tmp_path: Path, there: bool) -> None:
        path = tmp_path / "new"
        if there:
            path.mkdir()

        def write_half() -> None:
            with whole_directory(path) as unfinished:
                (unfinished / "a").write_text("a")
                raise KeyError

        with pytest.raises(KeyError):
            write_half()
        assert list(tmp_path.rglob("*")) == [path] * there

    def test_what_others_wrote_is_not_touched(self, tmp_path: Path) -> None:
        def write(meanwhile: bool) -> None:
            with whole_directory(tmp_path) as unfinished:
                (unfinished / "a").write_text("mine")
                if meanwhile:
                    (tmp_path / "a").write_text("theirs")

        for _ in range(2):  # it comes meanwhile, then it is there
            with pytest.raises(FileExistsError, match="it exists and is no empty directory"):
                write(meanwhile=True)
            assert [(path.name, path.read_text()) for path in tmp_path.iterdir()] == [("a", "theirs")]

    def test_a_file_of_that_name(self, tmp_path: Path) -> None:
        (tmp_path / "a").touch()
        with pytest.raises(FileExistsError), whole_directory(tmp_path / "a"):
            pass

    def test_checked_files_are_replaced_together(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        (tmp_path / "old").write_text("old")
        rename = Path.rename

        def rename_but_b(self: Path, target: Path) -> Path:
            if self.name == "b":
                raise OSError("no room")
            return rename(self, target)

        def write(*names: str) -> list[str]:
            with whole_directory(tmp_path, lambda path, but: None) as unfinished:
                for name in names:
                    (unfinished / name).write_text(name)
            return sorted(path.name for path in tmp_path.iterdir())

        monkeypatch.setattr(Path, "rename", rename_but_b)
        with pytest.raises(OSError, match="no room"):
            write("a", "b", "c", "old")
        assert [(path.name, path.read_text()) for path in tmp_path.iterdir()] == [("old", "old")]
        assert write("a", "c") == ["a", "c"]


class TestTarget:
    def test_a_file_or_a_place_for_one(self, tmp_path: Path) -> None:
        (tmp_path / "a.csv").touch()
        for name in ("a.csv", "b.CSV"):
            assert check_file_target(str(tmp_path / name), ".csv", ".txt") == tmp_path / name
        assert check_file_target(tmp_path / "anything") == tmp_path / "anything"

    @pytest.mark.parametrize(
        ("name", "message"),
        [
            ("", "not written: it is a directory; want the name of a file"),
            ("a.tflite", "a.tflite not written: its name ends in .tflite; want .csv or .txt"),
            ("a", "a not written: its name has no ending; want .csv or .txt"),
            ("none/a.csv", "a.csv not written: there is no directory .*none"),
        ],
    )
    def test_refused(self, tmp_path: Path, name: str, message: str) -> None:
        with pytest.raises(InputError, match=message):
            check_file_target(tmp_path / name, ".csv", ".txt")

    def test_errors_of_the_system_say_what_was_not_written(self, tmp_path: Path) -> None:
        for name, message in [("none/a", "a not written: No such file"), ("a\0", "a.* not written: embedded null")]:
            with pytest.raises(InputError, match=message), not_written(tmp_path / name):
                (tmp_path / name).write_text("a")
        with pytest.raises(ValueError, match="of another kind"), not_written(tmp_path):
            raise ValueError("of another kind")

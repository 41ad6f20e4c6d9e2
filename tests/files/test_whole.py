from __future__ import annotations

import os
import signal
import stat
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace

import pytest

from refnet.errors import InputError
from refnet.files import whole
from refnet.files.whole import check_file_target, not_written, whole_directory, whole_file, whole_files


def test_the_old_file_stays_until_the_new_one_is_complete(tmp_path: Path) -> None:
    path = tmp_path / "a"
    path.write_text("old")
    with whole_file(path) as unfinished:
        assert unfinished.parent.parent == tmp_path
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

    @pytest.mark.parametrize("names", [("one",), ("one", "two"), ("one", "deeper/two")])
    def test_content_is_on_the_disk_before_a_name_and_names_in_the_end(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, names: tuple[str, ...]
    ) -> None:
        """Each file's content, by its inode, then each name, then each directory that got one."""
        (tmp_path / "deeper").mkdir()
        paths = [tmp_path / name for name in names]
        happened: list[tuple[str, int]] = []
        fsync, replace = os.fsync, Path.replace

        def noted_fsync(opened: int) -> None:
            status = os.fstat(opened)
            happened.append(("names" if stat.S_ISDIR(status.st_mode) else "content", status.st_ino))
            fsync(opened)

        def noted_replace(self: Path, target: Path) -> Path:
            happened.append(("name", self.stat().st_ino))
            return replace(self, target)

        monkeypatch.setattr(os, "fsync", noted_fsync)
        monkeypatch.setattr(Path, "replace", noted_replace)
        with whole_files(*paths) as unfinished:
            for file in unfinished:
                file.write_text("new")
        files = [path.stat().st_ino for path in paths]
        count = len(files)
        assert happened[: 2 * count] == [("content", file) for file in files] + [("name", file) for file in files]
        directories = {("names", path.parent.stat().st_ino) for path in paths}
        assert len(happened) == 2 * count + len(directories)
        assert set(happened[2 * count :]) == directories

    @pytest.mark.parametrize("function", ["open", "fsync"])
    def test_a_system_that_syncs_no_directory(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, function: str
    ) -> None:
        call = getattr(os, function)

        def refuse_directories(what: Path | int, *how: int) -> object:
            if stat.S_ISDIR((os.fstat(what) if isinstance(what, int) else what.stat()).st_mode):
                raise PermissionError
            return call(what, *how)

        monkeypatch.setattr(whole, "os", SimpleNamespace(**{**vars(os), function: refuse_directories}))
        with whole_file(tmp_path / "a") as unfinished:
            unfinished.write_text("a")
        assert [path.read_text() for path in tmp_path.iterdir()] == ["a"]


def held(place: Path) -> dict[str, str]:
    return {str(path.relative_to(place)): path.read_text() for path in place.rglob("*") if path.is_file()}


def replace_all(place: Path, *names: str) -> None:
    with whole_directory(place, lambda path, but: None) as unfinished:
        for name in names:
            (unfinished / name).write_text("new")


class Renaming:
    """``Path.rename``, whose calls are counted: ``before`` and ``after`` may raise at one."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.calls = 0
        self.before: dict[int, BaseException] = {}
        self.after: dict[int, BaseException] = {}
        rename = Path.rename

        def counted(path: Path, target: Path) -> Path:
            self.calls += 1
            call = self.calls
            if call in self.before:
                raise self.before[call]
            renamed = rename(path, target)
            if call in self.after:
                raise self.after[call]
            return renamed

        monkeypatch.setattr(Path, "rename", counted)


OLD_FILES, NEW_FILES = dict.fromkeys("abcd", "old"), dict.fromkeys("cdef", "new")


class TestReplacing:
    """Four old files, of which two have namesakes among the four new ones: eight moves."""

    @pytest.fixture
    def place(self, tmp_path: Path) -> Path:
        place = tmp_path / "place"
        place.mkdir()
        for name, text in OLD_FILES.items():
            (place / name).write_text(text)
        return place

    @pytest.mark.parametrize("kind", [KeyboardInterrupt, OSError])
    @pytest.mark.parametrize("when", ["before", "after"])
    @pytest.mark.parametrize("k", range(1, 9))
    def test_an_interruption_at_each_move_leaves_the_old_files(
        self, place: Path, monkeypatch: pytest.MonkeyPatch, k: int, when: str, kind: type[BaseException]
    ) -> None:
        error = kind("stop")
        getattr(Renaming(monkeypatch), when)[k] = error
        with pytest.raises(kind, match="stop") as raised:
            replace_all(place, *NEW_FILES)
        assert raised.value is error
        assert not hasattr(error, "__notes__")
        assert held(place) == OLD_FILES
        assert len(list(place.iterdir())) == 4

    def test_no_interruption(self, place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        renaming = Renaming(monkeypatch)
        replace_all(place, *NEW_FILES)
        assert renaming.calls == 8
        assert held(place) == NEW_FILES
        assert len(list(place.iterdir())) == 4

    @pytest.mark.parametrize("second", [KeyboardInterrupt, OSError])
    @pytest.mark.parametrize("call", range(9, 16))
    def test_a_second_failure_does_not_keep_the_other_files(
        self, place: Path, monkeypatch: pytest.MonkeyPatch, call: int, second: type[BaseException]
    ) -> None:
        """The eighth move fails; moves 9 to 11 bring three new files back, 12 to 15 the four old ones."""
        error = OSError("first")
        renaming = Renaming(monkeypatch)
        renaming.before = {8: error, call: second("second")}
        with pytest.raises(OSError, match="first") as raised:
            replace_all(place, *NEW_FILES)
        assert raised.value is error
        assert renaming.calls == 15
        notes = getattr(error, "__notes__", [])
        aside = [path for path in place.iterdir() if path.suffix == ".old"]
        visible = {name: text for name, text in held(place).items() if not name.startswith(".")}
        if call < 12:  # an old file may have taken the place of the new one, else it is named
            new = sorted(visible.keys() - OLD_FILES.keys())
            assert visible == OLD_FILES | dict.fromkeys(new, "new")
            assert notes == [f"{place / name} is new, and could not be removed" for name in new]
            assert aside == []
        else:
            (folder,) = aside
            assert notes == [f"{folder} still holds files of before; move them back"]
            (kept,) = held(folder)
            assert visible == {name: "old" for name in OLD_FILES if name != kept}

    def test_an_interruption_after_a_second_move_has_no_harm(
        self, place: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        error = KeyboardInterrupt("first")
        renaming = Renaming(monkeypatch)
        renaming.after = {8: error} | {call: KeyboardInterrupt("again") for call in range(9, 17)}
        with pytest.raises(KeyboardInterrupt, match="first"):
            replace_all(place, *NEW_FILES)
        assert not hasattr(error, "__notes__")
        assert held(place) == OLD_FILES

    def test_a_file_that_came_meanwhile_is_not_moved(self, place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        """The rollback takes nothing for a new file that was not moved there."""
        rename = Path.rename

        def refuse(path: Path, target: Path) -> Path:
            if target == place / "e":
                target.write_text("theirs")
                raise OSError("stop")
            return rename(path, target)

        monkeypatch.setattr(Path, "rename", refuse)
        with pytest.raises(OSError, match="stop"):
            replace_all(place, *NEW_FILES)
        assert held(place) == OLD_FILES | {"e": "theirs"}

    def test_one_line_says_where_old_files_are(self, place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        Renaming(monkeypatch).before = {8: OSError("first"), 15: OSError("second")}
        message = r"place not written: first; .*\.old still holds files of before; move them back$"
        with pytest.raises(InputError, match=message), not_written(place):
            replace_all(place, *NEW_FILES)


OLD, PART = ".0123456789abcdef.old", ".0123456789abcdef.part"


LEFT_CASES = [
    ([PART], rf"another run is writing there, in .*{PART}; wait for its end, or remove that if there is none"),
    ([OLD], rf"{OLD} holds the files of before an interrupted run; move them back, or remove it"),
    ([".0.part", ".00aa00aa00aa00aa.part", OLD], rf"{OLD} holds the files of before an interrupted run"),
]


class TestLeft:
    """What an interrupted run left: named, and never removed here."""

    @pytest.mark.parametrize("check", [None, lambda path, but: None])
    @pytest.mark.parametrize(("names", "message"), LEFT_CASES)
    def test_refused_and_kept(
        self, tmp_path: Path, names: list[str], message: str, check: Callable[[Path, Path | None], None] | None
    ) -> None:
        for name in names:
            (tmp_path / name).mkdir()
            (tmp_path / name / "a").write_text("a")
        before = held(tmp_path)
        with pytest.raises(FileExistsError, match=message), whole_directory(tmp_path, check):
            pytest.fail("begun")
        assert held(tmp_path) == before

    @pytest.mark.parametrize(("names", "message"), LEFT_CASES)
    def test_what_comes_meanwhile(self, tmp_path: Path, names: list[str], message: str) -> None:
        def write() -> None:
            with whole_directory(tmp_path, lambda path, but: None) as unfinished:
                (unfinished / "new").write_text("new")
                for name in names:
                    (tmp_path / name).mkdir()

        with pytest.raises(FileExistsError, match=message):
            write()
        assert {path.name for path in tmp_path.iterdir()} == set(names)

    @pytest.mark.parametrize(
        "name", ["0123456789abcdef.part", ".0123.old", ".0123456789abcdeg.old", ".0123456789abcdef.older", "a.old"]
    )
    def test_names_of_others(self, tmp_path: Path, name: str) -> None:
        """They are the check's matter."""
        (tmp_path / name).touch()
        with pytest.raises(FileExistsError, match="is no empty directory"), whole_directory(tmp_path):
            pass
        replace_all(tmp_path, "new")
        assert held(tmp_path) == {"new": "new"}

    @pytest.mark.parametrize("old", [[], ["a"]])
    def test_a_run_that_was_killed(self, tmp_path: Path, old: list[str]) -> None:
        for name in old:
            (tmp_path / name).write_text("old")
        program = (
            "import os, signal, sys; from pathlib import Path; from refnet.files.whole import whole_directory\n"
            "with whole_directory(Path(sys.argv[1]), lambda path, but: None): os.kill(os.getpid(), signal.SIGKILL)"
        )
        killed = subprocess.run([sys.executable, "-c", program, str(tmp_path)], check=False)
        assert killed.returncode == -signal.SIGKILL
        assert len(list(tmp_path.iterdir())) == len(old) + 1
        replace_all(tmp_path, "new")
        assert held(tmp_path) == {"new": "new"}


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


def test_a_name_that_the_system_does_not_take(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="not written: File name too long"):
        whole.check_file_target(tmp_path / ("a" * 300 + ".h5"), ".h5")

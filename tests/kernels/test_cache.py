"""The cache of compiled code, with code that is none."""

from __future__ import annotations

import errno
import logging
import os
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from refnet.errors import RefnetError
from refnet.files import owners, workplace
from refnet.kernels import cache
from refnet.kernels.cache import KernelCache
from refnet.kernels.object_code import ObjectCode

KEY = {"name": "run-float32", "cpu": "any"}
CODE = ObjectCode("entry", ("memcpy",), b"\x7fELF\n\0machine code\n")


@pytest.fixture
def places(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> list[Path]:
    """Where kernels are looked for, in this order: NUMBA_CACHE_DIR, beside the source, the user's own directory."""
    monkeypatch.setenv("NUMBA_CACHE_DIR", str(tmp_path / "named"))
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "home"))
    (tmp_path / "source").mkdir()
    monkeypatch.setattr(cache.kernels, "__path__", [str(tmp_path / "source")])
    return [tmp_path / "named" / "refnet", tmp_path / "source" / "__pycache__", tmp_path / "home" / "numba" / "refnet"]


@pytest.fixture
def read_only(monkeypatch: pytest.MonkeyPatch) -> list[Path]:
    """Make directories that only can be read, whoever runs the tests."""
    locked: list[Path] = []
    check = cache._check_writable

    def check_all(directory: Path) -> None:
        if any(directory.is_relative_to(place) for place in locked):
            raise OSError(errno.EROFS, "Read-only file system")
        check(directory)

    monkeypatch.setattr(cache, "_check_writable", check_all)
    return locked


def load_or_save(
    directory: Path | None = None, *, required: bool = False, key: dict[str, str] = KEY
) -> tuple[KernelCache, bool]:
    """Load the code or save it; return its cache, and whether it was loaded."""
    kept = KernelCache(key, directory, required=required)
    loaded = kept.load()
    if loaded is None:
        kept.save(CODE)
        return kept, False
    assert loaded == CODE
    return kept, True


def files(place: Path) -> list[Path]:
    return sorted(place.rglob("*")) if place.exists() else []


def test_it_is_kept_and_found_again(places: list[Path]) -> None:
    kept, loaded = load_or_save()
    assert (loaded, kept.place, kept.problem) == (False, places[0], "")
    assert [len(files(place)) for place in places] == [1, 0, 0]
    found, loaded = load_or_save()
    assert (loaded, found.place, found.problem) == (True, places[0], "")


def test_only_its_owner_can_change_it(places: list[Path]) -> None:
    before = os.umask(0)
    try:
        load_or_save()
    finally:
        os.umask(before)
    (file,) = files(places[0])
    assert (file.stat().st_mode & 0o777, places[0].stat().st_mode & 0o777) == (0o644, 0o755)


def test_what_was_compiled_for_something_else_is_not_taken(places: list[Path]) -> None:
    load_or_save()
    assert not load_or_save(key={**KEY, "cpu": "other"})[1]
    assert len(files(places[0])) == 2
    one, other = files(places[0])
    other.write_bytes(one.read_bytes())  # under the name of another, as by a mistake or by intent
    assert [load_or_save(key=key)[1] for key in (KEY, {**KEY, "cpu": "other"})].count(True) == 1


def test_a_place_that_cannot_be_written_is_read(places: list[Path], read_only: list[Path]) -> None:
    load_or_save()
    read_only += places
    found, loaded = load_or_save(required=True)
    assert (loaded, found.place) == (True, places[0])


def test_what_such_a_place_lacks_is_kept_in_the_next(places: list[Path], read_only: list[Path]) -> None:
    read_only += places[:2]
    kept, loaded = load_or_save()
    assert (loaded, kept.place, kept.problem) == (False, places[2], "")
    assert [len(files(place)) for place in places] == [0, 0, 1]
    assert load_or_save()[1]


def test_nowhere_to_keep_it(places: list[Path], read_only: list[Path]) -> None:
    read_only += places
    kept, loaded = load_or_save()
    assert (loaded, kept.place) == (False, None)
    assert kept.problem.endswith("Read-only file system")
    with pytest.raises(RefnetError, match=r"cannot be kept: .*: Read-only file system; want a directory that can be"):
        load_or_save(required=True)


def test_no_place_at_all(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cache, "_places", lambda: iter(()))
    kept, _ = load_or_save()
    assert (kept.place, kept.problem) == (None, "no directory for it")


def test_a_directory_of_choice_comes_before_all(places: list[Path], read_only: list[Path], tmp_path: Path) -> None:
    load_or_save()
    chosen = tmp_path / "a" / "b"
    kept, loaded = load_or_save(chosen, required=True)
    assert (loaded, kept.place) == (False, chosen / "refnet")
    read_only.append(chosen)
    assert load_or_save(chosen, required=True)[1]
    chosen = tmp_path / "other"
    read_only.append(chosen)
    with pytest.raises(RefnetError, match=f"cannot be kept: {chosen}: Read-only"):
        load_or_save(chosen, required=True)
    assert not chosen.exists()


def test_one_directory_holds_all_that_is_named(places: list[Path], monkeypatch: pytest.MonkeyPatch) -> None:
    """What ``refnet warmup --cache DIR`` leaves is found by NUMBA_CACHE_DIR=DIR."""
    load_or_save(places[2], required=True)
    monkeypatch.setenv("NUMBA_CACHE_DIR", str(places[2]))
    assert load_or_save()[1]


@pytest.mark.parametrize(
    "damage",
    [
        lambda content: content[:100],
        lambda content: content[:-1],
        lambda content: content + b"\0",
        lambda content: content[:-5] + b"\xff" + content[-4:],
        lambda content: b"",
        lambda content: b"cos\nsystem\n",
        lambda content: content.replace(b"entry", b"other"),
    ],
    ids=["cut short", "cut at the end", "too long", "one byte", "empty", "something else", "another entry"],
)
def test_a_damaged_one_is_replaced_and_that_is_said(
    places: list[Path], damage: Callable[[bytes], bytes], caplog: pytest.LogCaptureFixture
) -> None:
    load_or_save()
    (file,) = files(places[0])
    file.write_bytes(damage(file.read_bytes()))
    kept, loaded = load_or_save()
    assert (loaded, kept.problem) == (False, "")
    assert [record.getMessage() for record in caplog.records] == [f"{file} is damaged; the kernels are compiled anew"]
    assert load_or_save()[1]


def test_what_may_be_missing_in_another_process_is_not_kept(places: list[Path]) -> None:
    kept = KernelCache(KEY)
    assert kept.load() is None
    kept.save(CODE._replace(calls=("memcpy", "NRT_Free", "PyErr_Occurred")))
    assert (kept.place, kept.problem) == (None, "the code calls NRT_Free, PyErr_Occurred")
    assert files(places[0]) == []


def test_a_full_disk_is_a_problem_and_no_error(places: list[Path], monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(Path, "write_bytes", full)
    kept, _ = load_or_save()
    assert (kept.place, kept.problem) == (None, "No space left on device")
    assert files(places[0]) == []


@pytest.mark.skipif(not hasattr(os, "geteuid"), reason="Windows closes a user's directories to others by itself")
class TestWhoeverCouldWriteIt:
    """A file of kernels is machine code that this process would run."""

    def test_a_file_of_another_user_is_not_read(
        self, places: list[Path], monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
    ) -> None:
        load_or_save()
        (file,) = files(places[0])
        monkeypatch.setattr(owners, "_users", lambda: {file.stat().st_uid + 1})
        monkeypatch.setattr(KernelCache, "_trusts", lambda self, place: True)
        assert KernelCache(KEY).load() is None
        (record,) = caplog.records
        assert record.levelno == logging.WARNING
        assert record.getMessage() == f"{file} is not used: it belongs to another user, {file.stat().st_uid}"

    def test_a_file_that_anybody_can_change_is_replaced(
        self, places: list[Path], caplog: pytest.LogCaptureFixture
    ) -> None:
        load_or_save()
        (file,) = files(places[0])
        file.chmod(0o666)
        assert not load_or_save()[1]
        assert caplog.records[0].getMessage() == f"{file} is not used: anybody can write there"
        assert file.stat().st_mode & 0o777 == 0o644
        assert load_or_save()[1]

    def test_a_place_that_is_not_trusted_is_said_once_and_what_is_used_instead(
        self, places: list[Path], monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
    ) -> None:
        places[0].mkdir(parents=True)
        places[0].chmod(0o777)
        monkeypatch.setattr(cache, "_told", set())
        for name in ("run-float32", "run-float64", "run-float32"):
            kept, _ = load_or_save(key={**KEY, "name": name})
            assert kept.place == places[1]
        (record,) = caplog.records
        assert record.getMessage() == (
            f"compiled kernels are neither looked for nor kept in {places[0]}: anybody can write there; "
            f"they are kept in {places[1]}"
        )

    @pytest.mark.parametrize("variable", ["NUMBA_CACHE_DIR", "XDG_CACHE_HOME"])
    def test_a_place_by_the_working_directory_is_not_looked_at(
        self, places: list[Path], monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture, variable: str
    ) -> None:
        """It may be anybody's: a folder that was unpacked, say."""
        monkeypatch.setattr(cache, "_told", set())
        monkeypatch.chdir(places[0].parents[1])
        load_or_save()
        (file,) = files(places[0])
        monkeypatch.setenv("NUMBA_CACHE_DIR", "named")
        kept, loaded = load_or_save()
        assert (loaded, kept.place) == (False, places[1])
        assert "named/refnet: it depends on the working directory; want an absolute path" in caplog.text
        assert file.exists()

    def test_a_pipe_is_not_waited_for(self, places: list[Path], caplog: pytest.LogCaptureFixture) -> None:
        load_or_save()
        (file,) = files(places[0])
        file.unlink()
        os.mkfifo(file)
        assert not load_or_save()[1]
        assert caplog.records[0].getMessage() == f"{file} is not used: it is a pipe; want a regular file"


def test_code_that_computes_wrong_numbers_is_discarded(places: list[Path], caplog: pytest.LogCaptureFixture) -> None:
    load_or_save()
    (file,) = files(places[0])
    kept = KernelCache(KEY)
    assert kept.load() == CODE
    kept.discard()
    assert not file.exists()
    kept.save(CODE)
    assert (kept.place, load_or_save()[1]) == (places[0], True)
    assert caplog.messages == [f"{file} computes wrong numbers on this CPU and is not used"]


def test_wrong_code_that_cannot_be_removed_is_passed_over(places: list[Path], read_only: list[Path]) -> None:
    load_or_save()
    read_only.append(places[0])
    kept = KernelCache(KEY)
    assert kept.load() == CODE
    kept.discard()
    assert "Read-only" in kept.problem
    assert kept.load() is None
    kept.save(CODE)
    assert (kept.place, kept.problem) == (places[1], "")


@pytest.mark.skipif(sys.platform != "linux", reason="kills processes at random moments, which takes a second there")
def test_processes_that_are_killed_while_they_write(places: list[Path]) -> None:
    """Whatever is there is whole, and what they left goes when the next one writes."""
    program = (
        "from refnet.kernels.cache import _write; from pathlib import Path; import sys\n"
        "_write(Path(sys.argv[1]), bytes(1 << 20)); print(1, flush=True)\n"
        "while True: _write(Path(sys.argv[1]), bytes(1 << 20))"
    )
    places[0].mkdir(parents=True)
    target = places[0] / "a.kernels"
    for moment in range(5):
        process = subprocess.Popen([sys.executable, "-c", program, str(target)], stdout=subprocess.PIPE)
        process.stdout.readline()  # type: ignore[union-attr]
        time.sleep(0.01 + 0.003 * moment)
        process.kill()
        process.communicate()
        assert target.stat().st_size == 1 << 20
    for left in places[0].glob(".*.part"):  # one that has no lock yet goes when it is old
        for path in (*left.iterdir(), left):
            os.utime(path, (0, 0))
    workplace.clear(places[0])
    assert [path.name for path in places[0].iterdir()] == ["a.kernels"]

"""Workplaces end with the run that made them, or are cleared away by the next one."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from refnet.files import workplace
from refnet.files.whole import whole_file
from refnet.files.workplace import DEAD, LOCK, NAME, clear

DEAD_ONE = ".00112233445566aa.part"
SLEEPER = (
    "import sys, time; from pathlib import Path; from refnet.files.workplace import workplace\n"
    "with workplace(Path(sys.argv[1])) as place: print(place, flush=True); time.sleep(60)"
)


def start(parent: Path) -> tuple[subprocess.Popen[str], Path]:
    """Start a process that has a workplace."""
    process = subprocess.Popen([sys.executable, "-c", SLEEPER, str(parent)], stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    return process, Path(process.stdout.readline().strip())


def end(process: subprocess.Popen[str]) -> None:
    process.kill()
    process.communicate()


def make(parent: Path, lock: bytes | None, *, age: float = 0.0, name: str = DEAD_ONE) -> Path:
    """Make what a run left that was killed."""
    place = parent / name
    place.mkdir()
    (place / "half").write_text("half")
    if lock is not None:
        (place / LOCK).write_bytes(lock)
    for path in (*place.iterdir(), place):
        os.utime(path, (0, time.time() - age))
    return place


def test_one_in_use_stays_however_old_and_goes_when_nobody_holds_it(tmp_path: Path) -> None:
    process, used = start(tmp_path)
    try:
        for path in (*used.iterdir(), used):
            os.utime(path, (0, 0))
        clear(tmp_path)
        assert used.is_dir()
    finally:
        end(process)
    assert used.is_dir()
    clear(tmp_path)
    assert not used.exists()


def test_the_next_run_clears_even_if_it_writes_another_file(tmp_path: Path) -> None:
    process, _ = start(tmp_path)
    end(process)
    with whole_file(tmp_path / "a") as unfinished:
        unfinished.write_text("a")
    assert [path.name for path in tmp_path.iterdir()] == ["a"]


@pytest.mark.parametrize(
    ("lock", "age", "goes"),
    [
        (workplace._machine(), 0, True),
        (b"another machine", 0, False),  # on a disk of several: its lock may not be seen from here
        (b"another machine", 2 * DEAD, True),
        (b"", 0, False),  # it has just been made
        (b"", 2 * DEAD, True),
        (None, 0, False),
        (None, 2 * DEAD, True),
    ],
    ids=["mine", "another's", "another's, old", "empty", "empty, old", "none", "none, old"],
)
def test_what_goes(tmp_path: Path, lock: bytes | None, age: float, goes: bool) -> None:
    place = make(tmp_path, lock, age=age)
    clear(tmp_path)
    assert place.exists() != goes


@pytest.mark.parametrize(
    "name", ["photos.part", ".part", ".0011.part", ".00112233445566aa.old", ".00112233445566AA.part"]
)
def test_what_has_another_name_is_somebody_elses(tmp_path: Path, name: str) -> None:
    place = make(tmp_path, workplace._machine(), age=2 * DEAD, name=name)
    clear(tmp_path)
    assert place.is_dir()


def fifo(place: Path) -> None:
    os.mkfifo(place / LOCK)


def link(place: Path) -> None:
    (place / LOCK).symlink_to("/dev/zero")


def folder(place: Path) -> None:
    (place / LOCK).mkdir()


@pytest.mark.skipif(os.name != "posix", reason="makes what only POSIX has")
@pytest.mark.parametrize("plant", [fifo, link, folder])
def test_what_only_looks_like_a_lock_is_not_waited_for(tmp_path: Path, plant: Callable[[Path], None]) -> None:
    place = make(tmp_path, None)
    plant(place)
    clear(tmp_path)
    assert place.is_dir()


@pytest.mark.skipif(os.name != "posix", reason="makes what only POSIX has")
def test_links_are_not_followed(tmp_path: Path) -> None:
    (tmp_path / "kept").mkdir()
    target = make(tmp_path / "kept", workplace._machine(), age=2 * DEAD)
    (tmp_path / DEAD_ONE).symlink_to(target)
    clear(tmp_path)
    assert sorted(path.name for path in target.iterdir()) == [LOCK, "half"]


@pytest.mark.skipif(not hasattr(os, "geteuid"), reason="Windows has no user ids")
def test_what_is_another_users_stays(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    place = make(tmp_path, workplace._machine(), age=2 * DEAD)
    monkeypatch.setattr(os, "geteuid", lambda: place.stat().st_uid + 1)
    clear(tmp_path)
    assert place.is_dir()


def test_without_locks_age_decides(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(workplace, "_lock", lambda file, *, wait: None)
    with workplace.workplace(tmp_path) as young:
        place = make(tmp_path, workplace._machine(), age=2 * DEAD)
        clear(tmp_path)
        assert (young.is_dir(), place.exists()) == (True, False)


def test_a_folder_of_many_files_is_looked_through_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    looked: list[Path] = []
    monkeypatch.setattr(workplace, "clear", lambda parent: (looked.append(parent), clear(parent)))
    for name in "abc":
        with whole_file(tmp_path / name) as unfinished:
            assert NAME.fullmatch(unfinished.parent.name)
            unfinished.write_text(name)
    assert looked.count(tmp_path) == 1

"""Full disks, read-only ones, and those that vanish: an error in a line, nothing half written, the old file kept."""

from __future__ import annotations

import os
import resource
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

from attacks import ROOT
from attacks.case import Attack, Case, FaultError
from attacks.programs import WRITERS, content, ended, started, undisturbed, words_of
from attacks.watch import Told, check_told

SIZES = (0, 1, 511, 4096, 30_000, 100_000, 300_000)


def short_files(name: str) -> Callable[[Case], None]:
    """Make the attack of a limit to the size of files, which is what a full disk looks like to a program."""

    def attack(case: Case) -> None:
        whole, _ = undisturbed(name, case)
        words = words_of(name, case, case.folder)
        limit = case.random.choice(SIZES)
        hard = resource.getrlimit(resource.RLIMIT_FSIZE)[1]
        resource.setrlimit(resource.RLIMIT_FSIZE, (limit, hard))
        try:
            process = started(words)
        finally:
            resource.setrlimit(resource.RLIMIT_FSIZE, (hard, hard))
        _check(name, words, ended(process), whole, case.folder)

    return attack


def _check(name: str, words: list[str], told: Told, whole: dict[str, str], folder: Path) -> None:
    """It has failed in a line, or written all of it."""
    check_told(words, told, {0, 2})
    found = content(folder)
    if told.code == 0 and set(found) != set(whole):
        raise FaultError("wrong", f"exit 0, and there are {sorted(found)}")
    wanted = {WRITERS[name].target + ".part"} if WRITERS[name].keeps else set()
    if told.code and (left := {file.partition("/")[0] for file in found} - wanted - set(WRITERS[name].beside)):
        raise FaultError("leftover", f"{sorted(left)} after {told.err}")


def small_disk(name: str) -> Callable[[Case], None]:
    """Make the attack of a disk of some kilobytes, with somebody's file on it, that is full or read-only or goes."""

    def attack(case: Case) -> None:
        undisturbed(name, case)
        disk = case.folder / "disk"
        disk.mkdir()
        size = case.random.choice([4, 16, 64, 256, 1024])
        how = case.random.choice(["full", "full", "read-only", "vanishing"])
        options = f"size={size}k"
        if not _done("mount", "-t", "tmpfs", "-o", options, "tmpfs", str(disk)):
            return  # only root may
        try:
            (disk / "mine.txt").write_bytes(b"mine")
            if how == "read-only":
                subprocess.run(["mount", "-o", "remount,ro", disk], check=True)
            words = words_of(name, case, disk)
            process = started(words)
            if how == "vanishing":
                try:
                    process.wait(case.random.uniform(0.2, 2))
                except subprocess.TimeoutExpired:
                    subprocess.run(["umount", "-l", disk], check=True)
            told = ended(process)
            check_told(words, told, {0, 2})
            if how != "vanishing" and (disk / "mine.txt").read_bytes() != b"mine":
                raise FaultError("wrong", "another file on the disk was changed")
        finally:
            while os.path.ismount(disk) and _done("umount", "-l", str(disk)):
                pass

    return attack


def _done(*words: str) -> bool:
    """Run a program of the system; whether it worked."""
    return subprocess.run(words, capture_output=True, check=False).returncode == 0


def full_output(case: Case) -> None:
    """Standard output leads to a full disk, or nobody reads it."""
    from attacks.readers import make_weight_file
    from attacks.tables import pictures

    model, folder = str(make_weight_file(case)), str(pictures(case))
    commands = (
        ["predict", folder, "-m", model], ["predict", folder, "-m", model, "--json"], ["plan", "b0"], ["info"],
        ["info", "--published"], ["verify", model], ["--help"], ["--version"], ["plan", model, "--json"],
    )  # fmt: skip
    words = case.random.choice(commands)
    full = case.random.random() < 0.5
    script = '"$@" >/dev/full' if full else '"$@" | head -c 10 >/dev/null; exit "${PIPESTATUS[0]}"'
    command = ["bash", "-c", script, "bash", sys.executable, "-m", "refnet", *words]
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    done = subprocess.run(
        command, check=False, env=environment, capture_output=True, text=True, timeout=60, stdin=subprocess.DEVNULL
    )
    told = Told(done.returncode, "", done.stderr)
    check_told(words, told, {2} if full else {0, 141})


def old_file_stays(case: Case) -> None:
    """A file that is there stays whole where a new one cannot be written in its place."""
    name = case.random.choice(["golden-h5", "golden-npz", "convert", "invert", "export", "html"])
    undisturbed(name, case)
    target = case.folder / WRITERS[name].target
    target.write_bytes(b"the old one")
    words = words_of(name, case, case.folder)
    hard = resource.getrlimit(resource.RLIMIT_FSIZE)[1]
    resource.setrlimit(resource.RLIMIT_FSIZE, (case.random.choice(SIZES), hard))
    try:
        process = started(words)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (hard, hard))
    told = ended(process)
    check_told(words, told, {0, 2})
    if told.code and target.read_bytes() != b"the old one":
        raise FaultError("wrong", f"the file that was there is damaged: {told.err}")


def attacks() -> Iterator[Attack]:
    """All of them."""
    for name in WRITERS:
        yield Attack(f"disks/short-{name}", short_files(name), seconds=100)
        if os.geteuid() == 0 and shutil.which("mount"):
            yield Attack(f"disks/small-{name}", small_disk(name), seconds=100)
    yield Attack("disks/output", full_output, seconds=80)
    yield Attack("disks/old-file", old_file_stays, seconds=100)

"""Full disks, read-only ones, and those that vanish: an error in a line, nothing half written, the old file kept."""

from __future__ import annotations

import os
import resource
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from random import Random

from helpers.writing_commands import COMMANDS, WritingCommand, contents, prepare, start, wrong_files

from attacks import ROOT
from attacks.case import Attack, Case, FaultError
from attacks.programs import ended, fault_of, name_of, undisturbed
from attacks.readers import make_weight_file
from attacks.tables import pictures
from attacks.watch import Told, check_told

ROOM = (0, 1, 511, 4096, 30_000, 100_000, 300_000, 1_000_000)  # bytes
WRITERS = [command for command in COMMANDS if command.name != "warmup"]  # which compiles, for that matter


def _start_short(command: WritingCommand, case: Case) -> subprocess.Popen[str]:
    """Start a command whose files may have so many bytes and no more."""
    hard = resource.getrlimit(resource.RLIMIT_FSIZE)[1]
    resource.setrlimit(resource.RLIMIT_FSIZE, (case.random.choice(ROOM), hard))
    try:
        return start(command, case.folder)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (hard, hard))


def short_files(command: WritingCommand) -> Callable[[Case], None]:
    """Make the attack of a limit to the size of files, which is what a full disk looks like to a program."""

    def attack(case: Case) -> None:
        whole, _ = undisturbed(command, case)
        prepare(case.folder)
        before = set(contents(case.folder))
        check(command, ended(_start_short(command, case)), case.folder, before, whole)

    return attack


def check(command: WritingCommand, told: Told, place: Path, before: set[str], whole: dict[str, bytes]) -> None:
    """It has failed in a line and left nothing, or written all of it."""
    check_told(command.arguments.split(), told, {0, 2})
    if problems := wrong_files(command, place, before, whole):
        raise fault_of(f"exit {told.code}: {'; '.join(problems)}\n{told.err}")
    kept_in_cache = {name for name in whole if name.startswith("cache/")}  # is told, and no error
    if told.code == 0 and (missing := set(whole) - set(contents(place)) - kept_in_cache):
        raise FaultError("wrong", f"exit 0, and there is no {', '.join(sorted(missing))}")


def small_disk(command: WritingCommand) -> Callable[[Case], None]:
    """Make the attack of a disk that has little room, or may not be written, or goes in the middle."""

    def attack(case: Case) -> None:
        whole, seconds = undisturbed(command, case)
        disk = case.folder / "disk"
        disk.mkdir()
        if not _done("mount", "-t", "tmpfs", "tmpfs", str(disk)):
            return  # only root may
        try:
            prepare(disk)
            before = set(contents(disk))
            how = case.random.choice(["full", "full", "read-only", "vanishing"])
            if how != "vanishing":
                _done("mount", "-o", f"remount,{_options(disk, how, case.random)}", str(disk))
            process = start(command, disk)
            if how == "vanishing":
                with suppress(subprocess.TimeoutExpired):
                    process.wait(case.random.uniform(0, seconds))
                _done("umount", "-l", str(disk))
            told = ended(process)
            if how == "vanishing":  # what is written then is nowhere
                check_told(command.arguments.split(), told, {0, 2})
            else:
                check(command, told, disk, before, whole)
        finally:
            while os.path.ismount(disk) and _done("umount", "-l", str(disk)):
                pass

    return attack


def _options(disk: Path, how: str, chance: Random) -> str:
    if how == "read-only":
        return "ro"
    found = os.statvfs(disk)
    return f"size={(found.f_blocks - found.f_bfree) * found.f_frsize + chance.choice(ROOM)}"


def _done(*words: str) -> bool:
    """Run a program of the system; whether it worked."""
    return subprocess.run(words, capture_output=True, check=False).returncode == 0


def output(case: Case) -> None:
    """Standard output leads to a full disk, or nobody reads it."""
    model, folder = str(make_weight_file(case)), str(pictures(case))
    commands = (
        ["predict", folder, "-m", model], ["predict", folder, "-m", model, "--json"], ["plan", "b0"], ["info"],
        ["info", "--published"], ["verify", model], ["--help"], ["--version"], ["plan", model, "--json"],
    )  # fmt: skip
    words, full = case.random.choice(commands), case.random.random() < 0.5
    script = '"$@" >/dev/full' if full else '"$@" | head -c 10 >/dev/null; exit "${PIPESTATUS[0]}"'
    done = subprocess.run(
        ["bash", "-c", script, "bash", sys.executable, "-m", "refnet", *words],
        env={**os.environ, "PYTHONPATH": str(ROOT)}, stdin=subprocess.DEVNULL,
        capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip
    check_told(words, Told(done.returncode, "", done.stderr), {2} if full else {0, 141})


def old_file_stays(case: Case) -> None:
    """A file that is there stays whole where a new one cannot be written in its place."""
    names = {"golden hdf5": "out.h5", "golden npz": "out.npz", "convert": "out.h5", "export onnx": "out.onnx"}
    command = case.random.choice([each for each in COMMANDS if each.name in names])
    prepare(case.folder)
    target = case.folder / names[command.name]
    target.write_bytes(b"the old one")
    told = ended(_start_short(command, case))
    check_told(command.arguments.split(), told, {0, 2})
    if told.code and target.read_bytes() != b"the old one":
        raise FaultError("wrong", f"the file that was there is damaged: {told.err}")


def attacks() -> Iterator[Attack]:
    """All of them."""
    for command in WRITERS:
        yield Attack(f"disks/short-{name_of(command.name)}", short_files(command), seconds=150)
        if os.geteuid() == 0 and shutil.which("mount"):
            yield Attack(f"disks/small-{name_of(command.name)}", small_disk(command), seconds=150)
    yield Attack("disks/output", output, seconds=80)
    yield Attack("disks/old-file", old_file_stays, seconds=100)

"""The commands that write, and what must be true of each when a signal ends it at any moment.

Nothing half-written stands under the final name, nothing else is left, the exit code says which signal it was, and
nobody sees a traceback.
"""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path

from helpers.places import CHELSEA, DATA, ROOT

PICTURES = 4
SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGKILL) if os.name == "posix" else ()


@dataclass(frozen=True)
class WritingCommand:
    """A command, run in a folder of its own, which holds ``photos`` and ``set`` (a folder for each class).

    ``kept`` are names that an interrupted run leaves on purpose: its journal, for --resume. Those of ``varying``
    differ from run to run: times are in them.
    """

    name: str
    arguments: str
    kept: tuple[str, ...] = ()
    varying: tuple[str, ...] = ()


COMMANDS = (
    WritingCommand("golden directory", "golden lite0 --size 64 -o out"),
    WritingCommand("golden in a directory that is there", "golden lite0 --size 64 -o there"),
    WritingCommand("golden hdf5", "golden lite0 --size 64 -o out.h5"),
    WritingCommand("golden npz", "golden lite0 --size 64 -o out.npz"),
    WritingCommand("convert", f"convert {DATA}/hugging_face/b-narrow -o out.h5"),
    WritingCommand("load and convert", f"info {DATA}/hugging_face/b-narrow"),  # into the cache
    WritingCommand("quantise", "quantise lite0 --size 64 --pictures photos -o out.h5 --page out.html"),
    WritingCommand("export onnx", "export lite0 --size 64 -o out.onnx"),
    WritingCommand("predict csv", "predict photos -o out.csv", ("out.csv.part",)),
    WritingCommand("predict parquet", "predict photos -o out.parquet", ("out.parquet.part",)),
    WritingCommand("features npy", "features photos -o out.npy", ("out.npy.part",)),
    WritingCommand("features hdf5", "features photos -o out.h5", ("out.h5.part",), ("out.h5",)),
    WritingCommand("eval", "eval set -o out.csv --html out.html", ("out.csv.part",), ("out.html",)),
    WritingCommand("bench plot", "bench lite0 --size 64 --rounds 2 --plot out.svg", (), ("out.svg",)),
    WritingCommand("warmup", "warmup --dtype float32 --cache kernels", (), ("kernels",)),
)


def prepare(place: Path) -> None:
    """Make what the commands read."""
    for folder in ("photos", "set/tabby", "set/tiger cat"):
        (place / folder).mkdir(parents=True)
        for number in range(PICTURES):
            shutil.copy(CHELSEA, place / folder / f"{number}.png")
    (place / "there").mkdir()


def heard() -> None:
    """Let a new process hear the signals that a program started by nohup or in the background ignores."""
    for number in (signal.SIGHUP, signal.SIGINT, signal.SIGTERM):
        signal.signal(number, signal.SIG_DFL)


def start(command: WritingCommand, place: Path) -> subprocess.Popen[str]:
    """Start a command in a prepared folder; its cache is in there too."""
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "REFNET_CACHE": str(place / "cache"), "REFNET_OFFLINE": "1"}
    return subprocess.Popen(
        [sys.executable, "-m", "refnet", *command.arguments.split()],
        cwd=place,
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        preexec_fn=heard,
    )


def begun(process: subprocess.Popen[str], seconds: float) -> bool:
    """Wait so long, or until a command has ended; whether it still runs."""
    try:
        process.wait(seconds)
    except subprocess.TimeoutExpired:
        return True
    return False


def contents(place: Path) -> dict[str, bytes]:
    """All files of a folder, by their paths in it."""
    return {str(path.relative_to(place)): path.read_bytes() for path in sorted(place.rglob("*")) if path.is_file()}


def signalled(
    command: WritingCommand, place: Path, number: int, seconds: float, whole: dict[str, bytes], limit: float = 60.0
) -> list[str]:
    """Send a signal to a command after a while, and say what is wrong with how it ends.

    ``whole`` is what the folder holds when nothing comes between. What SIGKILL leaves, ``left_after_another`` judges.
    """
    before = set(contents(place))
    process = start(command, place)
    running = begun(process, seconds)
    if running:
        process.send_signal(number)
    try:
        _, said = process.communicate(timeout=limit)
    except subprocess.TimeoutExpired:
        process.kill()
        process.communicate()
        return [f"still running {limit:g} s after signal {number}"]
    # Before a command begins and after it has ended, a signal ends Python itself.
    allowed = {0, -number} | ({128 + number} if number != signal.SIGKILL else set())
    found = [] if process.returncode in allowed else [f"exit code {process.returncode} after signal {number}: {said}"]
    found += [f"a traceback: {said}"] if "Traceback" in said else []
    return found + [
        problem
        for problem in wrong_files(command, place, before, whole)
        if number != signal.SIGKILL or "half" in problem
    ]


def wrong_files(command: WritingCommand, place: Path, before: set[str], whole: dict[str, bytes]) -> list[str]:
    """Say what is in a folder that was neither there before nor is what a whole run leaves."""
    found = []
    for name, content in contents(place).items():
        if name in before or name in command.kept:
            continue
        varying = name.partition(os.sep)[0] in command.varying
        if name not in whole:
            found.append(f"{name} is left")
        elif content != whole[name] and not (varying and content):
            found.append(f"{name} is half written")
    return found


def run_whole(command: WritingCommand, place: Path) -> tuple[dict[str, bytes], float]:
    """Run a command undisturbed: what the folder holds then, and how many seconds it took."""
    begin = time.monotonic()
    process = start(command, place)
    _, said = process.communicate(timeout=300)
    assert process.returncode == 0, (command.name, said)
    return contents(place), time.monotonic() - begin

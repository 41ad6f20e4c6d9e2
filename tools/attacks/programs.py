"""Commands in processes of their own: how they are started, how they end, what they leave."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

from helpers.writing_commands import WritingCommand, prepare, run_whole

from attacks import ROOT
from attacks.case import Case, FaultError, patience
from attacks.watch import DONE, Told, check_told

SECONDS = 60.0  # for a command that takes two


def ended(process: subprocess.Popen[str], seconds: float = SECONDS) -> Told:
    """Wait for the end of a command."""
    seconds *= patience()
    try:
        out, err = process.communicate(timeout=seconds)
    except subprocess.TimeoutExpired:
        process.kill()
        process.communicate()
        raise FaultError("hang", f"{process.args!r} took more than {seconds:.0f} s") from None
    return Told(process.returncode, out, err)


def run(words: Sequence[str], variables: Mapping[str, str], codes: set[int] = DONE) -> Told:
    """Run a command to its end, which is a documented one."""
    command, environment = (
        [sys.executable, "-m", "refnet", *words],
        {**os.environ, "PYTHONPATH": str(ROOT), **variables},
    )
    pipe, nothing = subprocess.PIPE, subprocess.DEVNULL
    process = subprocess.Popen(
        command, env=environment, stdin=nothing, stdout=pipe, stderr=pipe, text=True, errors="replace"
    )
    told = ended(process)
    check_told(list(words), told, codes)
    return told


def undisturbed(command: WritingCommand, case: Case) -> tuple[dict[str, bytes], float]:
    """Run a command that writes, once for this process: all that its folder holds then, and how long it took."""

    def make() -> tuple[dict[str, bytes], float]:
        place: Path = case.kept["folder"] / command.name
        prepare(place)
        return run_whole(command, place)

    found: tuple[dict[str, bytes], float] = case.once(f"undisturbed {command.name}", make)
    return found


def fault_of(problem: str) -> FaultError:
    """Say which kind of fault a problem is that the tests' helpers tell in words."""
    kinds = {"still running": "hang", "is left": "leftover", "half written": "wrong"}
    return FaultError(next((kind for words, kind in kinds.items() if words in problem), "traceback"), problem)


def name_of(words: str) -> str:
    """Make the name of an attack of a few words."""
    return "".join(letter if letter.isalnum() else "-" for letter in words).strip("-")

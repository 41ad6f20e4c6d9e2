"""Signals at random moments, at every command that writes: the exit code says so, and nothing is left."""

from __future__ import annotations

import signal
import subprocess
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path

from attacks.case import Attack, Case, FaultError
from attacks.programs import SIGNALLED, WRITERS, check_whole, content, ended, run, started, undisturbed, words_of
from attacks.watch import Told


def at_random(name: str) -> Callable[[Case], None]:
    """Make the attack on a command."""

    def attack(case: Case) -> None:
        whole, seconds = undisturbed(name, case)
        words = words_of(name, case, case.folder)
        sent = case.random.choice([*SIGNALLED, "SIGINT", "SIGTERM"])
        process = started(words)
        with suppress(subprocess.TimeoutExpired):
            process.wait(case.random.uniform(0, 1.1 * seconds))
        over = process.poll() is not None
        if not over:
            process.send_signal(getattr(signal, sent))
        told = ended(process)
        if not over:
            check_end(told, sent, words)
        check_whole(name, content(case.folder), whole, case.folder, killed=sent == "SIGKILL")
        temporary = case.folder.parent / "tmp"
        if sent == "SIGKILL":
            for path in sorted(temporary.rglob("*"), reverse=True):
                path.rmdir() if path.is_dir() else path.unlink()
        _again(name, words, case, whole)

    return attack


def check_end(told: Told, sent: str, words: list[str]) -> None:
    """Compare the end with what the signal promises; a program that is just being started may end as any other."""
    allowed = {SIGNALLED[sent], 0}
    signalled = -getattr(signal, sent)
    if not told.err.strip():  # Python was still starting, or had just ended
        allowed.add(signalled)
    shown = f"{' '.join(words)}: {sent} and exit {told.code}\n{told.err[-2000:]}"
    if "Traceback" in told.err and "/refnet/" in told.err:
        raise FaultError("traceback", shown)
    if "Traceback" in told.err and told.code in {1, signalled}:  # while Python itself was starting
        return
    if told.code not in allowed:
        raise FaultError("traceback", f"want {SIGNALLED[sent]}: {shown}")


def _again(name: str, words: list[str], case: Case, whole: dict[str, str]) -> None:
    """The next run works, and clears what a killed one left."""
    writer = WRITERS[name]
    target = case.folder / writer.target
    if writer.keeps:
        words = [*words, case.random.choice(["--resume", "--overwrite"]) if _part(target).exists() else "--overwrite"]
    elif target.is_dir() and set(content(target)):
        _remove(target)
    told = run(words)
    if told.code:
        raise FaultError("wrong", f"the next run fails: {' '.join(words)}: {told.err}")
    check_whole(name, content(case.folder), whole, case.folder, killed=False)
    if set(content(case.folder)) != set(whole):
        raise FaultError("leftover", f"after the next run: {sorted(set(content(case.folder)) ^ set(whole))}")


def _part(target: Path) -> Path:
    return target.with_name(f"{target.name}.part")


def _remove(folder: Path) -> None:
    """Remove a whole golden, which the next run would refuse to write over; what is hidden in it stays."""
    for path in folder.iterdir():
        if path.is_file() and not path.name.startswith("."):
            path.unlink()


def attacks() -> Iterator[Attack]:
    """One for each command that writes."""
    for name in WRITERS:
        yield Attack(f"signals/{name}", at_random(name), seconds=120)

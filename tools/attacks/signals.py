"""Signals at random moments, at every command that writes: the exit code says so, and nothing is left."""

from __future__ import annotations

import shutil
import signal
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

from helpers.writing_commands import (
    COMMANDS,
    SIGNALS,
    WritingCommand,
    contents,
    prepare,
    run_whole,
    signalled,
    wrong_files,
)  # fmt: skip

from attacks.case import Attack, Case, FaultError
from attacks.programs import fault_of, name_of, undisturbed


def at_random(command: WritingCommand) -> Callable[[Case], None]:
    """Make the attack on a command."""

    def attack(case: Case) -> None:
        whole, seconds = undisturbed(command, case)
        prepare(case.folder)
        before = set(contents(case.folder))
        number = case.random.choice(SIGNALS)
        after = case.random.uniform(0, 1.1 * seconds)
        if problems := signalled(command, case.folder, number, after, whole):
            raise fault_of("; ".join(problems))
        if number == signal.SIGKILL:  # no process can clear its folder for temporary files then
            shutil.rmtree(case.folder.parent / "tmp")
            (case.folder.parent / "tmp").mkdir()
        again(command, case.folder, before, whole)

    return attack


def again(command: WritingCommand, place: Path, before: set[str], whole: dict[str, bytes]) -> None:
    """The next run works, and clears what a killed one left."""
    for name in set(contents(place)) & set(whole) - before:  # what was done already; a golden is not written over
        (place / name).unlink()
    over = replace(command, arguments=f"{command.arguments} --overwrite") if command.kept else command
    try:
        run_whole(over, place)
    except AssertionError as error:
        raise FaultError("wrong", f"the next run fails: {error}") from None
    if problems := wrong_files(replace(command, kept=()), place, before, whole):
        raise fault_of(f"after the next run: {'; '.join(problems)}")
    if missing := set(whole) - set(contents(place)):
        raise FaultError("wrong", f"after the next run there is no {', '.join(sorted(missing))}")


def attacks() -> Iterator[Attack]:
    """One for each command that writes."""
    for command in COMMANDS:
        yield Attack(f"signals/{name_of(command.name)}", at_random(command), seconds=400)

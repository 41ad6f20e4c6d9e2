"""A signal ends a command in order: the right exit code, and nothing half done."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest
from helpers.places import ROOT
from helpers.writing_commands import COMMANDS, WritingCommand, contents, heard, prepare, run_whole, start, wrong_files

from refnet.cli import signals
from refnet.files.workplace import NAME

pytestmark = pytest.mark.skipif(os.name != "posix", reason="sends the signals of POSIX")

SOME = [command for command in COMMANDS if command.name in ("golden directory", "load and convert")]


def workplaces(place: Path) -> list[Path]:
    return [path for path in place.rglob(".*.part") if NAME.fullmatch(path.name)]


def stop_at_work(command: WritingCommand, place: Path, number: int) -> tuple[int, str]:
    """Send a signal as soon as something is being written; the exit code, and what is said."""
    process = start(command, place)
    while not workplaces(place):
        assert process.poll() is None
        time.sleep(0.002)
    process.send_signal(number)
    _, said = process.communicate(timeout=120)
    return process.returncode, said


@pytest.mark.parametrize("command", SOME, ids=lambda command: command.name)
def test_nothing_stays_but_what_kill_leaves_until_the_next_run(command: WritingCommand, tmp_path: Path) -> None:
    prepare(tmp_path)
    before = set(contents(tmp_path))
    for number, code in ((signal.SIGTERM, 143), (signal.SIGHUP, 129), (signal.SIGINT, 130)):
        found, said = stop_at_work(command, tmp_path, number)
        assert (found, "Traceback" in said) == (code, False), said
        assert set(contents(tmp_path)) == before
    assert stop_at_work(command, tmp_path, signal.SIGKILL)[0] == -signal.SIGKILL
    assert len(workplaces(tmp_path)) == 1
    whole, _ = run_whole(command, tmp_path)
    assert workplaces(tmp_path) == []
    assert wrong_files(command, tmp_path, before, whole) == []


# Work that takes a signal while it clears up, and then takes its time.
CLEARING = """
import os, signal, sys, time
from refnet import cli
from refnet.cli import info
def work(options):
    try:
        os.kill(os.getpid(), signal.SIGTERM)
        time.sleep(10)
    finally:
        os.kill(os.getpid(), signal.SIGHUP)
        time.sleep(0.1)
        print("cleared")
info.run = work
sys.exit(cli.main(["info"]))
"""


def run_program(program: str, **how: object) -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    return subprocess.run(
        [sys.executable, "-c", program],
        env=environment,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
        preexec_fn=heard,
    )


def test_a_second_signal_does_not_interrupt_the_clearing_up() -> None:
    done = run_program(CLEARING)
    assert (done.returncode, done.stdout, done.stderr) == (143, "cleared\n", "")


def test_one_that_is_ignored_stays_ignored() -> None:
    """As under nohup."""
    program = CLEARING.replace(
        "from refnet import cli\n", "from refnet import cli\nsignal.signal(15, signal.SIG_IGN)\n"
    )
    done = run_program(program.replace("sleep(10)", "sleep(0.1)"))
    assert (done.returncode, done.stdout) == (129, "")


def test_one_that_a_program_has_a_use_for_is_left_to_it() -> None:
    heard: list[int] = []
    before = signal.signal(signal.SIGHUP, lambda number, frame: heard.append(number))
    try:
        with signals.ending_in_order():
            signal.raise_signal(signal.SIGHUP)
            with pytest.raises(signals.Ended) as ended:
                signal.raise_signal(signal.SIGTERM)
    finally:
        signal.signal(signal.SIGHUP, before)
    assert (heard, ended.value.code) == ([signal.SIGHUP], 143)
    assert signal.getsignal(signal.SIGTERM) is signal.SIG_DFL


def test_another_thread_hears_of_none() -> None:
    ran: list[bool] = []

    def run() -> None:
        with signals.ending_in_order():
            ran.append(signal.getsignal(signal.SIGTERM) is signal.SIG_DFL)

    thread = threading.Thread(target=run)
    thread.start()
    thread.join()
    assert ran == [True]

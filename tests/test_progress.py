"""The display of what takes long: on a terminal, above nothing that it could spoil, and gone in the end."""

import os
import re
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest
from helpers.terminals import run_in_terminal, screen

import refnet
from refnet import cli, progress

pytestmark = pytest.mark.skipif(os.name != "posix", reason="needs a pseudo-terminal")

# As the commands do it: a long task, another inside it of which nobody knows how long it takes, a remark meanwhile.
PROGRAM = """
import logging, sys, time, warnings
from refnet import cli, progress

def compare(options):
    with progress.task("comparing", 4, "steps") as update:
        update(advance=1)
        time.sleep(0.2)
        logging.getLogger("refnet").info("compiling the float32 kernels")
        with progress.task("compiling", total=None):
            warnings.warn("a remark", stacklevel=1)
            time.sleep(float(sys.argv[1]))
        update(advance=2)
        progress.print_line("a result", sys.stdout)
        time.sleep(0.3)
        update(advance=1)
    with progress.task("fetching", 1e6, "bytes") as update:
        for _ in range(5):
            update(advance=1e5)
            time.sleep(0.1)
    with progress.task("recording") as update:
        update(completed=0.4, description="recording stem")
        time.sleep(0.2)
    print("done")
    return 0

from refnet.cli import info
info.run = compare
sys.exit(cli.main(["info"]))
"""
LINES = ["refnet: compiling the float32 kernels", "refnet: warning: a remark"]


def test_on_a_terminal_it_names_and_counts_and_leaves_nothing(tmp_path):
    code, seen = run_in_terminal("-c", PROGRAM, "1.2", where=tmp_path)
    assert code == 0
    assert screen(seen) == [*LINES, "a result", "done", ""]
    for shown in (
        r"comparing .* 1 of 4 steps\x1b", r"compiling .* 1 s\x1b", r"comparing .* 3 of 4 steps, \d+ s left",
        r"fetching .* [1-5]00\.0 kB of 1\.0 MB", r"[1-5]00\.0 kB of 1\.0 MB, \d+ s left", r"recording stem .* 40%",
    ):  # fmt: skip
        assert re.search(shown.replace(r"\x1b", "\\s"), re.sub(r"\x1b\[[0-9?;]*[A-Za-z]", "", seen)), shown


@pytest.mark.parametrize("environment", [{}, {"TERM": "dumb"}])
def test_in_a_pipe_or_on_a_dumb_terminal_there_are_only_the_lines(tmp_path, environment):
    env = {**os.environ, "PYTHONPATH": str(Path(refnet.__file__).parents[1]), **environment}
    done = subprocess.run([sys.executable, "-c", PROGRAM, "0"], env=env, cwd=tmp_path, capture_output=True, text=True)
    assert (done.returncode, done.stdout, done.stderr.splitlines()) == (0, "a result\ndone\n", LINES)
    if environment:
        code, seen = run_in_terminal("-c", PROGRAM, "0", where=tmp_path, **environment)
        assert (code, screen(seen)) == (0, [*LINES, "a result", "done", ""])
        assert "comparing" not in seen


def test_standard_output_that_is_a_file_gets_all_of_its_own(tmp_path):
    program = f"import os, sys\nsys.stdout = open('out', 'w')\n{PROGRAM}"
    code, seen = run_in_terminal("-c", program, "0", where=tmp_path)
    assert (code, screen(seen)) == (0, [*LINES, ""])
    assert (tmp_path / "out").read_text() == "a result\ndone\n"


@pytest.mark.parametrize("at", ["comparing", "compiling .* 1 s"])
def test_an_interrupt_leaves_the_line_empty(tmp_path, at):
    code, seen = run_in_terminal("-c", PROGRAM, "60", where=tmp_path, interrupt_at=at)
    assert code == cli.INTERRUPTED
    assert screen(seen)[-1] == ""
    assert set(screen(seen)) <= {*LINES, ""}
    assert seen.count("\x1b[?25l") == seen.count("\x1b[?25h")  # the cursor is back


def test_an_interrupt_inside_the_compiler_library(tmp_path):
    """Where Python can only ignore an exception: the process ends all the same, and the line is empty."""
    ignored = "type('', (), {'__del__': lambda self: time.sleep(60)})()"
    code, seen = run_in_terminal(
        "-c",
        PROGRAM.replace("time.sleep(float(sys.argv[1]))", ignored),
        where=tmp_path,
        interrupt_at="compiling .* 1 s",
    )
    assert code == cli.INTERRUPTED
    assert screen(seen) in ([*LINES, ""], [*LINES, "a result", ""])


def test_threads_share_one_display(monkeypatch):
    class Display:
        def __init__(self):
            time.sleep(0.05)  # so that both threads would make one
            made.append(self)
            self.tasks, self.running = [], False

        def start(self):
            self.running = True

        def stop(self):
            self.running = False

        def add_task(self, name, **_):
            self.tasks.append(name)
            return name

        def remove_task(self, name):
            self.tasks.remove(name)

        def update(self, name, **_):
            pass

    def work(name):
        barrier.wait()
        with progress.task(name):
            seen.append((len(made), made[0].running))
            barrier.wait()

    made, seen, barrier = [], [], threading.Barrier(2, timeout=10)
    monkeypatch.setattr(progress, "_make_display", Display)
    threads = [threading.Thread(target=work, args=(name,)) for name in ("one", "other")]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert seen == [(1, True)] * 2
    assert (made[0].running, made[0].tasks, progress._display) == (False, [], None)

"""The bar on a terminal while the kernels are compiled, here by a compiler that only says so."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
from helpers.terminals import run_in_terminal, screen

import refnet
from refnet.cli import progress, terminal
from refnet.jit import Progress

pytestmark = pytest.mark.skipif(os.name != "posix", reason="needs a pseudo-terminal")

# As the compiler and its caller do it: a line, some progress, a long last part, a remark meanwhile.
PROGRAM = """
import logging, sys, time, warnings
from refnet import cli
from refnet.jit import Progress, tell

def compile(options):
    logging.getLogger("refnet").info("compiling the float32 kernels")
    tell(Progress("float32", 0.0, 0.2))
    time.sleep(0.3)
    tell(Progress("float32", 0.2, 0.5))
    time.sleep(0.3)
    warnings.warn("a remark", stacklevel=1)
    tell(Progress("float32", 0.5, 1.0))
    time.sleep(float(sys.argv[1]))
    tell(Progress("float32", 1.0, 1.0))
    print("done")
    return 0

cli.info.run = compile
sys.exit(cli.main(["info"]))
"""
LINES = ["refnet: compiling the float32 kernels", "refnet: warning: a remark"]


def shares(seen):
    return [int(share) for share in re.findall(r"(\d+)% \|", seen)]


def test_on_a_terminal_it_moves_on_and_leaves_nothing(tmp_path):
    code, seen = run_in_terminal("-c", PROGRAM, "0.6", where=tmp_path)
    assert code == 0
    assert screen(seen) == [*LINES, "done", ""]
    found = shares(seen)
    assert found == sorted(found)
    assert found[0] == 0
    assert 50 < found[-1] < 100
    assert len(set(found)) > 6


def test_the_end_is_never_claimed_too_early(monkeypatch):
    bar = progress.CompilationBar()
    bar._began, bar._told = 0.0, 5.0
    for now, done, until, shown in ((6, 0.5, 0.7, 0.6), (60, 0.5, 0.7, 0.7), (60, 0.8, 1.0, 0.99), (6, 0, 0.5, 0.1)):
        monkeypatch.setattr(progress.time, "monotonic", lambda now=now: now)
        bar._progress = Progress("float32", done, until)
        assert bar._estimate() == pytest.approx(shown)


@pytest.mark.parametrize("environment", [{}, {"TQDM_DISABLE": "1"}])
def test_in_a_pipe_or_unwanted_there_are_only_the_lines(tmp_path, environment):
    env = {**os.environ, "PYTHONPATH": str(Path(refnet.__file__).parents[1]), **environment}
    done = subprocess.run([sys.executable, "-c", PROGRAM, "0"], env=env, cwd=tmp_path, capture_output=True, text=True)
    assert (done.returncode, done.stdout, done.stderr.splitlines()) == (0, "done\n", LINES)
    if environment:
        code, seen = run_in_terminal("-c", PROGRAM, "0", where=tmp_path, **environment)
        assert (code, screen(seen), shares(seen)) == (0, [*LINES, "done", ""], [])


@pytest.mark.parametrize("at", [r" 0% \|", r" [5-9]\d% \|"])
def test_an_interrupt_leaves_the_line_empty(tmp_path, at):
    code, seen = run_in_terminal("-c", PROGRAM, "60", where=tmp_path, interrupt_at=at)
    assert code == terminal.INTERRUPTED
    assert screen(seen)[-1] == ""
    assert set(screen(seen)) <= {*LINES, ""}


def test_an_interrupt_inside_the_compiler_library(tmp_path):
    """Where Python can only ignore an exception: the process ends all the same, and the line is empty."""
    ignored = "type('', (), {'__del__': lambda self: time.sleep(60)})()"
    code, seen = run_in_terminal(
        "-c", PROGRAM.replace("time.sleep(float(sys.argv[1]))", ignored), where=tmp_path, interrupt_at=r" [5-9]\d% \|"
    )
    assert code == terminal.INTERRUPTED
    assert screen(seen) == [*LINES, ""]

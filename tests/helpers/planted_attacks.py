"""Attacks on nothing, each with a fault of its own: what the campaign of tools/attack.py must see."""

import os
import signal
import subprocess
import sys
import tempfile
import time

from attacks.case import Attack, FaultError
from attacks.watch import SECONDS, command, harmless


def wrong(case):
    raise FaultError("wrong", "other numbers")


def traceback(case):
    with harmless(0):
        int("x")


def hang(case):
    (case.folder / "kept.txt").write_text("for whoever looks into it")
    time.sleep(60)


def crash(case):
    os.kill(os.getpid(), signal.SIGSEGV)


def memory(case):
    with harmless(0):
        bytes(2 << 30)


def cost(case):
    with harmless(1000):
        begun = time.process_time()
        while time.process_time() < begun + SECONDS + 0.2:
            pass


def executes(case):
    with harmless(0):
        os.system("true")


def exit_code(case):
    command(["predict", "--help"])
    command(["nonsense"])


def file(case):
    tempfile.mkstemp()


def process(case):
    subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)"])


KINDS = {
    "planted/clean": (exit_code, ""), "planted/wrong": (wrong, "wrong"), "planted/traceback": (traceback, "traceback"),
    "planted/hang": (hang, "hang"), "planted/crash": (crash, "crash"), "planted/memory": (memory, "cost"),
    "planted/cost": (cost, "cost"), "planted/executes": (executes, "wrong"), "planted/file": (file, "leftover"),
    "planted/process": (process, "leftover"),
}  # fmt: skip
ATTACKS = {name: Attack(name, run, seconds=3 if run is hang else 30) for name, (run, _) in KINDS.items()}

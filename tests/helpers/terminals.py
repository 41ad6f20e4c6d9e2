"""Running the program in a terminal, as a person does."""

from __future__ import annotations

import os
import re
import select
import signal
import subprocess
import sys
import time
from pathlib import Path

import refnet

ROWS, COLUMNS = 24, 70


def run_in_terminal(*arguments, where, interrupt_at=None, timeout=120, **environment):
    """Run Python there; return its exit code and all that appeared. At the pattern ``interrupt_at``, press Ctrl-C."""
    import fcntl
    import pty
    import struct
    import termios

    ours, theirs = pty.openpty()
    fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", ROWS, COLUMNS, 0, 0))
    env = {**os.environ, "PYTHONPATH": str(Path(refnet.__file__).parents[1]), "PYTHONUTF8": "1", **environment}
    command = [sys.executable, *map(str, arguments)]
    with subprocess.Popen(command, cwd=where, env=env, stdin=theirs, stdout=theirs, stderr=theirs) as process:
        os.close(theirs)
        seen, end = b"", time.monotonic() + timeout
        while True:
            if not select.select([ours], [], [], max(0, end - time.monotonic()))[0]:
                process.kill()
                raise TimeoutError(seen.decode())
            try:
                new = os.read(ours, 1 << 16)
            except OSError:  # nobody holds the other end any more
                break
            if not new:
                break
            seen += new
            if interrupt_at is not None and re.search(interrupt_at, seen.decode(errors="replace")):
                process.send_signal(signal.SIGINT)
                interrupt_at = None
    os.close(ours)
    return process.returncode, seen.decode()


def screen(seen):
    """What is left on the screen after all that was written: its lines, without spaces at their ends."""
    lines, column = [""], 0
    for letter in seen:
        if letter == "\n":
            lines.append("")
        elif letter == "\r":
            column = 0
        else:
            lines[-1] = lines[-1][:column].ljust(column) + letter + lines[-1][column + 1 :]
            column += 1
    return [line.rstrip() for line in lines]

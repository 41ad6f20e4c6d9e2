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


def run_in_terminal(*arguments, where, columns=COLUMNS, interrupt_at=None, timeout=120, **environment):
    """Run Python there; return its exit code and all that appeared. At the pattern ``interrupt_at``, press Ctrl-C."""
    import fcntl
    import pty
    import struct
    import termios

    ours, theirs = pty.openpty()
    fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", ROWS, columns, 0, 0))
    inherited = {name: value for name, value in os.environ.items() if name not in ("COLUMNS", "LINES")}
    env = {**inherited, "PYTHONPATH": str(Path(refnet.__file__).parents[1]), "PYTHONUTF8": "1", **environment}
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


SEQUENCE = re.compile(r"\x1b\[([0-9?;]*)([A-Za-z])|(.)", re.DOTALL)


def screen(seen):
    """What is left on the screen after all that was written: its lines, without spaces at their ends."""
    lines, row, column = [""], 0, 0
    for number, command, letter in SEQUENCE.findall(seen):
        if letter == "\n":
            row += 1
            lines += [""] * (row == len(lines))
        elif letter == "\r":
            column = 0
        elif command == "A":
            row -= int(number or 1)
        elif command == "K":
            assert number == "2"  # the whole line
            lines[row] = ""
        elif letter:
            lines[row] = lines[row][:column].ljust(column) + letter + lines[row][column + 1 :]
            column += 1
        else:
            assert command in "mhl", command  # colours, the cursor
    while len(lines) > row + 1 and not lines[-1].strip():
        lines.pop()  # below where one would go on writing
    return [line.rstrip() for line in lines]

"""Odd environments: what the system, the shell or the person may have left a command with.

Each is a way to start a program: variables, a working directory, and a few words before the command. In all of them a
command works, or says in one line what is wrong.
"""

from __future__ import annotations

import functools
import os
import shutil
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from helpers.places import ROOT

from refnet.errors import shortened

FAILED = 2  # exit code of a command that says in a line what is wrong
TIMEOUT = 300  # seconds; a command that takes longer hangs

# What a shell does before it becomes the command.
_SHELL = 'set -e; cd "$1"; shift; {}exec "$@"'
_GONE = 'mkdir gone; cd gone; rmdir "$OLDPWD/gone"; '
# A small disk of the command's own, in the working directory.
_DISK = "mount -t tmpfs -o size={} tmpfs disk; cd disk; "
# As where a container runs under a number that no passwd entry has.
_NOBODY = (
    "import pwd, runpy, sys\n"
    "def nobody(uid): raise KeyError(f'getpwuid(): uid not found: {uid}')\n"
    "pwd.getpwuid = nobody\n"
    "sys.argv[0] = 'refnet'\n"
    "runpy.run_module('refnet', run_name='__main__', alter_sys=True)\n"
)
_REFNET = ("-m", "refnet")


@dataclass(frozen=True)
class Environment:
    """One of them.

    Attributes
    ----------
    variables
        Set for the command; None takes one away.
    before
        Lines of a shell, in a directory of the command's own.
    program
        What Python is told to run.
    space
        Whether it needs namespaces of its own, which only root and some systems' users may make.
    slow
        Whether kernels are compiled in it.
    heard
        Whether standard error leads anywhere.
    """

    variables: Mapping[str, str | None] = field(default_factory=dict)
    before: str = ""
    program: tuple[str, ...] = _REFNET
    space: bool = False
    slow: bool = False
    heard: bool = True

    def command(self, arguments: Sequence[object], place: Path) -> tuple[list[str], dict[str, str]]:
        """Make the words that start a command in ``place``, a directory of its own, and its variables."""
        (place / "disk").mkdir(exist_ok=True)
        words = ["sh", "-c", _SHELL.format(self.before), "sh", str(place)]
        words += [sys.executable, *self.program, *map(str, arguments)]
        if self.space:
            words = [*_unshare(), *words]
        inherited = {"PYTHONPATH": str(ROOT), "REFNET_OFFLINE": "1", "REFNET_CACHE": str(place / "cache")}
        variables = {**os.environ, **inherited, **self.variables}
        return words, {name: value for name, value in variables.items() if value is not None}

    @property
    def possible(self) -> bool:
        """Whether this machine can make it."""
        return not self.space or bool(_unshare())


def start(environment: Environment, arguments: Sequence[object], place: Path) -> subprocess.CompletedProcess[bytes]:
    """Run a command in an environment, until it ends or seems to hang."""
    words, variables = environment.command(arguments, place)
    return subprocess.run(words, env=variables, capture_output=True, stdin=subprocess.DEVNULL, timeout=TIMEOUT)


def faults(
    environment: Environment, done: subprocess.CompletedProcess[bytes], expected: tuple[int, ...] = (0,)
) -> list[str]:
    """What is wrong with how a command ended: it works as it should, or says in lines what is wrong.

    ``expected`` are the exit codes of one that works.
    """
    found = []
    errors = done.stderr.decode("utf-8", "backslashreplace")
    if done.returncode not in (*expected, FAILED):
        found.append(f"exit code {done.returncode}")
    if "\nTraceback" in f"\n{errors}":
        found.append("a traceback")
    said = any(line.startswith("refnet: error: ") for line in errors.splitlines())
    if done.returncode == FAILED and environment.heard and not said:
        found.append("no line that says why")
    return [f"{fault}: {errors[-2000:]}" for fault in found]


@functools.cache
def _unshare() -> tuple[str, ...]:
    """What gives a command a view of the disks of its own."""
    for words in (("unshare", "-m"), ("unshare", "-rm")):
        mount = [*words, "mount", "-t", "tmpfs", "tmpfs", "/mnt"]
        if shutil.which("unshare") and subprocess.run(mount, capture_output=True).returncode == 0:
            return words
    return ()


def _variables(name: str, *values: str, **all_of_them: bool) -> dict[str, Environment]:
    return {f"{name}={shortened(value)!r}": Environment({name: value}, **all_of_them) for value in values}


def _compiling(**variables: str) -> dict[str, Environment]:
    """With kernels still to be compiled, in a folder of the command's own."""
    own = {"NUMBA_CACHE_DIR": "kernels"}
    return {
        f"{name}={value!r}, compiling": Environment({name: value, **own}, slow=True)
        for name, value in variables.items()
    }


ENVIRONMENTS: dict[str, Environment] = {
    "as it is": Environment(),
    "no HOME": Environment({"HOME": None, "REFNET_CACHE": None}),
    "no HOME and no passwd entry": Environment(
        {"HOME": None, "REFNET_CACHE": None, "XDG_CACHE_HOME": None}, program=("-c", _NOBODY)
    ),
    "no HOME, no passwd entry and no cache of kernels named": Environment(
        {"HOME": None, "REFNET_CACHE": None, "XDG_CACHE_HOME": None, "NUMBA_CACHE_DIR": None},
        program=("-c", _NOBODY),
        slow=True,
    ),
    "HOME empty": Environment({"HOME": "", "REFNET_CACHE": None, "XDG_CACHE_HOME": None}),
    "HOME relative": Environment({"HOME": "here", "REFNET_CACHE": None, "XDG_CACHE_HOME": None}),
    "HOME is no directory": Environment({"HOME": "/dev/null", "REFNET_CACHE": None, "XDG_CACHE_HOME": None}),
    "HOME cannot be written": Environment({"HOME": "/proc", "REFNET_CACHE": None, "XDG_CACHE_HOME": None}),
    "TMPDIR is missing": Environment({"TMPDIR": "/nowhere"}),
    "working directory is gone": Environment(before=_GONE),
    "standard input closed": Environment(before="exec <&-; "),
    "standard output closed": Environment(before="exec >&-; "),
    "standard error closed": Environment(before="exec 2>&-; ", heard=False),
    "all three closed": Environment(before="exec <&- >&- 2>&-; ", heard=False),
    "standard output full": Environment(before="exec >/dev/full; "),
    "standard error full": Environment(before="exec 2>/dev/full; ", heard=False),
    "both full": Environment(before="exec >/dev/full 2>&1; ", heard=False),
    "ASCII": Environment(
        {"LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0", "PYTHONIOENCODING": "ascii:strict"}
    ),
    "a comma for a point": Environment({"LC_ALL": "de_DE.UTF-8", "LC_NUMERIC": "de_DE.UTF-8"}),
    **_variables("COLUMNS", "0", "-1", "99999999", "x"),
    **_variables("NUMBA_NUM_THREADS", "0", "-1", "abc", "1000"),
    **_compiling(NUMBA_NUM_THREADS="0", NUMBA_THREADING_LAYER="none", NUMBA_DISABLE_JIT="1", NUMBA_OPT="x"),
    **_compiling(TMPDIR="/nowhere"),
    **_variables("NUMBA_CACHE_DIR", "", "/dev/null", "/proc/nowhere", slow=True),
    **_variables("REFNET_CACHE", "", "/dev/null", "~nobody-of-this-name/x", "x" * 5000),
    **_variables("REFNET_WEIGHTS", "/dev/null", "~nobody-of-this-name/x", "x" * 5000),
    **_variables("REFNET_OFFLINE", "maybe"),
    **_variables("PYTHONOPTIMIZE", "2"),
    **_variables("PYTHONWARNINGS", "error", "nonsense"),
    **_variables("PYTHONDEVMODE", "1"),
    "isolated": Environment(
        program=(
            "-I",
            "-c",
            f"import sys, runpy; sys.path.insert(0, {str(ROOT)!r}); "
            "runpy.run_module('refnet', run_name='__main__', alter_sys=True)",
        )
    ),
    "16 open files": Environment(before="ulimit -n 16; "),
    "files of 4 KiB at most": Environment(before="ulimit -f 8; "),
    "600 MB of addresses": Environment(before="ulimit -v 600000; "),
    "no core of its own": Environment({"OMP_NUM_THREADS": "0", "OPENBLAS_NUM_THREADS": "0"}),
    "a read-only disk": Environment(
        {"HOME": ".", "REFNET_CACHE": None, "TMPDIR": None}, _DISK.format("1m") + "mount -o remount,ro .; ", space=True
    ),
    "a full disk": Environment(
        {"REFNET_CACHE": "cache", "NUMBA_CACHE_DIR": "kernels", "TMPDIR": "."}, _DISK.format("16k"), space=True
    ),
    "no /proc": Environment(before="umount -l /proc; ", space=True),
    "no /sys": Environment(before="umount -l /sys; ", space=True),
}

"""Another Python than the one that runs: refnet's source with the wheels of its own, and checks that run there."""

from __future__ import annotations

import os
import resource
import subprocess
import sys
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).parents[1]

# No doctests, which would import all of refnet first. What fails prints a line, what is passed over its reason.
PYTEST = (
    "-m",
    "pytest",
    "-q",
    "-rfEs",
    "--tb=short",
    "-o",
    "addopts=--import-mode=importlib",
    "-p",
    "no:cacheprovider",
)

VERSIONS = """
import platform, importlib.metadata as m
names = "numpy numba llvmlite h5py pillow platformdirs requests urllib3 rich safetensors".split()
print(f"{platform.machine()}, Python {platform.python_version()},", ", ".join(f"{n} {m.version(n)}" for n in names))
"""


class Result(NamedTuple):
    """What came of a check: the last line that it printed, and the seconds of CPU it took."""

    check: str
    passed: bool
    said: str
    seconds: float


class OtherPython:
    """A Python, how it is started, with wheels in a folder; kernels and the home are in a folder too."""

    def __init__(self, command: Sequence[str | Path], wheels: Path, home: Path, **settings: str) -> None:
        home.mkdir(parents=True, exist_ok=True)
        self._home = str(home)
        self._command = [str(word) for word in command]
        self._environment = {
            "PATH": os.environ["PATH"],
            "HOME": self._home,
            "LANG": "C.UTF-8",
            "PYTHONPATH": os.pathsep.join((str(ROOT), str(wheels))),
            "NUMBA_CACHE_DIR": str(home / "kernels"),
            **settings,
        }

    def __call__(self, *arguments: str) -> tuple[int, list[str]]:
        """Run it in the checkout; the exit code, and the lines it printed, which are passed on meanwhile."""
        with subprocess.Popen(
            [*self._command, *arguments],
            cwd=ROOT,
            env=self._environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        ) as process:
            assert process.stdout is not None
            lines = []
            for line in process.stdout:
                say(f"  {line.rstrip()}")
                lines.append(line.rstrip())
        return process.returncode, [line for line in lines if line]

    def versions(self) -> str:
        """What it is, and the versions of what refnet needs."""
        code, lines = self("-c", VERSIONS)
        if code:
            raise SystemExit("that Python does not run: " + "\n".join(lines))
        return lines[-1]

    def run(self, checks: Mapping[str, Sequence[str]]) -> Iterator[Result]:
        """Run checks, one after the other: what people read, and the arguments of Python."""
        for check, arguments in checks.items():
            say(f"== {check}")
            before = resource.getrusage(resource.RUSAGE_CHILDREN).ru_utime
            code, lines = self(*arguments)
            seconds = resource.getrusage(resource.RUSAGE_CHILDREN).ru_utime - before
            said = lines[-1].strip("= ").replace(self._home, "~") if lines else ""
            yield Result(check, code == 0, said, seconds)


def say(line: str) -> None:
    """Say what is being done."""
    print(line, file=sys.stderr, flush=True)


def table(results: Iterable[Result]) -> list[str]:
    """The results as lines of a page."""
    rows = (f"| {r.check} | {'passed' if r.passed else '**failed**'} | {r.said} | {r.seconds:.0f} |" for r in results)
    return ["| check | result | its last line | seconds of CPU |", "|---|---|---|---|", *rows]

"""Run refnet as on an ARM machine: python tools/verify_aarch64.py > docs/results/aarch64.md.

A user land of Debian for arm64 is put into a folder, with the wheels that refnet needs there, and runs under
qemu-aarch64: refnet compiles its kernels there, verifies two networks and runs the kernels' tests. All of it takes
about an hour of CPU. With --fast the kernels are compiled here for ARM, and only small runs and a part of the tests
follow: about three minutes. --keep FOLDER leaves what was made, and a later run goes on from there. The page goes to
the output, what is being done to the error output; the exit code is 1 if anything was wrong.
"""

from __future__ import annotations

import argparse
import os
import platform
import resource
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import NamedTuple

import userland

NEEDS = {"qemu-aarch64": "qemu-user"}
TRIPLE, CPU = "aarch64-unknown-linux-gnu", "neoverse-n1"  # of a usual server, and of what --fast compiles for

# Entries of the tables of digests that have few pixels, so that they take seconds.
SMALL_RUNS = """
from refnet.golden.digests import FOLDER, read_tables
from refnet.golden.verify import _compare_each
models = ("lite0", "lite0@synthetic", "b0@synthetic")
entries = [e for e in read_tables(FOLDER) if e.model in models and e.size[0] * e.size[1] < 30000]
results = list(_compare_each(entries, models, None))
for r in results:
    print(*r.entry.size, r.entry.model, r.entry.input, r.entry.dtype, r.difference or "identical")
print(sum(r.identical for r in results), "of", len(results), "runs identical")
raise SystemExit(not all(r.identical for r in results))
"""

# Others start programs of their own, which would not be emulated.
TESTS = [
    "tests/engine/test_program.py",
    "tests/preprocessing/test_compiled.py",
    "tests/kernels/test_object_code.py::test_it_computes",
    "tests/kernels/test_object_code.py::test_an_error_inside_is_one_outside",
    "tests/kernels/test_object_code.py::test_it_needs_nothing_from_outside",
    "tests/kernels/test_machine.py::test_this_machine_is_one_of_them",
    "tests/test_float_mode.py",
]
FAST_TESTS = [
    "tests/engine/test_program.py::test_pointwise",
    "tests/engine/test_program.py::test_squeeze_excite_residual_softmax",
    "tests/engine/test_program.py::test_a_sum_of_underflowed_products_keeps_its_sign",
    "tests/preprocessing/test_compiled.py::test_recipes",
    "tests/preprocessing/test_compiled.py::test_extremes",
    "tests/test_float_mode.py",
]
VERSIONS = """
import platform, importlib.metadata as m
print(f"{platform.machine()}, Python {platform.python_version()},",
      ", ".join(f"{p} {m.version(p)}" for p in ("numpy", "numba", "llvmlite", "h5py", "pillow")))
from refnet.kernels.machine import registers, target
print(f"kernels for {target().cpu}: {registers().count} registers of {registers().size} bytes")
"""


class Result(NamedTuple):
    """What came of a check: its last line, and the seconds of CPU it took."""

    check: str
    passed: bool
    said: str
    seconds: float


class Machine:
    """The emulated machine: a user land, wheels, a place for kernels."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._root = userland.system(folder / "system", "arm64", ["python3", "libstdc++6"])
        self._python, version = userland.python_of(self._root)
        wanted = userland.requirements("pytest", "hypothesis")
        self._site = userland.wheels(folder / "wheels", "aarch64", version, wanted)

    def python(self, *arguments: str, kernels: str, cpu: str = "") -> tuple[int, list[str]]:
        """Run Python there, with kernels from a folder; the exit code, and what it printed."""
        environment = {
            "PATH": os.environ["PATH"],
            "HOME": str(self._folder),
            "LANG": "C.UTF-8",
            "PYTHONPATH": os.pathsep.join((str(userland.ROOT), str(self._site))),
            "PYTHONDONTWRITEBYTECODE": "1",
            "NUMBA_CACHE_DIR": str(self._folder / kernels),
        }
        if cpu:
            environment |= {"NUMBA_CPU_NAME": cpu, "NUMBA_CPU_FEATURES": ""}
        command = ["qemu-aarch64", "-L", str(self._root), str(self._python), *arguments]
        with subprocess.Popen(
            command, cwd=userland.ROOT, env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
        ) as process:
            assert process.stdout is not None
            lines = []
            for line in process.stdout:
                say(f"  {line.rstrip()}")
                lines.append(line.rstrip())
        return process.returncode, [line for line in lines if line]


def say(line: str) -> None:
    """Say what is being done."""
    print(line, file=sys.stderr, flush=True)


def cross_compile(folder: Path) -> None:
    """Compile the kernels here, for the machine that is emulated."""
    tool = userland.ROOT / "tools" / "cross_kernels.py"
    environment = os.environ | {"PYTHONPATH": str(userland.ROOT)}
    subprocess.run([sys.executable, tool, folder, TRIPLE, CPU], check=True, env=environment)


def run(machine: Machine, fast: bool) -> Iterator[Result]:
    """Run the checks, one after the other."""
    where = {"kernels": "cross", "cpu": CPU} if fast else {"kernels": "own"}
    checks = {
        "`refnet warmup`": ["-m", "refnet", "warmup"],
        "`refnet verify lite0 b0@synthetic`": ["-m", "refnet", "verify", "lite0", "b0@synthetic"],
        f"`pytest {' '.join(TESTS)}`": ["-m", "pytest", "-q", "-p", "no:cacheprovider", *TESTS],
    }
    if fast:
        checks = {
            "small runs of the tables of digests": ["-c", SMALL_RUNS],
            f"`pytest {' '.join(FAST_TESTS)}`": ["-m", "pytest", "-q", "-p", "no:cacheprovider", *FAST_TESTS],
        }
    for check, arguments in checks.items():
        say(f"== {check}")
        before = resource.getrusage(resource.RUSAGE_CHILDREN)
        code, lines = machine.python(*arguments, **where)
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
        yield Result(check, code == 0, lines[-1] if lines else "", after.ru_utime - before.ru_utime)


def page(results: list[Result], versions: list[str], fast: bool) -> str:
    """The page of results."""
    qemu = subprocess.run(["qemu-aarch64", "--version"], check=True, capture_output=True, text=True).stdout.split("\n")
    compiled = f"compiled on {platform.machine()} for {CPU}" if fast else "compiled there"
    lines = [
        "# On an ARM machine",
        "",
        f"Made by `python tools/verify_aarch64.py{' --fast' if fast else ''}`: {qemu[0]} on",
        f"{platform.machine()}, a user land of Debian's arm64. The kernels were {compiled}.",
        "",
        *(f"- {line}" for line in versions),
        "",
        "| check | result | what it said | seconds of CPU |",
        "|---|---|---|---|",
        *(f"| {r.check} | {'passed' if r.passed else '**failed**'} | {r.said} | {r.seconds:.0f} |" for r in results),
    ]
    return "\n".join(lines)


def main() -> int:
    """Make the machine, run the checks, print the page."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--fast", action="store_true")
    parser.add_argument("--keep", type=Path, metavar="FOLDER")
    options = parser.parse_args()
    userland.need(NEEDS)
    with tempfile.TemporaryDirectory(prefix="aarch64-") as passing, ThreadPoolExecutor(1) as pool:
        folder = (options.keep or Path(passing)).absolute()
        folder.mkdir(parents=True, exist_ok=True)
        say(
            f"== an ARM user land in {folder}" + (", and kernels that are compiled here for it" if options.fast else "")
        )
        crossed = pool.submit(cross_compile, folder / "cross") if options.fast else None
        machine = Machine(folder)
        if crossed is not None:
            crossed.result()
        _, versions = machine.python("-c", VERSIONS, kernels="own", cpu=CPU if options.fast else "")
        results = list(run(machine, options.fast))
        print(page(results, versions, options.fast))
    return 0 if all(result.passed for result in results) else 1


if __name__ == "__main__":
    raise SystemExit(main())

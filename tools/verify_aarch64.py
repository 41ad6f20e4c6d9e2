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
import subprocess
import sys
import tempfile
from concurrent.futures import ThreadPoolExecutor
from importlib import metadata
from pathlib import Path

import userland
from other_pythons import PYTEST, ROOT, OtherPython, Result, say, table

NEEDS = {"qemu-aarch64": "qemu-user"}
TRIPLE, CPU = "aarch64-unknown-linux-gnu", "neoverse-n1"  # of a usual server: --fast compiles for it

# Entries of the tables of digests that have few pixels, so that they take seconds.
SMALL_RUNS = """
from refnet.golden.digests import FOLDER, read_tables
from refnet.golden.verify import _compare_each
models = ("lite0", "lite0@synthetic", "b0@synthetic")
entries = [e for e in read_tables(FOLDER) if e.model in models and e.size[0] * e.size[1] < 30000]
results = list(_compare_each(entries, models, None))
for r in results:
    print(r.entry.model, r.entry.input, *r.entry.size, r.entry.dtype, r.difference or "identical")
print(sum(r.identical for r in results), "of", len(results), "runs identical")
raise SystemExit(not all(r.identical for r in results))
"""
TARGET = """
from refnet.kernels.machine import registers, target
print(f"kernels for {target().cpu}: {registers().count} registers of {registers().size} bytes")
"""

# Other tests start programs, which would not be emulated.
TESTS = [
    "tests/engine/test_program.py",
    "tests/engine/integers/test_program.py",
    "tests/engine/integers/test_self_test.py",
    "tests/preprocessing/test_compiled.py",
    "tests/kernels/test_object_code.py::test_it_computes",
    "tests/kernels/test_object_code.py::test_an_error_inside_is_one_outside",
    "tests/kernels/test_object_code.py::test_it_needs_nothing_from_outside",
    "tests/kernels/test_machine.py::test_this_machine_is_one_of_them",
]
FAST_TESTS = [
    "tests/engine/test_program.py::test_pointwise",
    "tests/engine/test_program.py::test_squeeze_excite_residual_softmax",
    "tests/engine/test_program.py::test_a_sum_of_underflowed_products_keeps_its_sign",
    "tests/engine/integers/test_program.py",
    "tests/engine/integers/test_self_test.py",
    "tests/preprocessing/test_compiled.py::test_recipes",
]


def arm_python(folder: Path, fast: bool) -> OtherPython:
    """Put a user land and wheels into a folder; its Python, with the kernels that were made for it or with its own."""
    root = userland.system(folder / "system", "arm64", ["python3", "libstdc++6"])
    python, version = userland.python_of(root)
    wanted = userland.requirements("pytest", "hypothesis")
    if fast:  # kernels are found again by the same compiler alone
        wanted += [f"{compiler}=={metadata.version(compiler)}" for compiler in ("numba", "llvmlite")]
    wheels = userland.wheels(folder / "wheels", "aarch64", version, wanted)
    command = ["qemu-aarch64", "-L", root, python]
    if fast:
        return OtherPython(command, wheels, folder / "fast", NUMBA_CPU_NAME=CPU, NUMBA_CPU_FEATURES="")
    return OtherPython(command, wheels, folder / "whole")


def cross_compile(folder: Path) -> None:
    """Compile the kernels here, for the machine that is emulated."""
    tool = ROOT / "tools" / "cross_kernels.py"
    environment = os.environ | {"PYTHONPATH": str(ROOT)}
    subprocess.run([sys.executable, tool, folder, TRIPLE, CPU], check=True, env=environment)


def checks(fast: bool) -> dict[str, list[str]]:
    """What is run: how people call it, and the arguments of Python."""
    if fast:
        return {
            "small runs of the tables of digests": ["-c", SMALL_RUNS],
            f"`pytest {' '.join(FAST_TESTS)}`": [*PYTEST, *FAST_TESTS],
        }
    return {
        "`refnet warmup`": ["-m", "refnet", "warmup"],
        "`refnet verify lite0 b0@synthetic`": ["-m", "refnet", "verify", "lite0", "b0@synthetic"],
        f"`pytest {' '.join(TESTS)}`": [*PYTEST, *TESTS],
    }


def page(results: list[Result], versions: str, target: str, fast: bool) -> str:
    """The page of results."""
    qemu = subprocess.run(["qemu-aarch64", "--version"], check=True, capture_output=True, text=True).stdout.split("\n")
    here = platform.machine()
    lines = [
        "# On an ARM machine",
        "",
        f"Made by `python tools/verify_aarch64.py{' --fast' if fast else ''}`: {qemu[0]} on {here},",
        f"with a user land of Debian's arm64. The kernels were compiled {f'on {here}, for ARM' if fast else 'there'}.",
        "",
        f"- {versions}",
        f"- {target}",
        "",
        *table(results),
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
        crossed = pool.submit(cross_compile, folder / "fast" / "kernels") if options.fast else None
        python = arm_python(folder, options.fast)
        if crossed is not None:
            crossed.result()
        target = python("-c", TARGET)[1][-1]
        results = list(python.run(checks(options.fast)))
        print(page(results, python.versions(), target, options.fast))
    return 0 if all(result.passed for result in results) else 1


if __name__ == "__main__":
    raise SystemExit(main())

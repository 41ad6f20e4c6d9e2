"""Run refnet on each Python it is declared for: python tools/verify_versions.py > docs/results/versions.md.

Pythons are those on PATH and pyenv's; of others, Debian's is put into a folder. Each runs with the newest wheels
that it can have, the oldest one also with the lowest versions that pyproject.toml allows. --only NAME, such as 3.13
or lowest, may be repeated. --keep FOLDER leaves what was made, and a later run goes on from there. The exit code is 1
if anything was wrong.
"""

from __future__ import annotations

import argparse
import platform
import subprocess
import tempfile
from pathlib import Path

import userland
from other_pythons import PYTEST, OtherPython, say, table

PYTHONS = ("3.11", "3.12", "3.13", "3.14")
LOWEST = "lowest"
DEBIAN = {"3.13": "trixie", "3.14": "sid"}  # which release has which Python

# What touches each package that refnet needs, and the kernels. None starts a program.
TESTS = [
    "tests/architecture/test_top.py",
    "tests/engine",
    "tests/kernels/test_cache.py",
    "tests/preprocessing/test_compiled.py",
    "tests/preprocessing/test_decode.py",
    "tests/preprocessing/test_read_image.py",
    "tests/preprocessing/test_resize_pillow.py",
    "tests/weights/test_strict_hdf5.py",
    "tests/hub/test_download.py",
    "tests/golden/test_read.py",
]
CHECKS = {
    "`refnet warmup`": ("-m", "refnet", "warmup"),
    "`refnet verify lite0 b0@synthetic`": ("-m", "refnet", "verify", "lite0", "b0@synthetic"),
    "32 threads: `refnet verify lite0 --threads 32`": ("-m", "refnet", "verify", "lite0", "--threads", "32"),
    "`refnet predict refnet/data/chelsea.png`": ("-m", "refnet", "predict", "refnet/data/chelsea.png"),
    f"`pytest` on {len(TESTS)} files and folders of tests": (*PYTEST, *TESTS),
}


def at_the_bound(requirement: str) -> str:
    """The lowest version that a requirement allows."""
    return requirement.partition(",")[0].replace(">=", "==")


def found(version: str) -> Path | None:
    """A Python of this version, on PATH or pyenv's."""
    candidates = [f"python{version}", *Path.home().glob(f".pyenv/versions/{version}.*/bin/python{version}")]
    for candidate in candidates:
        try:
            done = subprocess.run(
                [candidate, "-c", "import sys; print(sys.executable)"], capture_output=True, check=True
            )
        except (OSError, subprocess.CalledProcessError):  # pyenv's shims fail for what is not chosen
            continue
        return Path(done.stdout.decode().strip())
    return None


def started(version: str, folder: Path) -> tuple[list[str | Path], str]:
    """How a Python of this version is started, and where it is from."""
    python = found(version)
    if python is not None:
        return [python, "-S"], "found here"  # without packages of its own
    if version not in DEBIAN:
        raise SystemExit(f"no python{version} here, on PATH or in ~/.pyenv, and no release of Debian has it")
    architecture = subprocess.run(["dpkg", "--print-architecture"], check=True, capture_output=True, text=True).stdout
    packages = [f"python{version}", "libstdc++6"]
    root = userland.system(folder / "system", architecture.strip(), packages, DEBIAN[version])
    (loader,) = [*root.glob("usr/lib*/ld-linux*.so.*"), *root.glob("usr/lib/*/ld-linux*.so.*")][:1]
    libraries = ":".join(str(place) for place in root.glob("usr/lib/*-linux-gnu"))
    return [
        loader,
        "--library-path",
        libraries,
        root / "usr" / "bin" / f"python{version}",
        "-S",
    ], f"Debian {DEBIAN[version]}"


def section(name: str, folder: Path) -> tuple[bool, list[str]]:
    """Run the checks for a Python, or for the lowest versions: whether all passed, and lines of the page."""
    version = PYTHONS[0] if name == LOWEST else name
    say(f"== {name}")
    command, origin = started(version, folder)
    wanted = userland.requirements("pytest", "hypothesis")
    if name == LOWEST:
        needed = len(userland.requirements())
        wanted = [*map(at_the_bound, wanted[:needed]), *wanted[needed:]]
    wheels = userland.wheels(folder / "wheels", platform.machine(), version, wanted)
    python = OtherPython(command, wheels, folder / f"home-{name}")
    title = f"Python {version}, the lowest versions of packages" if name == LOWEST else f"Python {version}"
    versions = python.versions()
    results = list(python.run(CHECKS))
    lines = ["", f"## {title}", "", f"{origin}: {versions}", "", *table(results)]
    return all(result.passed for result in results), lines


def main() -> int:
    """Run all that is wanted, print the page."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--only", action="append", choices=[*PYTHONS, LOWEST], metavar="NAME")
    parser.add_argument("--keep", type=Path, metavar="FOLDER")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="versions-") as passing:
        folder = (options.keep or Path(passing)).absolute()
        print("# On each Python, and with the lowest versions\n\nMade by `python tools/verify_versions.py`.")
        passed = True
        for name in options.only or [LOWEST, *PYTHONS]:
            right, lines = section(name, folder)
            passed &= right
            print("\n".join(lines), flush=True)
    return 0 if passed else 1


if __name__ == "__main__":
    raise SystemExit(main())

"""A user land in a folder: Python and the libraries under it from Debian's packages, and wheels from PyPI.

It needs neither root nor chroot, whatever the processor; nothing of the system is changed. Packages are unpacked, not
installed: none of their scripts runs. What is there already is not made again.
"""

from __future__ import annotations

import shutil
import subprocess
import sys
import tomllib
from collections.abc import Callable, Sequence
from hashlib import sha256
from pathlib import Path

ROOT = Path(__file__).parents[1]
NEEDS = {"apt-get": "apt", "apt-config": "apt", "dpkg-deb": "dpkg"}
NEWEST_LIBC = 45  # wheels ask for a glibc 2.N; older ones than the user land's have their tags too


def need(programs: dict[str, str]) -> None:
    """Stop if programs are missing; ``programs`` says in which packages they are."""
    missing = [program for program in programs if shutil.which(program) is None]
    if missing:
        packages = " ".join(sorted({programs[program] for program in missing}))
        raise SystemExit(f"no {', '.join(missing)} here: on Debian, apt-get install {packages}")


def requirements(*tests: str) -> list[str]:
    """What refnet needs, and these packages of those that its tests need, as pyproject.toml has it."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
    chosen = [line for line in project["optional-dependencies"]["test"] if line.partition(">=")[0] in tests]
    return project["dependencies"] + chosen


def system(folder: Path, architecture: str, packages: Sequence[str], release: str = "") -> Path:
    """Unpack packages, and what they depend on, for an architecture by Debian's name; of another release if named."""
    need(NEEDS)
    return _made(
        folder, [architecture, release, *packages], lambda root: _unpack(root, architecture, packages, release)
    )


def _unpack(root: Path, architecture: str, packages: Sequence[str], release: str) -> None:
    apt = _Apt(root / "apt", architecture)
    apt("update", "-q")
    if release:
        apt.take_from(release)
        apt("update", "-q")
    apt("install", "-qy", "--download-only", "--no-install-recommends", *packages)
    for package in sorted((root / "apt" / "archives").glob("*.deb")):
        subprocess.run(["dpkg-deb", "-x", package, root], check=True)
    shutil.rmtree(root / "apt")


class _Apt:
    """apt-get in a folder of its own, with this system's sources and keys, as if nothing were installed."""

    def __init__(self, folder: Path, architecture: str) -> None:
        for name in ("lists/partial", "archives/partial"):
            (folder / name).mkdir(parents=True)
        (folder / "status").touch()
        self._folder = folder
        self._options = {
            "Dir::State": folder,
            "Dir::State::Lists": folder / "lists",
            "Dir::State::status": folder / "status",
            "Dir::Cache": folder,
            "Dir::Cache::Archives": folder / "archives",
            "APT::Architecture": architecture,
            "APT::Architectures": architecture,
            "APT::Sandbox::User": "",
            "Acquire::Languages": "none",
        }

    def __call__(self, *arguments: str) -> str:
        options = [word for name, value in self._options.items() for word in ("-o", f"{name}={value}")]
        done = subprocess.run(["apt-get", *options, *arguments], stdout=subprocess.PIPE, text=True, check=False)
        if done.returncode:
            print(done.stdout, file=sys.stderr)
            raise SystemExit(f"apt-get {' '.join(arguments)} failed with exit code {done.returncode}")
        return done.stdout

    def take_from(self, release: str) -> None:
        """Take packages from another release of Debian, at the place that this system's come from."""
        places = self("indextargets", "--format", "$(REPO_URI)", "Created-By: Packages", "Origin: Debian").split()
        if not places:
            raise SystemExit("apt has no source of Debian here: want one in /etc/apt/sources.list.d")
        (self._folder / "sources.list").write_text(f"deb {places[0]} {release} main\n")
        self._options |= {"Dir::Etc::SourceList": self._folder / "sources.list", "Dir::Etc::SourceParts": "-"}


def python_of(root: Path) -> tuple[Path, str]:
    """The Python of a system, and its version, such as 3.11."""
    link = root / "usr" / "bin" / "python3"
    name = link.readlink().name if link.is_symlink() else ""
    if not name:
        raise SystemExit(f"{link} is missing: remove {root}, and it is made again")
    return link.with_name(name), name.removeprefix("python")


def wheels(folder: Path, machine: str, python: str, wanted: Sequence[str]) -> Path:
    """Unpack wheels, and what they depend on, for a machine and a version of Python; nothing is built."""
    tags = [f"manylinux_2_{minor}_{machine}" for minor in range(NEWEST_LIBC, 4, -1)]
    platforms = [word for tag in [*tags, f"manylinux2014_{machine}"] for word in ("--platform", tag)]
    command = [sys.executable, "-m", "pip", "install", "-q", "--disable-pip-version-check", "--only-binary", ":all:"]
    command += ["--python-version", python, *platforms, *wanted, "--target"]
    return _made(folder, [machine, python, *wanted], lambda site: subprocess.run([*command, site], check=True))


def _made(folder: Path, wanted: Sequence[str], make: Callable[[Path], object]) -> Path:
    """A folder whose name says what was wanted: as it is, or made now, as a whole or not at all."""
    name = sha256("\n".join(wanted).encode()).hexdigest()[:8]
    place = folder.with_name(f"{folder.name}-{name}").absolute()
    if not place.is_dir():
        unfinished = place.with_name(f"{place.name}.part")
        shutil.rmtree(unfinished, ignore_errors=True)
        unfinished.mkdir(parents=True)
        make(unfinished)
        unfinished.rename(place)
    return place

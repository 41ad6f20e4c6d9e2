"""What it costs to read the cheapest nasty files: a table of seconds of CPU, before and after, for docs/results.

    python tools/reader_costs.py [--size BYTES] [--seconds LIMIT] [--source FOLDER] [NAME ...]

Each file of ``tests/helpers/costly_files.py`` is read in a process of its own, which ends at the limit. ``--source`` is
another checkout of refnet to measure, such as one from before a change. Prints a row of Markdown for each file.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).parents[1]
sys.path.insert(0, str(ROOT / "tests"))

READ = """
import resource, sys, time
from pathlib import Path
from helpers import costly_files
name, path, small, limit = sys.argv[1:]
costly_files.read(name, Path(small))  # what is imported and compiled but once
resource.setrlimit(resource.RLIMIT_CPU, (int(limit), int(limit)))
resource.setrlimit(resource.RLIMIT_AS, (8 << 30, 8 << 30))
started = time.process_time()
try:
    told = costly_files.read(name, Path(path))
except BaseException as error:
    told = f"{type(error).__name__}: {error}"
print(f"{time.process_time() - started:.2f}", told.replace(str(path), "").strip(": ").splitlines()[0])
"""


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description="Measure what it costs to read nasty files.")
    parser.add_argument("names", nargs="*", help="parts of names (default: all)")
    parser.add_argument("--size", type=int, default=1 << 20, help="of a file in bytes (default: a mebibyte)")
    parser.add_argument("--seconds", type=int, default=10, help="of CPU, for one file (default: 10)")
    parser.add_argument("--source", type=Path, default=ROOT, help="checkout to measure (default: this one)")
    options = parser.parse_args()
    from helpers import costly_files

    for name in costly_files.FILES:
        if not options.names or any(part in name for part in options.names):
            megabytes, seconds, told = _measure(name, options)
            print(f"| `{name}` | {megabytes:.2f} | {seconds} | {told[:80]} |", flush=True)


def _measure(name: str, options: argparse.Namespace) -> tuple[float, str, str]:
    from helpers import costly_files

    with tempfile.TemporaryDirectory() as place:
        small = Path(place, "small")
        small.mkdir()
        files = costly_files.write(name, small, size=4096), costly_files.write(name, Path(place), size=options.size)
        inside = [files[1]] if files[1].is_file() else list(files[1].iterdir())
        megabytes = sum(file.stat().st_size for file in inside) / 1e6
        command = [sys.executable, "-P", "-c", READ, name, str(files[1]), str(files[0]), str(options.seconds)]
        paths = os.pathsep.join([str(options.source.resolve()), str(ROOT / "tests")])
        done = subprocess.run(
            command, check=False, env=os.environ | {"PYTHONPATH": paths}, capture_output=True, text=True
        )
    if done.returncode < 0:
        return megabytes, f"over {options.seconds}", "stopped"
    seconds, _, told = done.stdout.strip().splitlines()[-1].partition(" ")
    return megabytes, seconds, told


if __name__ == "__main__":
    main()

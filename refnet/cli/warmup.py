"""``refnet warmup``: compile now what would be compiled when it is first needed."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING, Any

from refnet.cli import terminal

if TYPE_CHECKING:
    from refnet.hub.warmup import Warm

DESCRIPTION = """\
Compile the kernels, which all models share, and keep them on disk; then read
each MODEL, check it and run it once.
"""
NOTES = """\
in a Dockerfile:
  ENV NUMBA_CACHE_DIR=/opt/refnet
  RUN refnet warmup lite0

The same refnet and Numba find the kernels again in the same place, as any user,
and on a read-only disk too, if it and every folder above it are root's, the
user's own or of whoever installed refnet, and closed to others' files. They are for the kind of
CPU they were compiled on; on another kind they are compiled again. For all x86 CPUs that have
AVX2, set NUMBA_CPU_NAME=haswell and NUMBA_CPU_FEATURES="" both here and later:
the bits are the same, the speed on newer CPUs is not.
"""


def add(commands: Any) -> None:
    """Add the command and its options to the parser."""
    parser = commands.add_parser(
        "warmup",
        help="compile ahead, as for a container image",
        description=DESCRIPTION,
        epilog=NOTES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("models", nargs="*", metavar="MODEL", help=terminal.MODEL)
    parser.add_argument("--dtype", choices=("float32", "float64"), help="default: both")
    parser.add_argument(
        "--cache",
        metavar="DIR",
        help="keep the kernels there, for when NUMBA_CACHE_DIR=DIR is set (default: where they are looked for now)",
    )
    parser.add_argument("--json", action="store_true", help="print JSON")
    parser.set_defaults(run=run)


def run(options: argparse.Namespace) -> int:
    """Warm up and say what was done."""
    import refnet

    kernels = refnet.warmup(*options.models, dtype=options.dtype, cache=options.cache)
    if options.json:
        terminal.print_json({"kernels": [describe(each) for each in kernels], "models": options.models})
        return 0
    done = [
        f"compiled in {each.seconds:.1f} s" if each.seconds is not None else "was already there" for each in kernels
    ]
    rows = [[each.title, what, str(each.directory)] for each, what in zip(kernels, done, strict=True)]
    terminal.print_columns("<<<", rows + [[model, "checked and run", ""] for model in options.models])
    if options.cache is not None:
        print(f"\nTo use these kernels, set NUMBA_CACHE_DIR={terminal.printable(str(Path(options.cache).absolute()))}")
    return 0


def describe(kernels: Warm) -> dict[str, Any]:
    """Turn a result into what JSON can hold; ``seconds`` is null if nothing had to be compiled."""
    return {
        "title": kernels.title,
        "dtype": kernels.dtype,
        "seconds": kernels.seconds,
        "directory": str(kernels.directory),
    }

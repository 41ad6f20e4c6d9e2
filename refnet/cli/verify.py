"""``refnet verify``: are the bits on this machine those of everyone else."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING, Any

from refnet.cli import terminal

if TYPE_CHECKING:
    from refnet.verify import Result

DIFFERENT = 1


def add(commands: Any) -> None:
    """Add the command and its options to the parser."""
    parser = commands.add_parser(
        "verify",
        help="are the bits on this machine those of everyone else",
        description="Run networks and compare the digest of every step's output with the table that comes with "
        "refnet; without a model, all of the table. An .h5 file is compared with the digests inside it. "
        "The exit code is 0 if every bit is the same, 1 if not, 2 if something cannot be run.",
    )
    parser.add_argument("models", nargs="*", metavar="MODEL", help="name, NAME@synthetic or .h5 file")
    parser.add_argument("--full", action="store_true", help="also at the size that each variant was made for")
    parser.add_argument("--threads", type=int, metavar="N", help="by default one for each core")
    parser.set_defaults(run=run)


def run(options: argparse.Namespace) -> int:
    """Prove files, then verify models; print each result as it is there."""
    files = [model for model in options.models if model.endswith(".h5")]
    models = [model for model in options.models if model not in files]
    for file in files:
        _prove(file)
    return 0 if files and not models else _verify(models, options.full, options.threads)


def _prove(file: str) -> None:
    from refnet.store import read

    weights = read(file)
    print(
        f"{terminal.printable(file)}  {weights.architecture.name}  "
        f"intact ({len(weights.tensors)} tensors, digest {weights.digest()})"
    )


def _verify(models: list[str], full: bool, threads: int | None) -> int:
    from refnet.numerics import NUMERICS_VERSION
    from refnet.verify import verify

    results = []
    for result in verify(*models, full=full, threads=threads):
        entry = result.entry
        size = "x".join(map(str, entry.size))
        print(f"{entry.model:15}  {entry.input:11}  {size:7}  {entry.dtype}  {_verdict(result)}", flush=True)
        results.append(result.identical)
    print(f"\n{sum(results)} of {len(results)} runs identical, numerics version {NUMERICS_VERSION}")
    return 0 if all(results) else DIFFERENT


def _verdict(result: Result) -> str:
    entry, difference = result.entry, result.difference
    count = len(entry.steps) - 1
    if difference is None:
        return f"identical ({count} steps)"
    if difference.where in ("weights", "input"):
        place = f"the {difference.where}, before any step"
    else:
        place = f"{difference.where}, step {list(entry.steps).index(difference.where)} of {count}"
    return f"differs first in {place}: digest {difference.found[:12]}, in the table {difference.wanted[:12]}"

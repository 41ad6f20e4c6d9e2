"""``refnet verify``: are the bits on this machine those of everyone else."""

from __future__ import annotations

import argparse
import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from refnet import progress
from refnet.cli import terminal

if TYPE_CHECKING:
    from refnet.golden.verify import RunResult

DIFFERENT = 1


def add(commands: Any) -> None:
    """Add the command and its options to the parser."""
    parser = commands.add_parser(
        "verify",
        help="are the bits on this machine those of everyone else",
        description="Run networks and compare the digest of every step's output with the table that comes with "
        "refnet; without a model, all of the table. An .h5 file is compared with the digests inside it "
        "and with the certificate of its conversion, if that lies beside it. "
        "A model by its variant, b1, is run with the weights that are here. "
        "The exit code is 0 if every bit of what was run is the same, 1 if not, 2 if something cannot be run.",
    )
    parser.add_argument("models", nargs="*", metavar="MODEL", help=terminal.MODEL)
    parser.add_argument("--full", action="store_true", help="also at the size that each variant was made for")
    parser.add_argument("--json", action="store_true", help="print JSON, when all is done")
    parser.add_argument("--threads", type=int, metavar="N", help="by default one for each core")
    parser.set_defaults(run=run)


def run(options: argparse.Namespace) -> int:
    """Prove files, then verify models; print each result as it is there."""
    from refnet.hub.aliases import shortened
    from refnet.hub.models import is_file

    files = [model for model in options.models if is_file(model)]
    models = [shortened(model) for model in options.models if model not in files]
    proofs = [_prove(file, quiet=options.json) for file in files]
    results = [] if files and not models else _verify(models, options)
    if options.json:
        terminal.print_json(proofs + [describe(result) for result in results])
    same = all(proof["result"] == "identical" for proof in proofs) and not any(result.difference for result in results)
    return 0 if same else DIFFERENT


def _prove(file: str, *, quiet: bool) -> dict[str, Any]:
    """Read a file, which fails unless its tensors have the digests inside it; then prove its certificate, if any."""
    from refnet.checkpoints import certificate
    from refnet.hub.converted import convert_once
    from refnet.hub.source_files import is_foreign
    from refnet.weights.reader import read_any

    path = Path(file)
    weights, kept = convert_once(path) if is_foreign(path) else (read_any(path), path)
    digest = weights.digest()
    place = certificate.beside(kept or path)
    there = os.path.lexists(place)
    difference = certificate.prove(kept, weights) if kept and there else None
    if not quiet:
        verdict = "all that its certificate says of the weights holds" if there else "without a certificate"
        if difference:
            verdict = f"but {place.name} says something else: {difference}"
        print(
            f"{terminal.printable(file)}  {weights.architecture.name}  "
            f"intact ({len(weights.tensors)} tensors, digest {digest}), {terminal.printable(verdict)}"
        )
    run = {"model": file, "input": None, "size": None, "dtype": None, "weights": digest}
    result = "differs" if difference else "identical"
    return run | {"result": result, "step": None, "expected": None, "got": difference}


def _verify(models: list[str], options: argparse.Namespace) -> list[RunResult]:
    from refnet.golden.digests import FOLDER, read_tables
    from refnet.golden.verify import select_runs, verify
    from refnet.reference.numerics import NUMERICS_VERSION

    chosen = select_runs(read_tables(FOLDER), models, full=options.full)
    results = []
    with progress.task("verifying", len(chosen), "runs") as update:
        for result in verify(*models, full=options.full, threads=options.threads):
            entry = result.entry
            size = "x".join(map(str, entry.size))
            if not options.json:
                line = f"{entry.model:15}  {entry.input:11}  {size:7}  {entry.dtype}  {_verdict(result)}"
                progress.print_line(line, sys.stdout)
            results.append(result)
            update(advance=1)
    if not options.json:
        missing = sum(bool(result.missing) for result in results)
        identical = sum(result.identical for result in results)
        rest = f", {missing} not run" if missing else ""
        print(f"\n{identical} of {len(results) - missing} runs identical{rest}, numerics version {NUMERICS_VERSION}")
    return results


def describe(result: RunResult) -> dict[str, Any]:
    """Turn a result into what JSON can hold.

    ``step`` may also be ``weights``, ``input`` or ``logits of the fused run``.
    """
    entry, difference = result.entry, result.difference
    return {
        "model": entry.model,
        "input": entry.input,
        "size": list(entry.size),
        "dtype": entry.dtype,
        "weights": entry.weights,
        "result": "not run" if result.missing else "identical" if difference is None else "differs",
        "step": difference and difference.where,
        "expected": difference and difference.wanted,
        "got": difference and difference.found,
    }


def _verdict(result: RunResult) -> str:
    entry, difference = result.entry, result.difference
    count = len(entry.steps) - 1
    if result.missing:
        return f"not run: {result.missing}"
    if difference is None:
        return f"identical ({count} steps)"
    from refnet.golden.verify import FUSED

    if difference.where.endswith(FUSED):
        place = f"the {difference.where}, though each step by itself agrees"
    elif difference.where in ("weights", "input"):
        place = f"the {difference.where}, before any step"
    else:
        place = f"{difference.where}, step {list(entry.steps).index(difference.where)} of {count}"
    return f"differs first in {place}: digest {difference.found[:12]}, in the table {difference.wanted[:12]}"

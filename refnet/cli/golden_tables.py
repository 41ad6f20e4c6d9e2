"""What ``refnet golden`` prints: tables and JSON."""

from __future__ import annotations

import csv
import json
import math
from collections.abc import Iterator, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

from refnet.cli import terminal
from refnet.files.whole import not_written, whole_file
from refnet.golden.dtypes import WHOLE

if TYPE_CHECKING:
    from refnet.golden.accumulator import Accumulation
    from refnet.golden.manifest import Manifest
    from refnet.golden.record import WrittenTensor

_HEADER = [
    "tensor", "shape", "minimum", "maximum", "distinct", "zeros",
    "below", "inside", "above", "constant channels", "subnormal", "not finite",
]  # fmt: skip


def show_coverage(seen: Sequence[WrittenTensor]) -> None:
    """Print a line for each tensor; columns in which there is nothing are left out."""
    columns = list(zip(_HEADER, *map(_row, seen), strict=True))
    kept = [column for column in columns if any(column[1:])]
    terminal.print_columns("<<" + ">" * (len(kept) - 2), list(zip(*kept, strict=True)))
    print()


def _row(recorded: WrittenTensor) -> list[str]:
    entry, coverage, _ = recorded
    known = [entry.name, "x".join(map(str, entry.shape)), f"{entry.minimum:.5g}", f"{entry.maximum:.5g}"]
    known.append(f"{entry.distinct:,}")
    if coverage is None:
        return known + [""] * (len(_HEADER) - len(known))
    shares = [coverage.zeros, *(coverage.regions or (None,) * 3)]
    constant = f"{coverage.constant} of {coverage.channels}" if coverage.constant else ""
    return [*known, *map(_share, shares), constant, *(str(n or "") for n in (coverage.subnormals, coverage.not_finite))]


def _share(share: float | None) -> str:
    """A share in percent; 0 and 100 only where it is none or all."""
    if not share:
        return ""
    return f"{min(max(100 * share, 0.1), 99.9):.1f}%" if share < 1 else "100%"


def show_cases(manifest: Manifest) -> None:
    """Print a line for each case of vectors."""
    shapes = {entry.name: "x".join(map(str, entry.shape)) for entry in manifest.entries}
    rows = [["case", "inputs and weights", "output"]]
    for case in manifest.cases:
        roles = ", ".join(f"{role} {shapes[f'{case.name}/{role}']}" for role in case.inputs + case.weights)
        rows.append([case.name, roles, shapes[f"{case.name}/{case.output}"]])
    terminal.print_columns("<<<", rows)
    print()


def show_summary(target: Path, manifest: Manifest) -> None:
    """Print one line: what is where."""
    run = manifest.run
    written = {entry.dtype for entry in manifest.entries} - {"uint8", run.dtype}
    dtype = run.dtype
    for other in sorted(written, key=lambda dtype: (dtype in WHOLE, dtype)):
        dtype += f"{', ' if other in WHOLE or run.dtype in WHOLE else ' written as '}{other}"
    files = list(target.iterdir()) if target.is_dir() else [target]
    size = sum(path.stat().st_size for path in files)
    what = [run.model] if not run.weights else [run.model, f"{run.size[0]}x{run.size[1]}", run.input]
    line = [str(target), *what, dtype, f"{len(manifest.entries)} tensors", f"{size:,} bytes"]
    print("  ".join(map(terminal.printable, line)))


def describe(target: Path, manifest: Manifest, seen: Sequence[WrittenTensor]) -> dict[str, Any]:
    """Turn a manifest, and what each tensor covers, into what JSON can hold."""
    content = json.loads(manifest.to_json())
    for entry, recorded in zip(content["entries"], seen, strict=False):
        coverage = recorded.coverage
        regions = coverage and coverage.regions
        entry["coverage"] = coverage and coverage._asdict() | {"regions": regions and regions._asdict()}
    return {"target": str(target), **content}


_SUM_HEADER = ["block", "ky", "kx", "ci", "x", "weight", "sum", "bits of x", "of weight", "of sum"]


def show_sum(found: Accumulation) -> None:
    """Print a sum tap by tap."""
    taps = sum(len(block.taps) for block in found.blocks)
    blocks = "1 block" if len(found.blocks) == 1 else f"{len(found.blocks)} blocks"
    print(f"{found.step}:{','.join(map(str, found.at))}  {found.dtype}  {taps} taps in {blocks}\n")
    terminal.print_columns("<" + ">" * 9, [_SUM_HEADER, *_rows(found)], key=4)


def write_csv(found: Accumulation, target: Path) -> None:
    """Write what ``show_sum`` shows as a table for other programs."""
    with not_written(target), whole_file(target) as unfinished, unfinished.open("x", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(_SUM_HEADER)
        writer.writerows(_rows(found))


def _rows(found: Accumulation) -> Iterator[list[str]]:
    """Taps, the sum after each block, and what follows: rows with nothing but a sum."""
    for number, block in enumerate(found.blocks):
        yield from _taps(number, block)
        yield _sum("block 0" if number == 0 else f"blocks 0 to {number}", block.total)
    for name, value in found.after.items():
        yield _sum(name, value)


def _sum(name: str, value: Any) -> list[str]:
    return [name, *[""] * 5, str(value), "", "", _bits(value)]


def _taps(number: int, block: Any) -> Iterator[list[str]]:
    for tap in block.taps:
        numbers = (tap.x, tap.weight, tap.total)
        yield [str(number), *map(str, (tap.ky, tap.kx, tap.ci)), *map(str, numbers), *map(_bits, numbers)]


def describe_sum(found: Accumulation) -> dict[str, Any]:
    """Turn a sum into what JSON can hold: each number as {"value", "bits"}."""
    return asdict(found) | {
        "blocks": [
            {
                "taps": [
                    {"ky": tap.ky, "kx": tap.kx, "ci": tap.ci}
                    | {"x": _number(tap.x), "weight": _number(tap.weight), "sum": _number(tap.total)}
                    for tap in block.taps
                ],
                "sum": _number(block.total),
            }
            for block in found.blocks
        ],
        "after": {name: _number(value) for name, value in found.after.items()},
    }


def _number(value: Any) -> dict[str, Any]:
    return {"value": float(value) if math.isfinite(value) else None, "bits": _bits(value)}


def _bits(value: Any) -> str:
    word = int(value.view(f"u{value.itemsize}"))
    return f"{word:0{2 * value.itemsize}x}"

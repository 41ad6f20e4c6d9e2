"""Write refnet/data/digests/*.json, the tables that ``refnet verify`` compares with.

    python tools/make_digests.py [-o refnet/data/digests]

Every entry is computed anew. Within one numerics version the bits never move, so an entry that changes is a
defect, here or in what wrote the table before. The weights of lite1 and lite2 must be on this machine:
``refnet fetch lite1@lite lite2@lite``.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator
from pathlib import Path

from refnet.architecture.scaling import TABLE as VARIANTS
from refnet.errors import RefnetError
from refnet.golden.digests import FOLDER, RunDigests, RunSpec, read_tables, write_tables
from refnet.golden.verify import PHOTO, compute_digests
from refnet.hub.models import SYNTHETIC

STIMULI = ("noise", "codes")

# Smaller than each variant's own size, so that all of them are verified in seconds: odd and even sides, hardly
# a square, and stages that end in one row or column. L2 is not among them: its weights take 1.9 GB.
SMALL = {
    "b0": (113, 226),
    "b1": (120, 161),
    "b2": (131, 130),
    "b3": (150, 99),
    "b4": (95, 190),
    "b5": (114, 229),
    "b6": (133, 176),
    "b7": (150, 151),
    "b8": (169, 84),
    "lite0": (97, 64),
    "lite1": (121, 120),
    "lite2": (32, 260),
    "lite3": (141, 139),
    "lite4": (75, 300),
}


TRAINED = {"lite0": "lite0", "lite1": "lite1@lite", "lite2": "lite2@lite"}


def specs() -> Iterator[RunSpec]:
    """Name all runs, those of one network together."""
    for variant, small in SMALL.items():
        own = (VARIANTS[variant].resolution,) * 2
        if variant == "lite0":
            for dtype in ("float32", "float64"):
                yield RunSpec(variant, PHOTO, own, dtype)
        for model in (*TRAINED.get(variant, "").split(), variant + SYNTHETIC):
            for size in (small, own):
                for stimulus in STIMULI:
                    yield RunSpec(model, stimulus, size, "float32")
        if variant == "b0":
            yield RunSpec(variant + SYNTHETIC, "noise", own, "float64")


def main(arguments: list[str] | None = None) -> int:
    """Run the command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("-o", "--output", type=Path, default=FOLDER)
    options = parser.parse_args(arguments)
    options.output.mkdir(parents=True, exist_ok=True)
    before = _digests_by_spec(options.output)
    entries = []
    try:
        for entry in compute_digests(specs()):
            entries.append(entry)
            size = "x".join(map(str, entry.size))
            print(f"{entry.model:15}  {entry.input:11}  {size:7}  {entry.dtype}  {_status(entry, before)}", flush=True)
    except RefnetError as error:
        print(error, file=sys.stderr)
        return 2
    for path in write_tables(options.output, entries):
        print(f"wrote {path}: {path.stat().st_size} bytes")
    return 0


def _digests_by_spec(folder: Path) -> dict[RunSpec, RunDigests]:
    try:
        return {_spec(entry): entry for entry in read_tables(folder)}
    except RefnetError:  # no tables yet, or of another numerics version
        return {}


def _spec(entry: RunDigests) -> RunSpec:
    return RunSpec(entry.model, entry.input, entry.size, entry.dtype)


def _status(entry: RunDigests, before: dict[RunSpec, RunDigests]) -> str:
    old = before.get(_spec(entry))
    return "new" if old is None else "same" if old == entry else "CHANGED"


if __name__ == "__main__":
    sys.exit(main())

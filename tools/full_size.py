"""Convert whole checkpoints of every family and variant, and run both sides: the publisher's software and refnet.

    python tools/full_size.py [--families lukemelas timm …] [--variants b0 lite0 …]

For each family and variant the publisher's own software builds the published network, takes refnet's generated numbers
under its own names, saves them as the publisher does, and runs them on one picture of the variant's own size, in
float32 and in float64. refnet converts the file, in a process of its own, and runs the result on the same picture.

Without --families: every family whose software is installed, so that PyTorch's and TensorFlow's can be run in two
environments. Without --variants: every variant of a family but L2. Rows go to docs/results/full_size.md, beside those
that are there already and in place of older ones of the same family and variant.

Ends with 1 if the two differ by more than 1e-9 in float64 anywhere; nothing that fails is left out.
"""

from __future__ import annotations

import argparse
import gc
import importlib
import importlib.util
import multiprocessing
import sys
import tempfile
import time
from contextlib import suppress
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from refnet.architecture import variants
from refnet.architecture.scaling import TABLE
from refnet.checkpoints import conversion
from refnet.checkpoints.publishers import PUBLISHERS
from refnet.checkpoints.stated import Stated
from refnet.errors import UnknownModelError
from refnet.network import Network
from refnet.weights import reader, releases
from refnet.weights.synthetic import tensors

Array = npt.NDArray[Any]

OUTPUT = Path(__file__).parents[1] / "docs" / "results" / "full_size.md"
FLOAT64_AGREES = 1e-9

# The module that has a framework's families, and the package that it needs.
FRAMEWORKS = {"their_torch": "torch", "their_tensorflow": "tensorflow", "their_keras": "tf_keras"}

TITLE = """\
# Whole checkpoints, converted and run

By `python tools/full_size.py`: the publisher's software and refnet on the same generated weights and one picture of the
variant's own size. Distances are those of the logits from the publisher's in float64: the rms of the difference,
relative to the rms of the logits. Time and peak memory are those of a process that only converts.

"""
HEADER = (
    "family", "variant", "size", "software", "checkpoint, MB", "conversion, s", "peak, MB",
    "refnet float64", "refnet float32", "software float32",
)  # fmt: skip


@dataclass(frozen=True)
class Cost:
    """Of a conversion: seconds, and bytes of the process at their peak."""

    seconds: float
    peak: int


def convert(checkpoint: Path, publisher: str, out: Path) -> Cost:
    """Convert a checkpoint; in a process of its own, so that its peak of memory is that of the conversion."""
    begin = time.perf_counter()
    conversion.convert(checkpoint, Stated(publisher=publisher), out=out)
    seconds = time.perf_counter() - begin
    # Not getrusage's ru_maxrss: a child begins with its parent's.
    lines = Path("/proc/self/status").read_text("ascii", "replace").splitlines()
    return Cost(seconds, next(1024 * int(line.split()[1]) for line in lines if line.startswith("VmHWM:")))


def row(framework: Any, family: str, variant: str) -> tuple[str, ...]:
    """Everything for one family and variant."""
    size = TABLE[variant].resolution
    x = np.random.default_rng(1).uniform(-2, 2, (1, size, size, 3)).astype(np.float32)
    with tempfile.TemporaryDirectory() as made:
        checkpoint, run = framework.publish(family, variant, numbers(family, variant), Path(made))
        theirs = {dtype: run(x, dtype) for dtype in ("float32", "float64")}
        del run
        gc.collect()
        with multiprocessing.get_context("spawn").Pool(1) as pool:
            cost = pool.apply(convert, (checkpoint, default_set(family, variant), Path(made) / "out.h5"))
        weights = reader.read(Path(made) / "out.h5")
        megabytes = checkpoint.stat().st_size / 1e6
    ours = {dtype: Network(weights, dtype=dtype).logits(x) for dtype in ("float32", "float64")}
    truth = theirs["float64"]
    distances = [distance(each, truth) for each in (ours["float64"], ours["float32"], theirs["float32"])]
    package = framework.PACKAGES[family]
    return (
        family, variant, f"{size}", f"{package} {version(package)}", f"{megabytes:.0f}", f"{cost.seconds:.1f}",
        f"{cost.peak / 1e6:.0f}", *(f"{each:.1e}" for each in distances),
    )  # fmt: skip


def numbers(family: str, variant: str) -> dict[str, Array]:
    """What refnet generates for the variant, under the publisher's names: deep networks of plain noise are chaotic."""
    network = variants.variant(variant)
    return PUBLISHERS[family].to_theirs(tensors(network), network)


def default_set(family: str, variant: str) -> str:
    """The set of weights to convert as: it decides on pictures, not on logits; none where none was published."""
    with suppress(UnknownModelError):
        return releases.find(f"{variant}@{family}").publisher
    return family


def distance(found: Array, truth: Array) -> float:
    """Rms of the difference, relative to the rms of the truth."""
    return float(np.sqrt(np.mean(np.square(found - truth)) / np.mean(np.square(truth))))


def merged(path: Path, row: tuple[str, ...]) -> str:
    """The whole file with a row more, in the order of families and variants."""
    lines = path.read_text(encoding="utf-8").splitlines() if path.exists() else []
    rows = [tuple(cell.strip() for cell in line.strip("|").split("|")) for line in lines if line.startswith("| ")]
    kept = {(each[0], each[1]): each for each in rows if each[0] in PUBLISHERS} | {(row[0], row[1]): row}
    order = sorted(kept, key=lambda key: (list(PUBLISHERS).index(key[0]), list(TABLE).index(key[1])))
    table = [HEADER, *(kept[key] for key in order)]
    lines = [f"| {' | '.join(cells)} |" for cells in table]
    return TITLE + "\n".join([lines[0], "|---" * len(HEADER) + "|", *lines[1:]]) + "\n"


def run(name: str, options: argparse.Namespace) -> None:
    """All families of one framework; ends the process with 1 if a network disagrees."""
    framework = importlib.import_module(name)
    wrong = False
    for family in [family for family in options.families if family in framework.PACKAGES]:
        for variant in [each for each in options.variants if each in PUBLISHERS[family].variants]:
            print(f"{family} {variant} …", file=sys.stderr, flush=True)
            found = row(framework, family, variant)
            print(" ".join(found), file=sys.stderr, flush=True)
            options.output.write_text(merged(options.output, found), encoding="utf-8")
            wrong |= not float(found[HEADER.index("refnet float64")]) <= FLOAT64_AGREES
    sys.exit(int(wrong))


def main() -> int:
    """Run the command line; each framework in a process of its own, since they change each other's ways."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--families", nargs="+", choices=PUBLISHERS, default=list(PUBLISHERS))
    parser.add_argument("--variants", nargs="+", choices=TABLE, default=[name for name in TABLE if name != "l2"])
    parser.add_argument("-o", "--output", type=Path, default=OUTPUT, help="by default docs/results/full_size.md")
    options = parser.parse_args()
    ends = []
    for name in [name for name, package in FRAMEWORKS.items() if importlib.util.find_spec(package)]:
        process = multiprocessing.get_context("spawn").Process(target=run, args=(name, options))
        process.start()
        process.join()
        ends.append(process.exitcode)
    return int(any(ends))


if __name__ == "__main__":
    sys.exit(main())

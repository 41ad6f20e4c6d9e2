"""The table of digests: what every step of many runs gives, committed as data.

One JSON file for each variant with a line for each run: a model, an input, a size, a dtype, the digest of the weights,
and the digest of the input and of every step's output in execution order, as
``refnet.reference.digest.tensor_digest`` makes them of arrays [1, ...]. It holds for any CPU and any number of
threads. ``tools/make_digests.py`` writes it.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, fields
from itertools import groupby
from pathlib import Path
from typing import Any

from refnet.architecture.padding import MAX_SIDE
from refnet.architecture.scaling import TABLE as VARIANTS
from refnet.errors import InputError
from refnet.files.shipped import DATA
from refnet.reference.digest import DTYPES
from refnet.reference.numerics import NUMERICS_VERSION

FOLDER = DATA / "digests"


@dataclass(frozen=True)
class RunSpec:
    """One run: which network on which input.

    Attributes
    ----------
    model
        As ``refnet.load`` takes it.
    input
        ``chelsea.png``, a photograph, or the name of a stimulus, see ``refnet.golden.stimuli``.
    size
        Height and width of the network's input.
    dtype
        ``float32`` or ``float64``.
    """

    model: str
    input: str
    size: tuple[int, int]
    dtype: str

    @property
    def variant(self) -> str:
        """Name of the architecture."""
        return self.model.partition("@")[0]


@dataclass(frozen=True)
class RunDigests(RunSpec):
    """One line of the table: what a run gives.

    Attributes
    ----------
    weights
        Digest of all weights.
    steps
        Digest of the network's input under ``input``, then of every step's output, in execution order.
    """

    weights: str
    steps: Mapping[str, str]


def read_tables(folder: Path) -> list[RunDigests]:
    """Read the tables of a folder, in the order of the variants.

    Examples
    --------
    >>> entry = read_tables(FOLDER)[0]
    >>> entry.model, entry.input, entry.steps["stem"][:8]
    ('b0@synthetic', 'noise', '7b5db0e1')
    """
    paths = [path for path in (folder / f"{name}.json" for name in VARIANTS) if path.is_file()]
    if not paths:
        raise InputError(f"{folder}: cannot read tables of digests: no file of a variant there; install refnet again")
    return [entry for path in paths for entry in read_table(path)]


def read_table(path: Path) -> list[RunDigests]:
    """Read a table of digests."""
    try:
        table = json.loads(path.read_text("ascii"))
        numerics, lines = table["numerics"], table["entries"]
    except (OSError, ValueError, KeyError, TypeError, RecursionError) as error:
        raise InputError(f"{path}: cannot read a table of digests: {error}") from error
    if type(numerics) is not int or not isinstance(lines, list):
        raise InputError(f"{path}: cannot read a table of digests: want a number in numerics and a list in entries")
    if numerics != NUMERICS_VERSION:
        raise InputError(
            f"{path} is of numerics version {numerics}, this refnet of version {NUMERICS_VERSION}: "
            "their bits need not agree"
        )
    return [_parse(line, f"{path}, entry {number}") for number, line in enumerate(lines)]


def _parse(line: Any, where: str) -> RunDigests:
    """Make an entry of what JSON holds, whatever it is."""
    keys = [field.name for field in fields(RunDigests)]
    if not isinstance(line, dict) or sorted(line) != sorted(keys):
        raise InputError(f"{where}: want an object of {', '.join(keys)}")
    size, steps = line["size"], line["steps"]
    if not all(isinstance(line[key], str) for key in ("model", "input", "weights")):
        raise InputError(f"{where}: want text in model, input and weights")
    if line["dtype"] not in DTYPES:
        raise InputError(f"{where}: want one of {', '.join(DTYPES)} in dtype")
    if not (
        isinstance(size, list) and len(size) == 2 and all(type(side) is int and 1 <= side <= MAX_SIDE for side in size)
    ):
        raise InputError(f"{where}: want height and width in size, whole numbers from 1 to {MAX_SIDE}")
    if not (isinstance(steps, dict) and all(isinstance(digest, str) for digest in steps.values())):
        raise InputError(f"{where}: want an object of names and digests in steps")
    return RunDigests(**line | {"size": (size[0], size[1])})


def write_table(path: Path, entries: Iterable[RunDigests]) -> None:
    """Write a table of digests, one line for each entry."""
    lines = ",\n".join(json.dumps(asdict(entry)) for entry in entries)
    path.write_text(f'{{"numerics": {NUMERICS_VERSION}, "entries": [\n{lines}\n]}}\n', "ascii", newline="\n")


def write_tables(folder: Path, entries: Iterable[RunDigests]) -> list[Path]:
    """Write the tables of some variants, one file each; return their paths."""
    paths = []
    ordered = sorted(entries, key=lambda entry: list(VARIANTS).index(entry.variant))
    for variant, group in groupby(ordered, key=lambda entry: entry.variant):
        paths.append(folder / f"{variant}.json")
        write_table(paths[-1], group)
    return paths

"""The table of digests: what every step of many runs gives, committed as data.

One JSON file for each variant with a line for each run: a model, an input, a size, a dtype, the digest of the weights,
and the digest of the input and of every step's output in execution order, as
``refnet.reference.digest.tensor_digest`` makes them of arrays [1, ...]. It holds for any CPU and any number of
threads. ``tools/make_digests.py`` writes it.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from itertools import groupby
from pathlib import Path

from refnet.architecture.padding import MAX_SIDE
from refnet.architecture.scaling import TABLE as VARIANTS
from refnet.errors import InputError
from refnet.files import opening
from refnet.files import strict_json as js
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


MAX_BYTES = 1 << 26  # of a table; that of b8 has 2 MB
_RUN = js.fields(
    {
        "model": js.TEXT,
        "input": js.TEXT,
        "size": js.items(js.whole(1, MAX_SIDE), 2, 2),
        "dtype": js.one_of(*DTYPES),
        "weights": js.TEXT,
        "steps": js.table(js.TEXT),
    }
)


def read_table(path: Path) -> list[RunDigests]:
    """Read a table of digests."""
    try:
        table = js.read(
            opening.read_bytes(path, MAX_BYTES), js.fields({"numerics": js.whole(), "entries": js.items(js.OBJECT)})
        )
        numerics, lines = table["numerics"], table["entries"]
        if numerics == NUMERICS_VERSION:  # of another, a line may have other fields
            js.check(lines, js.items(_RUN), "entries")
    except (OSError, ValueError) as error:
        raise InputError(
            f"{path}: cannot read a table of digests: {getattr(error, 'strerror', None) or error}"
        ) from error
    if numerics != NUMERICS_VERSION:
        raise InputError(
            f"{path} is of numerics version {numerics}, this refnet of version {NUMERICS_VERSION}: "
            "their bits need not agree"
        )
    return [RunDigests(**line | {"size": tuple(line["size"])}) for line in lines]


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

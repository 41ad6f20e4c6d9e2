"""Verify: run the committed networks here and compare every tensor's digest with the committed table.

The table is one JSON document with a line for each entry: a model, an input, a size, a dtype, the digest of the
weights, and the digest of the input and of every step's output in execution order, as
:func:`refnet.digest.tensor_digest` makes them of arrays [1, ...]. It holds for any CPU and any number of threads.
``tools/make_digests.py`` writes it.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import asdict, dataclass, fields
from itertools import groupby, starmap
from pathlib import Path
from typing import Any, NamedTuple, TypeVar

import numpy as np
import numpy.typing as npt

from refnet import names, synthetic
from refnet.digest import DTYPES, tensor_digest
from refnet.errors import InputError, UnknownModelError
from refnet.models import SYNTHETIC, find_weights
from refnet.network import Network
from refnet.numerics import NUMERICS_VERSION
from refnet.plan import MAX_SIDE
from refnet.shipped import find_shipped

TABLE = Path(__file__).parent / "data" / "digests.json"
PHOTO = "chelsea.png"
GENERATED = "generated"  # refnet.synthetic.picture_tensor

#: Without ``full`` only entries with inputs of at most this many pixels are verified.
QUICK_PIXELS = 224 * 224

WEIGHTS = "weights"
FUSED = " of the fused run"  # behind the name of the output


@dataclass(frozen=True)
class Case:
    """One run: which network on which input.

    Attributes
    ----------
    model
        As :func:`refnet.load` takes it.
    input
        ``chelsea.png``, a photograph, or ``generated``.
    size
        Height and width of the network's input.
    dtype
        ``float32`` or ``float64``.
    """

    model: str
    input: str
    size: tuple[int, int]
    dtype: str


@dataclass(frozen=True)
class Entry(Case):
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


class Difference(NamedTuple):
    """The first thing that is not as the table says.

    Attributes
    ----------
    where
        ``weights``, ``input``, the name of a step, or ``logits of the fused run``.
    found, wanted
        Its digest here and in the table.
    """

    where: str
    found: str
    wanted: str


@dataclass(frozen=True)
class Result:
    """What became of an entry: the first difference, or None where every bit is the same."""

    entry: Entry
    difference: Difference | None

    @property
    def identical(self) -> bool:
        """Whether every bit is the same."""
        return self.difference is None


def verify(*models: str, full: bool = False, threads: int | None = None, table: Path | None = None) -> Iterator[Result]:
    """Compare this machine's results with the table, one entry after the other.

    Parameters
    ----------
    models
        Names; ``b0`` also means ``b0@synthetic``. By default all of the table.
    full
        Also the larger inputs, which every variant was made for.
    threads
        How many threads share a run.
    table
        The table to compare with; by default the committed one.

    Raises
    ------
    RefnetError
        If a model is not in the table, the table is of another numerics version, or weights cannot be read.

    Examples
    --------
    >>> all(result.identical for result in verify("lite0"))
    True
    """
    entries = select(read_table(table or TABLE), models, full=full)
    return starmap(_compare, _load_each(entries, threads))


def select(entries: Iterable[Entry], models: Collection[str] = (), *, full: bool = False) -> list[Entry]:
    """Choose the entries of some models, or of all.

    Raises
    ------
    UnknownModelError
        If there is no entry of a model.
    """
    entries = list(entries)
    known = {name for entry in entries for name in _names_of(entry)}
    for model in models:
        if model not in known:
            variants = dict.fromkeys(_names_of(entry)[0] for entry in entries)
            raise UnknownModelError(f"no digests of {model!r}; there are those of {', '.join(variants)}")
    return [
        entry
        for entry in entries
        if (full or entry.size[0] * entry.size[1] <= QUICK_PIXELS)
        and (not models or not set(models).isdisjoint(_names_of(entry)))
    ]


def record(cases: Iterable[Case]) -> Iterator[Entry]:
    """Run cases and note every digest; those of one model and dtype should follow each other."""
    for case, network, weights in _load_each(cases):
        yield Entry(**asdict(case), weights=weights, steps=dict(_digests(case, network)))


def read_table(path: Path) -> list[Entry]:
    """Read a table of digests.

    Raises
    ------
    InputError
        If it is no table, or one of another numerics version.
    """
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


def _parse(line: Any, where: str) -> Entry:
    """Make an entry of what JSON holds, whatever it is."""
    keys = [field.name for field in fields(Entry)]
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
    return Entry(**line | {"size": (size[0], size[1])})


def write_table(path: Path, entries: Iterable[Entry]) -> None:
    """Write a table of digests, one line for each entry."""
    lines = ",\n".join(json.dumps(asdict(entry)) for entry in entries)
    path.write_text(f'{{"numerics": {NUMERICS_VERSION}, "entries": [\n{lines}\n]}}\n', "ascii", newline="\n")


def _names_of(entry: Entry) -> tuple[str, str]:
    return entry.model.removesuffix(SYNTHETIC), entry.model


_Case = TypeVar("_Case", bound=Case)


def _load_each(cases: Iterable[_Case], threads: int | None = None) -> Iterator[tuple[_Case, Network, str]]:
    """Each case with its network and the digest of the weights."""
    for (model, dtype), group in groupby(cases, key=lambda case: (case.model, case.dtype)):
        weights = find_weights(model, fetch=False)
        digest = weights.digest()
        network = Network.taking(weights, dtype=dtype, threads=threads)
        for case in group:
            yield case, network, digest


def _compare(entry: Entry, network: Network, weights: str) -> Result:
    return Result(entry, _first_difference(entry, network, weights))


def _first_difference(entry: Entry, network: Network, weights: str) -> Difference | None:
    if list(entry.steps) != [names.INPUT, *(step.name for step in network.plan)]:
        raise InputError(f"the table of digests does not list the steps of {entry.model}")
    if weights != entry.weights:
        return Difference(WEIGHTS, weights, entry.weights)
    for name, digest in _digests(entry, network):
        if digest != entry.steps[name]:
            return Difference(name, digest, entry.steps[name])
    # A trace splits what a plain run fuses: that has to come to the same end.
    output = network.plan.output
    digest = tensor_digest(network.features(_input(entry, network), at=output))
    if digest != entry.steps[output]:
        return Difference(output + FUSED, digest, entry.steps[output])
    return None


def _digests(case: Case, network: Network) -> Iterator[tuple[str, str]]:
    """Name and digest of the input, then of every step's output in execution order."""
    x = _input(case, network)
    yield names.INPUT, tensor_digest(x)
    for name, tensor in network.trace(x):
        yield name, tensor_digest(tensor)


def _input(case: Case, network: Network) -> npt.NDArray[np.float32]:
    if case.input == GENERATED:
        return synthetic.picture_tensor(*case.size)
    return network.preprocess(photo(case.input))


def photo(name: str = PHOTO) -> Path:
    """Find a photograph that is shipped: in the installed package, or in a source checkout.

    Raises
    ------
    InputError
        If it is in neither.
    """
    return find_shipped(name, installed="data", checkout="tests/data")

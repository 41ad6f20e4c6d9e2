"""Verify: run networks here and compare every tensor's digest with the committed table, ``golden.digests``."""

from __future__ import annotations

import os
from collections.abc import Collection, Iterable, Iterator
from dataclasses import asdict, dataclass
from itertools import groupby
from pathlib import Path
from typing import Any, NamedTuple, TypeVar

import numpy.typing as npt

from refnet.architecture import names
from refnet.errors import InputError, UnknownModelError, WeightsNotFoundError
from refnet.files.shipped import shipped
from refnet.golden import digests
from refnet.golden.digests import RunDigests, RunSpec, read_tables
from refnet.golden.inputs import choose_input
from refnet.golden.stimuli import STIMULI
from refnet.hub.models import find_weights
from refnet.network import Network
from refnet.reference.digest import tensor_digest

PHOTO = "chelsea.png"

#: Without ``full`` only entries with inputs of at most this many pixels are verified.
QUICK_PIXELS = 224 * 224

WEIGHTS = "weights"
FUSED = " of the fused run"  # behind the name of the output


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
class RunResult:
    """What became of an entry.

    Attributes
    ----------
    entry
        Of the table.
    difference
        The first one, or None where every bit is the same.
    missing
        Why it could not be run: its trained weights are not on this machine. Else empty.
    """

    entry: RunDigests
    difference: Difference | None = None
    missing: str = ""

    @property
    def identical(self) -> bool:
        """Whether it was run and every bit is the same."""
        return self.difference is None and not self.missing


def verify(
    *models: str, full: bool = False, threads: int | None = None, table: str | os.PathLike[str] | None = None
) -> Iterator[RunResult]:
    """Compare this machine's results with the table, one entry after the other.

    By default, these are all models of the table, where ``b0`` also means ``b0@synthetic``; with ``full``, the larger
    inputs too, which every variant was made for. ``table`` is a folder of tables in place of the committed ones.

    Examples
    --------
    >>> all(result.identical for result in verify("lite0"))
    True
    """
    entries = select_runs(read_tables(digests.FOLDER if table is None else Path(table)), models, full=full)
    return _compare_each(entries, models, threads)


def select_runs(entries: Iterable[RunDigests], models: Collection[str] = (), *, full: bool = False) -> list[RunDigests]:
    """Choose the entries of some models, or of all."""
    entries = list(entries)
    known = {name for entry in entries for name in (entry.variant, entry.model)}
    for model in models:
        if model not in known:
            variants = dict.fromkeys(entry.variant for entry in entries)
            raise UnknownModelError(f"no digests of {model!r}; there are those of {', '.join(variants)}")
    return [
        entry
        for entry in entries
        if (full or entry.size[0] * entry.size[1] <= QUICK_PIXELS)
        and (not models or not {entry.variant, entry.model}.isdisjoint(models))
    ]


def compute_digests(specs: Iterable[RunSpec]) -> Iterator[RunDigests]:
    """Run specs and note every digest; those of one model and dtype should follow each other."""
    for group in _of_one_network(specs):
        network, weights = _load(group[0], None)
        for spec in group:
            yield RunDigests(**asdict(spec), weights=weights, steps=dict(_step_digests(spec, network)))


_RunSpec = TypeVar("_RunSpec", bound=RunSpec)


def _of_one_network(specs: Iterable[_RunSpec]) -> Iterator[list[_RunSpec]]:
    for _, group in groupby(specs, key=lambda spec: (spec.model, spec.dtype)):
        yield list(group)


def _load(spec: RunSpec, threads: int | None) -> tuple[Network, str]:
    """Load the network of a spec, and the digest of its weights."""
    weights = find_weights(spec.model, download=False)
    digest = weights.digest()
    return Network._consume(weights, dtype=spec.dtype, threads=threads), digest


def _compare_each(entries: Iterable[RunDigests], models: Collection[str], threads: int | None) -> Iterator[RunResult]:
    for group in _of_one_network(entries):
        model = group[0].model
        try:
            network, weights = _load(group[0], threads)
        except WeightsNotFoundError:
            if model in models:
                raise
            for entry in group:
                yield RunResult(entry, missing=f"no weights here; `refnet fetch {model}` brings them")
            continue
        for entry in group:
            yield RunResult(entry, _first_difference(entry, network, weights))


def _first_difference(entry: RunDigests, network: Network, weights: str) -> Difference | None:
    if list(entry.steps) != [names.INPUT, *(step.name for step in network.plan)]:
        raise InputError(f"the table of digests does not list the steps of {entry.model}")
    if weights != entry.weights:
        return Difference(WEIGHTS, weights, entry.weights)
    for name, digest in _step_digests(entry, network):
        if digest != entry.steps[name]:
            return Difference(name, digest, entry.steps[name])
    # A trace splits what a plain run fuses: that has to come to the same end.
    output = network.plan.output
    digest = tensor_digest(network.features(_input(entry, network), at=output))
    if digest != entry.steps[output]:
        return Difference(output + FUSED, digest, entry.steps[output])
    return None


def _step_digests(spec: RunSpec, network: Network) -> Iterator[tuple[str, str]]:
    """Name and digest of the input, then of every step's output in execution order."""
    x = _input(spec, network)
    yield names.INPUT, tensor_digest(x)
    for name, tensor in network.trace(x):
        yield name, tensor_digest(tensor)


def _input(spec: RunSpec, network: Network) -> npt.NDArray[Any]:
    """Make the network's input; a picture goes through the recipe of the weights, to the size of the spec."""
    generated = spec.input in STIMULI
    network_input = choose_input(None if generated else shipped(spec.input), None, spec.input if generated else None)
    return network_input.make(network.recipe, *spec.size, network.weights.architecture.channels)

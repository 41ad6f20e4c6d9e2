"""Sides: a golden and the dumps of a port, opened, with what is to be said of them before a number is compared."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from refnet.architecture.names import INPUT
from refnet.arrays import Array
from refnet.comparison.findings import Finding, listed
from refnet.comparison.golden_tensors import GoldenTensors
from refnet.comparison.port.matching import match
from refnet.comparison.port.port_tensors import PortTensors
from refnet.comparison.port.tiles import about_tiles, find_tiles
from refnet.comparison.rerun import Rerun
from refnet.errors import InputError
from refnet.golden.axes import TensorLayout, activation_layout
from refnet.golden.manifest import PICTURE, Manifest, Run
from refnet.golden.read import TensorReader
from refnet.golden.selection import fitting
from refnet.hub.models import find_weights

PathLike = str | os.PathLike[str]


@dataclass(frozen=True)
class Side:
    """A dump of the port: its path as given, its tensors, and what is odd about their names and their manifest."""

    path: str
    tensors: PortTensors
    findings: tuple[Finding, ...]


def open_golden(recording: TensorReader, path: PathLike) -> GoldenTensors:
    """Take a recording for a golden; raise InputError if it has no manifest."""
    return GoldenTensors(recording, _manifest(recording, path))


def open_side(
    recording: TensorReader,
    path: PathLike,
    golden: GoldenTensors,
    mapping: Mapping[str, str] | None,
    stated: TensorLayout | None,
) -> Side:
    """Pair a port's names with the golden's."""
    matching = match(recording.names, tuple(golden.entries), mapping)
    findings = [*_other_run(golden.run, recording.manifest), *matching.findings]
    port = PortTensors(recording, matching.partners, golden, stated)
    tiled = find_tiles(port) if stated is None and recording.manifest is None else None
    if tiled is not None:
        port = PortTensors(recording, matching.partners, golden, tiled)
        findings.append(about_tiles(tiled))
    return Side(str(path), port, tuple(findings))


def open_truth(recording: TensorReader, path: PathLike, run: Run) -> GoldenTensors:
    """Take a recording for the golden in float64; raise InputError if it is of another run."""
    theirs = _manifest(recording, path).run
    if theirs.dtype != "float64":
        raise InputError(
            f"{path} was computed in {theirs.dtype}; want one in float64: `refnet golden MODEL --dtype float64 -o DIR`"
        )
    if (theirs.weights, theirs.size, theirs.input) != (run.weights, run.size, run.input):
        raise InputError(f"{path} is of another run: {_described(theirs)}; the golden is of {_described(run)}")
    return open_golden(recording, path)


def stated_layout(order: str | None, tile: str) -> TensorLayout | None:
    """Read the options that say how the port's tensors lie; None if they say nothing."""
    if order is None and tile:
        raise InputError(f"tile {tile!r} without an order; want both, such as NCHW and C:16")
    return None if order is None else activation_layout(order, tile)


def load_other(model: PathLike, rerun: Rerun) -> Mapping[str, Array]:
    """Load the weights that a port may have taken instead."""
    weights, expected = find_weights(model), rerun.single.weights.architecture
    if weights.architecture != expected:
        raise InputError(f"{model} is {weights.architecture.name}; want other weights of {expected.name}")
    return weights.tensors


def asked_for(golden: GoldenTensors, steps: Sequence[str] | None) -> list[str]:
    """The golden's tensors that are to be compared; raise InputError for a name that it does not have.

    Where its run went on from somebody else's tensor, its picture and input are not those that this one was made from.
    """
    ours = tuple(golden.entries)
    chosen = {pattern: fitting(pattern, ours) for pattern in steps or ()}
    for pattern, found in chosen.items():
        if not found:
            raise InputError(f"the golden has no {pattern!r}; it has {listed(list(ours))}")
    if steps is not None:
        asked = {name for found in chosen.values() for name in found}
        return [name for name in ours if name in asked]
    return [name for name in ours if not (golden.run.resumed and name in (PICTURE, INPUT))]


def about_missing(golden: GoldenTensors, side: Side, asked: Sequence[str]) -> list[Finding]:
    """Say which tensors that a run makes a port does not have; the picture and weights are given to it."""
    made = [name for name in golden.entries if not _is_given(name)]
    missing = [name for name in asked if name in made and name not in side.tensors.partners]
    if not missing:
        return []
    text = f"missing from the port, of the golden's {len(made)} tensors: {listed(missing)}"
    return [Finding("missing", None, text)]


def _is_given(name: str) -> bool:
    return name == PICTURE or "/" in name


def _manifest(recording: TensorReader, path: PathLike) -> Manifest:
    if recording.manifest is None:
        raise InputError(f"{path} has no manifest, so it is no golden; `refnet golden MODEL -o DIR` records one")
    return recording.manifest


def _other_run(ours: Run, manifest: Manifest | None) -> list[Finding]:
    """Say first of all if the manifests of both say that they are of different runs."""
    if manifest is None:
        return []
    theirs = manifest.run
    if (ours.weights, ours.size, ours.input) == (theirs.weights, theirs.size, theirs.input):
        return []
    text = f"golden and port are of different runs: {_described(ours)}; {_described(theirs)}"
    return [Finding("other run", None, text, "wrong")]


def _described(run: Run) -> str:
    height, width = run.size
    return f"{run.model} (weights {run.weights[:12]}) on {run.input} at {height}x{width}"

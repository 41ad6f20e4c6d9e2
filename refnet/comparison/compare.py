"""Comparing: open both sides, walk through them, look into what is far off, and say it all."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import replace
from fnmatch import fnmatchcase
from pathlib import Path

from refnet.arrays import Array
from refnet.comparison.evidence import diagnoses
from refnet.comparison.findings import Finding, listed
from refnet.comparison.outcome import Row
from refnet.comparison.port.matching import match, read_map
from refnet.comparison.port.sides import Golden, Port
from refnet.comparison.runs import Runs, runs_of
from refnet.comparison.summary import Comparison
from refnet.comparison.suspicion import suspect
from refnet.comparison.walk import Walk
from refnet.errors import InputError
from refnet.golden.axes import TensorLayout, activation_layout
from refnet.golden.manifest import Manifest, Run
from refnet.golden.read import TensorReader, open_reader
from refnet.hub.models import find_weights

PathLike = str | os.PathLike[str]

_WEIGHTS = {"damaged": 0, "wrong": 1, "note": 2}


def compare(
    golden: PathLike,
    actual: PathLike,
    *,
    steps: Sequence[str] | None = None,
    names: PathLike | Mapping[str, str] | None = None,
    order: str | None = None,
    tile: str = "",
    dtype: str | None = None,
    truth: PathLike | None = None,
    model: str | None = None,
    other_weights: PathLike | None = None,
    exact: bool = False,
    threads: int | None = None,
    progress: Callable[[Row, float], None] = lambda row, done: None,
) -> Comparison:
    """Compare a port's tensors with a golden, in execution order.

    Each tensor is judged by itself where the port's own tensors before it are in ``actual`` too: the model is run from
    these in float32 and in float64. So an early mistake does not hide later ones. Else it is judged end to end.

    Parameters
    ----------
    golden
        What ``refnet golden`` wrote.
    actual
        The port's tensors: a golden, a directory of files named like the steps, an .h5, an .npz, or one tensor's file.
    steps
        Names or globs of the golden's tensors to compare; by default all that ``actual`` has.
    names
        The port's names: a mapping from theirs to ours, or a file that holds one.
    order, tile
        Axes of the port's activations, as ``refnet.golden.axes.activation_layout`` takes them; by default
        inferred.
    dtype
        Of the port's raw files.
    truth
        The same golden in float64; by default the model is run.
    model
        To run; by default the golden's, if it is on this machine and no file.
    other_weights
        A model of the same shape whose weights the port may have taken by mistake, such as raw ones for moving
        averages.
    exact
        Whether a difference in rounding counts as one.
    threads
        For runs of the model.
    progress
        Is called with each row, and which fraction of all is done.

    Raises
    ------
    InputError
        If one of them cannot be read at all, the golden has no manifest, or an argument makes no sense.
    """
    stated = _stated(order, tile)
    mapping = names if isinstance(names, Mapping) or names is None else read_map(Path(names))
    with ExitStack() as stack:
        ours = stack.enter_context(open_reader(Path(golden)))
        theirs = stack.enter_context(open_reader(Path(actual), dtype=dtype))
        exactly = None if truth is None else stack.enter_context(open_reader(Path(truth)))
        side = Golden(ours, _manifest(ours, golden))
        matching = match(theirs.names, tuple(side.entries), mapping)
        wanted = _wanted(tuple(side.entries), matching.partners, steps)
        findings = _other_run(side.run, theirs.manifest) + list(matching.findings)
        findings += _missing(side, matching.partners, steps)
        runs, about_runs = runs_of(side.run, model, threads) if wanted else (None, [])
        findings += about_runs
        other = None if other_weights is None or runs is None else _other(other_weights, runs)
        port = Port(theirs, matching.partners, side, stated)
        walk = Walk(side, port, runs, _truth(exactly, truth, side.run))
        rows: list[Row] = []
        for row in walk.rows(wanted):
            rows.append(row)
            progress(row, len(rows) / len(wanted))
        findings += [*walk.findings, *suspect(rows, side, port), *_formats(rows, side)]
        findings.sort(key=lambda finding: _WEIGHTS[finding.weight])
        found = Comparison(str(golden), str(actual), side.run.model, tuple(rows), tuple(findings), exact)
        return replace(found, diagnoses=diagnoses(found, runs, port, other)) if runs else found


def _stated(order: str | None, tile: str) -> TensorLayout | None:
    if order is None and tile:
        raise InputError(f"tile {tile!r} without an order; want both, such as NCHW and C:16")
    return None if order is None else activation_layout(order, tile)


def _manifest(recording: TensorReader, path: PathLike) -> Manifest:
    if recording.manifest is None:
        raise InputError(f"{path} has no manifest, so it is no golden; `refnet golden MODEL -o DIR` records one")
    return recording.manifest


def _truth(recording: TensorReader | None, path: PathLike | None, run: Run) -> Golden | None:
    if recording is None or path is None:
        return None
    manifest = _manifest(recording, path)
    theirs = manifest.run
    if theirs.dtype != "float64":
        raise InputError(f"{path} was computed in {theirs.dtype}; want a golden of float64 for the truth")
    if (theirs.weights, theirs.size, theirs.input) != (run.weights, run.size, run.input):
        raise InputError(f"{path} is of another run: {_described(theirs)}; the golden is of {_described(run)}")
    return Golden(recording, manifest)


def _other(model: PathLike, runs: Runs) -> Mapping[str, Array]:
    """Load the weights that a port may have taken instead."""
    weights, expected = find_weights(model), runs.here.weights.architecture
    if weights.architecture != expected:
        raise InputError(f"{model} is {weights.architecture.name}; want other weights of {expected.name}")
    return weights.tensors


def _wanted(ours: Sequence[str], partners: Mapping[str, object], steps: Sequence[str] | None) -> list[str]:
    """Choose tensors that both sides have."""
    for pattern in steps or ():
        if not any(fnmatchcase(name, pattern) for name in ours):
            raise InputError(f"the golden has no {pattern!r}; it has {listed(list(ours))}")
    return [
        name
        for name in ours
        if name in partners and (steps is None or any(fnmatchcase(name, pattern) for pattern in steps))
    ]


def _missing(golden: Golden, partners: Mapping[str, object], steps: Sequence[str] | None) -> list[Finding]:
    missing = [name for name in _wanted(tuple(golden.entries), golden.entries, steps) if name not in partners]
    if not missing:
        return []
    text = f"{len(missing)} of the golden's {len(golden.entries)} tensors are not there: {listed(missing)}"
    return [Finding("missing", None, text)]


def _other_run(ours: Run, manifest: Manifest | None) -> list[Finding]:
    """Say first of all if both sides say themselves that they are of different runs."""
    if manifest is None:
        return []
    theirs = manifest.run
    if (ours.weights, ours.size, ours.input) == (theirs.weights, theirs.size, theirs.input):
        return []
    text = f"they are of different runs: {_described(ours)}; {_described(theirs)}"
    return [Finding("other run", None, text, "wrong")]


def _described(run: Run) -> str:
    height, width = run.size
    return f"{run.model} (weights {run.weights[:12]}) on {run.input} at {height}x{width}"


def _formats(rows: Sequence[Row], golden: Golden) -> list[Finding]:
    """Say once which formats were compared with which."""
    kinds: dict[tuple[str, str], list[str]] = {}
    for row in rows:
        ours = golden.entries[row.name].dtype
        if row.dtype and row.dtype != ours:
            kinds.setdefault((row.dtype, ours), []).append(row.name)
    return [
        Finding(
            "dtype",
            None,
            f"{theirs} where the golden has {ours}, {len(there)} of {len(rows)}: measured in the narrower of both",
        )
        for (theirs, ours), there in kinds.items()
    ]

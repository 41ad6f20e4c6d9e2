"""Compare: open both sides, walk through them, look into what is far off, and say it all."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path

from refnet.arrays import Array
from refnet.comparison.causes import find_causes
from refnet.comparison.findings import Finding, by_severity, listed
from refnet.comparison.golden_tensors import GoldenTensors
from refnet.comparison.mixups import find_mixups
from refnet.comparison.other_network import find_other_network
from refnet.comparison.port.matching import match, read_map
from refnet.comparison.port.port_tensors import PortTensors
from refnet.comparison.rerun import Rerun, prepare_rerun
from refnet.comparison.result import Comparison
from refnet.comparison.tensor_result import TensorResult
from refnet.comparison.walk import Walk
from refnet.errors import InputError
from refnet.float_mode import default_mode
from refnet.golden.axes import TensorLayout, activation_layout
from refnet.golden.manifest import Manifest, Run
from refnet.golden.read import TensorReader, open_reader
from refnet.golden.selection import fitting
from refnet.hub.models import find_weights

PathLike = str | os.PathLike[str]


@default_mode()
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
    progress: Callable[[TensorResult, float], None] = lambda result, done: None,
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
        Names, blocks or globs of the golden's tensors to compare; by default all that ``actual`` has.
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
        Is called with each tensor's result, and which fraction of all is done.

    Returns
    -------
    Comparison
        With a result for each tensor that both have, what else was found, and ``exit_code``: 0 where nothing is wrong.

    Raises
    ------
    InputError
        If one of them cannot be read at all, the golden has no manifest, or an argument makes no sense.

    Examples
    --------
    >>> import tempfile, refnet
    >>> with tempfile.TemporaryDirectory() as place:
    ...     manifest = refnet.record("lite0", f"{place}/golden", steps=["stem", "pool"])
    ...     found = refnet.compare(f"{place}/golden", f"{place}/golden")
    >>> [tensor.name for tensor in found.tensors], found.exit_code
    (['picture', 'input', 'stem', 'pool'], 0)
    """
    stated = _stated(order, tile)
    mapping = names if isinstance(names, Mapping) or names is None else read_map(Path(names))
    with ExitStack() as stack:
        golden_file = stack.enter_context(open_reader(Path(golden)))
        port_file = stack.enter_context(open_reader(Path(actual), dtype=dtype))
        truth_file = None if truth is None else stack.enter_context(open_reader(Path(truth)))
        tensors = GoldenTensors(golden_file, _manifest(golden_file, golden))
        matching = match(port_file.names, tuple(tensors.entries), mapping)
        wanted = _wanted(tuple(tensors.entries), matching.partners, steps)
        findings = _other_run(tensors.run, port_file.manifest) + list(matching.findings)
        findings += _missing(tensors, matching.partners, steps)
        rerun, about_runs = prepare_rerun(tensors.run, model, threads) if wanted else (None, [])
        findings += about_runs
        others = find_other_network(port_file, rerun.plan, tensors.batch) if rerun else []
        findings += others
        other = None if other_weights is None or rerun is None else _other(other_weights, rerun)
        port = PortTensors(port_file, matching.partners, tensors, stated)
        walk = Walk(tensors, port, rerun, _truth(truth_file, truth, tensors.run))
        results: list[TensorResult] = []
        for result in walk.results(wanted):
            results.append(result)
            progress(result, len(results) / len(wanted))
        findings += [*walk.findings, *find_mixups(results, tensors, port), *_formats(results, tensors)]
        model = tensors.run.model
        found = Comparison(str(golden), str(actual), model, tuple(results), tuple(by_severity(findings)), exact)
        causes = find_causes(found, rerun, port, other) if rerun and not others else {}
        return replace(found, diagnoses=causes)


def _stated(order: str | None, tile: str) -> TensorLayout | None:
    if order is None and tile:
        raise InputError(f"tile {tile!r} without an order; want both, such as NCHW and C:16")
    return None if order is None else activation_layout(order, tile)


def _manifest(recording: TensorReader, path: PathLike) -> Manifest:
    if recording.manifest is None:
        raise InputError(f"{path} has no manifest, so it is no golden; `refnet golden MODEL -o DIR` records one")
    return recording.manifest


def _truth(recording: TensorReader | None, path: PathLike | None, run: Run) -> GoldenTensors | None:
    if recording is None or path is None:
        return None
    manifest = _manifest(recording, path)
    theirs = manifest.run
    if theirs.dtype != "float64":
        raise InputError(
            f"{path} was computed in {theirs.dtype}; want one in float64: `refnet golden MODEL --dtype float64 -o DIR`"
        )
    if (theirs.weights, theirs.size, theirs.input) != (run.weights, run.size, run.input):
        raise InputError(f"{path} is of another run: {_described(theirs)}; the golden is of {_described(run)}")
    return GoldenTensors(recording, manifest)


def _other(model: PathLike, rerun: Rerun) -> Mapping[str, Array]:
    """Load the weights that a port may have taken instead."""
    weights, expected = find_weights(model), rerun.single.weights.architecture
    if weights.architecture != expected:
        raise InputError(f"{model} is {weights.architecture.name}; want other weights of {expected.name}")
    return weights.tensors


def _wanted(ours: Sequence[str], partners: Mapping[str, object], steps: Sequence[str] | None) -> list[str]:
    """Choose tensors that both sides have."""
    chosen = {pattern: fitting(pattern, ours) for pattern in steps or ()}
    for pattern, found in chosen.items():
        if not found:
            raise InputError(f"the golden has no {pattern!r}; it has {listed(list(ours))}")
    asked = set(ours) if steps is None else {name for found in chosen.values() for name in found}
    return [name for name in ours if name in partners and name in asked]


def _missing(golden: GoldenTensors, partners: Mapping[str, object], steps: Sequence[str] | None) -> list[Finding]:
    missing = [name for name in _wanted(tuple(golden.entries), golden.entries, steps) if name not in partners]
    if not missing:
        return []
    text = f"missing from the port, of the golden's {len(golden.entries)} tensors: {listed(missing)}"
    return [Finding("missing", None, text)]


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


def _formats(results: Sequence[TensorResult], golden: GoldenTensors) -> list[Finding]:
    """Say once which formats were compared with which."""
    kinds: dict[tuple[str, str], list[str]] = {}
    for result in results:
        ours = golden.entries[result.name].dtype
        if result.dtype and result.dtype != ours:
            kinds.setdefault((result.dtype, ours), []).append(result.name)
    return [
        Finding(
            "dtype",
            None,
            f"{theirs} where the golden has {ours}, {len(there)} of {len(results)}: measured in the narrower of both",
        )
        for (theirs, ours), there in kinds.items()
    ]

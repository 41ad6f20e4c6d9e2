"""Compare: open both sides, walk through them, look into what is far off, and say it all."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, replace
from pathlib import Path

from refnet.comparison.causes import find_causes
from refnet.comparison.findings import DUMP, Finding, by_severity
from refnet.comparison.golden_tensors import GoldenTensors
from refnet.comparison.integers.causes import explained_in_integers
from refnet.comparison.integers.rerun import IntegerRerun
from refnet.comparison.integers.walk import IntegerWalk
from refnet.comparison.mixups import about_mixups, explained, find_mixups
from refnet.comparison.other_network import find_other_network
from refnet.comparison.overwritten import about_overwritten, confirmed, find_overwritten
from refnet.comparison.port.matching import read_map
from refnet.comparison.port.port_tensors import PortTensors
from refnet.comparison.rerun import Rerun, prepare_rerun
from refnet.comparison.result import Comparison
from refnet.comparison.runs import Runs, compare_runs
from refnet.comparison.sides import (
    PathLike,
    Side,
    about_missing,
    asked_for,
    load_other,
    open_golden,
    open_side,
    open_truth,
    stated_layout,
)
from refnet.comparison.tensor_result import Outcome, TensorResult
from refnet.comparison.walk import Walk
from refnet.errors import InputError
from refnet.float_mode import default_mode
from refnet.golden.read import TensorReader, open_reader

Progress = Callable[[TensorResult, float], None]


@default_mode()
def compare(
    golden: PathLike,
    actual: PathLike,
    *runs: PathLike,
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
    progress: Progress = lambda result, done: None,
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
    runs
        More dumps of the same port.
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
    stated = stated_layout(order, tile)
    mapping = names if isinstance(names, Mapping) or names is None else read_map(Path(names))
    with ExitStack() as stack:

        def opened(path: PathLike, dtype: str | None = None) -> TensorReader:
            return stack.enter_context(open_reader(Path(path), dtype=dtype))

        tensors = open_golden(opened(golden), golden)
        asked = asked_for(tensors, steps)
        sides = [open_side(opened(path, dtype), path, tensors, mapping, stated) for path in (actual, *runs)]
        double = None if truth is None else open_truth(opened(truth), truth, tensors.run)
        is_any = any(name in side.tensors.partners for side in sides for name in asked)
        rerun, about_model = prepare_rerun(tensors.run, model, threads) if is_any else (None, [])
        other = load_other(other_weights, rerun) if other_weights is not None and isinstance(rerun, Rerun) else None
        if rerun is not None and isinstance(rerun, IntegerRerun) is not tensors.is_of_integers:
            raise InputError(f"{golden} is of {tensors.run.dtype}, its model is not; record the golden again")
        if tensors.is_of_integers and (double or other_weights):
            raise InputError("truth and other weights are for real numbers; a golden of integers is exact by itself")
        judge = _Judge(tensors, rerun, double)
        between = judge.between(sides, asked) if runs else None
        side = sides[between.judged if between else 0]
        port, results, findings = judge.settled(side.tensors, asked, progress)
        others = find_other_network(results, port, rerun.plan, tensors.batch) if rerun else []
        about_port = [*side.findings, *about_missing(tensors, side, asked), *about_model]
        mixups = {} if others else find_mixups(results, tensors, port)
        findings = [one for one in findings if one.kind != DUMP or one.step not in mixups]
        said = [*([between.finding] if between else []), *others, *about_port, *findings, *about_mixups(mixups)]
        said += _formats(results, tensors, port)
        found = Comparison(
            str(golden), side.path, tensors.run.model, tuple(results), tuple(by_severity(said)), exact, runs=between
        )
        if rerun is None or others:
            return found
        if isinstance(rerun, IntegerRerun):
            return explained_in_integers(found, rerun, port, explained(mixups))
        return replace(found, diagnoses=find_causes(found, rerun, port, other, explained=explained(mixups)))


@dataclass(frozen=True)
class _Judge:
    """What dumps are judged by: a golden, the same in float64 if there is that, and its model if that can be run."""

    golden: GoldenTensors
    rerun: Rerun | IntegerRerun | None
    truth: GoldenTensors | None

    def walk(
        self, port: PortTensors, names: Sequence[str], progress: Progress
    ) -> tuple[list[TensorResult], Walk | IntegerWalk]:
        """Judge these tensors, as far as the port has them."""
        walk = self._begin(port)
        results: list[TensorResult] = []
        wanted = [name for name in names if name in port.partners]
        for result in walk.results(wanted):
            results.append(result)
            progress(result, len(results) / len(wanted))
        return results, walk

    def _begin(self, port: PortTensors) -> Walk | IntegerWalk:
        if self.golden.is_of_integers:
            return IntegerWalk(self.golden, port, self.rerun if isinstance(self.rerun, IntegerRerun) else None)
        return Walk(self.golden, port, self.rerun if isinstance(self.rerun, Rerun) else None, self.truth)

    def settled(
        self, port: PortTensors, names: Sequence[str], progress: Progress
    ) -> tuple[PortTensors, list[TensorResult], list[Finding]]:
        """Judge them, and once more without those that turn out to be overwritten."""
        results, walk = self.walk(port, names, progress)
        held = find_overwritten(results, port)
        while held:
            without = port.without(held)
            again, new_walk = self.walk(without, names, lambda result, done: None)
            kept = confirmed(held, again)
            if kept == held:
                return without, again, [*about_overwritten(held), *new_walk.findings]
            held = kept
        return port, results, walk.findings

    def between(self, sides: Sequence[Side], names: Sequence[str]) -> Runs:
        """Compare the runs with each other."""
        ports = [side.tensors for side in sides]
        in_all = [name for name in names if all(name in port.partners for port in ports)]

        def outcome(run: int, name: str) -> Outcome:
            (result,), _ = self.walk(ports[run], [name], lambda result, done: None)
            return result.outcome

        inputs = self.rerun.inputs if self.rerun else lambda name: ()
        return compare_runs([side.path for side in sides], ports, self.golden, in_all, inputs, outcome)


def _formats(results: Sequence[TensorResult], golden: GoldenTensors, port: PortTensors) -> list[Finding]:
    """Say once which formats were compared with which, and how codes are written."""
    if golden.is_of_integers:
        forms: dict[str, list[str]] = {}
        for result in results:
            if words := port.form(result.name).words:
                forms.setdefault(words, []).append(result.name)
        return [
            Finding(
                "dtype", None, f"the port's codes are {words}, {len(there)} of {len(results)}: taken for what they are"
            )
            for words, there in forms.items()
        ]
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

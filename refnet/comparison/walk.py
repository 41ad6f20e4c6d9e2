"""Walk: through both sides in execution order, one tensor of each in memory, judging each by itself and end to end."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress

import numpy as np

from refnet.architecture import names
from refnet.arrays import Array
from refnet.comparison.findings import Finding
from refnet.comparison.judgement.distance import measure
from refnet.comparison.judgement.doubt import is_doubtful, widest_floor
from refnet.comparison.judgement.verdict import NoiseFloor, weigh
from refnet.comparison.outcome import Against, Row, heat_of
from refnet.comparison.port.matching import Part
from refnet.comparison.port.sides import Golden, Port, Taken, crop
from refnet.comparison.runs import Runs, Stream, narrowed, nearest_given
from refnet.errors import RefnetError

# From the widest to the narrowest.
_WIDTHS = ("float64", "float32", "float16", "bfloat16")


class Walk:
    """One comparison under way.

    Parameters
    ----------
    golden, port
        Both sides.
    runs
        The golden's model, if it can be run here.
    truth
        The same golden in float64, if there is one.
    """

    def __init__(self, golden: Golden, port: Port, runs: Runs | None, truth: Golden | None) -> None:
        self.golden, self.port, self.runs, self.truth = golden, port, runs, truth
        self.findings: list[Finding] = []
        self._input: Array | None = None
        with suppress(RefnetError):  # said where it is compared
            self._input = golden.input()
        self._streams: dict[str, Stream] = {}
        self._wrong: dict[str, str] = {}  # step: its first tensor that is wrong

    def rows(self, wanted: Sequence[str]) -> Iterator[Row]:
        """Compare these tensors of the golden, in its order."""
        self._open_streams(wanted)
        for name in wanted:
            yield self._row(name)

    def _open_streams(self, wanted: Sequence[str]) -> None:
        """Run the model along with the walk for whatever the recordings themselves do not say."""
        if self.runs is None:
            return
        steps = [name for name in wanted if name in self.runs.steps]
        known = {self.golden.run.dtype} if all(map(self._full, steps)) else set()
        missing = [
            network
            for network in (self.runs.here, self.runs.truth)
            if network.dtype.name not in known and not (network.dtype == np.float64 and self.truth)
        ]
        if self._input is not None:
            self._streams = {network.dtype.name: self.runs.stream(network, self._input, steps) for network in missing}
        elif missing and steps:
            text = "the golden has no whole float32 input to run the model from, so nothing is judged end to end"
            self.findings.append(Finding("input", None, text))

    def _full(self, name: str) -> bool:
        """Whether the golden has the numbers as they were computed."""
        return self.golden.entries[name].dtype == self.golden.run.dtype

    def _row(self, name: str) -> Row:
        theirs = self.port.partners[name].name
        try:
            golden = self.golden.read(name)
        except RefnetError as error:
            self.findings.append(Finding("damaged", name, f"the golden's own tensor: {error}", "damaged"))
            return Row(name, theirs, "not compared")
        taken = self.port.take(name, golden)
        self.findings += taken.reading.findings
        if taken.reading.tensor is None:
            return Row(name, theirs, "wrong", shape=golden.shape, dtype=taken.dtype, order=taken.reading.order)
        return self._compared(name, theirs, golden, taken)

    def _compared(self, name: str, theirs: str, golden: Array, taken: Taken) -> Row:
        tensor, reading = taken.reading.tensor, taken.reading
        assert tensor is not None
        assert taken.golden is not None
        since, local, reference = self._local(name, taken)
        here, truth = self._as_computed(name, taken)
        terms = self.runs.terms(name, [names.INPUT]) if self.runs else 1
        given = {} if local or self._input is None else {names.INPUT: self._input}
        widest = self._widest(given, name, taken)
        end_to_end = _against(tensor, taken.golden, taken.dtype, here, truth, terms, widest)
        self._note_what_is_no_number(name, end_to_end)
        outcome = (local or end_to_end).outcome
        step = self._step(name)
        row = Row(
            name, theirs, outcome, tensor.shape, taken.region, taken.dtype, reading.order, reading.how,
            local, end_to_end, since,
            follows=self._wrong.get(step, ""),
            heat=heat_of(tensor, reference if local else taken.golden) if self._has_heat(name, outcome) else None,
        )  # fmt: skip
        if outcome == "wrong":
            self._wrong.setdefault(step, name)
        return row

    def _has_heat(self, name: str, outcome: str) -> bool:
        return outcome in ("wrong", "differs") and self.golden.entries[name].axes in ("NHWC", "NC")

    def _step(self, name: str) -> str:
        return self.runs.steps[name].name if self.runs and name in self.runs.steps else name

    def _as_computed(self, name: str, taken: Taken) -> tuple[Array | None, Array | None]:
        """The golden's tensor as computed in float32 and in float64, as far as they are known, cut to the port's."""
        golden, found = taken.golden, dict[str, Array | None]()
        assert golden is not None
        if name == names.INPUT and golden.dtype == np.float32:
            return golden, golden.astype(np.float64)  # it is what it is
        for dtype in ("float32", "float64"):
            if self._full(name) and self.golden.run.dtype == dtype:
                found[dtype] = golden
            elif dtype == "float64" and self.truth is not None and name in self.truth.entries:
                found[dtype] = _cut(self.truth.read(name), taken, self.truth.entries[name].part)
            elif dtype in self._streams:
                found[dtype] = _cut(self._streams[dtype].take(name), taken)
        return found.get("float32"), found.get("float64")

    def _local(self, name: str, taken: Taken) -> tuple[tuple[str, ...], Against | None, Array]:
        """Make one tensor of the port's own tensors before it, and judge by that."""
        nothing = np.empty(0)
        since = nearest_given(name, self.runs.inputs, self.port.usable) if self.runs else None
        if self.runs is None or since is None:
            return (), None, nothing
        given = {one: self.port.tensor(one) for one in since}
        if names.INPUT in given:
            given[names.INPUT] = given[names.INPUT].astype(np.float32, copy=False)
        here, truth = (_cut(tensor, taken) for tensor in self.runs.make(given, name))
        assert here is not None
        assert truth is not None
        assert taken.reading.tensor is not None
        if not (np.isfinite(here).all() and np.isfinite(truth).all()):
            return (), None, nothing  # the port's tensors before it are too far off
        terms = self.runs.terms(name, since)
        widest = self._widest(given, name, taken)
        return since, _against(taken.reading.tensor, here, taken.dtype, here, truth, terms, widest), here

    def _widest(self, given: Mapping[str, Array], name: str, taken: Taken) -> Callable[[str], NoiseFloor] | None:
        """How to find the largest floor of a tensor in a format, if it is made from others."""
        runs = self.runs
        if runs is None or not given or name not in runs.steps:
            return None
        region = tuple(slice(*bounds) for bounds in taken.region)
        return lambda dtype: widest_floor(runs, given, name, dtype, region)

    def _note_what_is_no_number(self, name: str, found: Against) -> None:
        nan, infinite = found.measure.nan, found.measure.infinite
        if nan or infinite:
            text = f"{nan} NaN and {infinite} infinite of {found.measure.elements} elements"
            self.findings.append(Finding("not finite", name, text, "wrong"))
        if found.measure.golden_not_finite:
            text = f"{found.measure.golden_not_finite} elements of the golden are no number, and left out"
            self.findings.append(Finding("not finite", name, text))


def _cut(tensor: Array | None, taken: Taken, part: Part = ()) -> Array | None:
    """Take the piece that the port has of a tensor, which may be a part itself."""
    if tensor is None or not (taken.region or part):
        return tensor
    whole = part or tuple((0, length) for length in tensor.shape)
    return crop(tensor, taken.region or whole, whole)


def _against(
    actual: Array,
    golden: Array,
    dtype: str,
    here: Array | None,
    truth: Array | None,
    terms: int,
    widest: Callable[[str], NoiseFloor] | None = None,
) -> Against:
    """Measure in the narrower of both formats; judge by the port's."""
    if "uint8" in (actual.dtype.name, golden.dtype.name):
        if actual.dtype != golden.dtype:
            actual, golden = actual.astype(np.float32), golden.astype(np.float32)
        return Against(measure(actual, golden), None)
    both = max(dtype, "float32" if golden.dtype == np.float32 else "float64", key=_WIDTHS.index)
    found = measure(_rounded(actual, both), _rounded(golden, both), both)
    if here is None or truth is None:
        return Against(found, None)
    precision = dtype if dtype in ("float16", "bfloat16") else "float32"
    here = narrowed(here, dtype)
    judgement = weigh(actual, here, truth, precision, terms)
    if widest is not None and is_doubtful(judgement, precision):
        judgement = weigh(actual, here, truth, precision, terms, widest(precision))
    return Against(found, judgement)


def _rounded(tensor: Array, dtype: str) -> Array:
    if dtype in ("float16", "bfloat16"):
        return narrowed(tensor, dtype)
    with np.errstate(over="ignore"):
        return tensor.astype(dtype, copy=False)

"""Walk: through both sides in execution order, one tensor of each in memory, judging each by itself and end to end."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress

import numpy as np

from refnet.architecture import names
from refnet.arrays import Array
from refnet.comparison.diagnosis.number_formats import nearest
from refnet.comparison.findings import DUMP, Finding, listed
from refnet.comparison.golden_tensors import GoldenTensors
from refnet.comparison.judgement.borderline import is_borderline, widest_floor
from refnet.comparison.judgement.distance import measure_distance
from refnet.comparison.judgement.verdict import NoiseFloor, judge
from refnet.comparison.port.matching import Part
from refnet.comparison.port.port_tensors import PairedTensor, PortTensors, crop
from refnet.comparison.rerun import Rerun, Stream, nearest_held
from refnet.comparison.tensor_result import RIGHT, Deviation, TensorResult, heat_of
from refnet.comparison.where import Where, find_where
from refnet.errors import RefnetError

TWO_BYTES = ("float16", "bfloat16")
_WIDTHS = ("float64", "float32", *TWO_BYTES)  # from the widest to the narrowest

_Floor = Callable[[str], NoiseFloor]  # the widest noise floor of a tensor in a format, found when it is asked for


class Walk:
    """One comparison under way; without ``rerun`` nothing is judged by itself, ``truth`` is the golden in float64."""

    def __init__(
        self, golden: GoldenTensors, port: PortTensors, rerun: Rerun | None, truth: GoldenTensors | None
    ) -> None:
        self.golden, self.port, self.rerun, self.truth = golden, port, rerun, truth
        self.findings: list[Finding] = []
        self._begin: dict[str, Array] = {}  # what the golden's run began with
        with suppress(RefnetError):  # said where it is compared
            self._begin = golden.beginning()
        self._streams: dict[str, Stream] = {}
        self._no_numbers: list[str] = []  # tensors that hold NaN or infinities
        self._wrong: dict[str, str] = {}  # step: its first tensor that is wrong

    def results(self, wanted: Sequence[str]) -> Iterator[TensorResult]:
        """Compare these tensors of the golden, in its order."""
        self._open_streams(wanted)
        for name in wanted:
            yield self._result(name)
        first, *later = self._no_numbers or [""]
        if later:
            text = (
                f"NaN or infinities are in {len(later)} tensors after {first}, which are made from it: {listed(later)}"
            )
            self.findings.append(Finding("not finite", None, text))

    def _open_streams(self, wanted: Sequence[str]) -> None:
        """Run the model along with the walk for whatever the recordings themselves do not say."""
        if self.rerun is None:
            return
        steps = [name for name in wanted if name in self.rerun.steps]
        known = {self.golden.run.dtype} if all(map(self._full, steps)) else set()
        missing = [
            network
            for network in (self.rerun.single, self.rerun.truth)
            if network.dtype.name not in known and not (network.dtype == np.float64 and self.truth)
        ]
        steps = [name for name in steps if name not in self._begin]
        if self._begin:
            self._streams = {network.dtype.name: self.rerun.stream(network, self._begin, steps) for network in missing}
        elif missing and steps:
            text = "the golden has no whole float32 input to run the model from, so nothing is judged end to end"
            self.findings.append(Finding("input", None, text))

    def _full(self, name: str) -> bool:
        """Whether the golden has the numbers as they were computed."""
        return self.golden.entries[name].dtype == self.golden.run.dtype

    def _result(self, name: str) -> TensorResult:
        theirs = self.port.partners[name].name
        try:
            golden = self.golden.read(name)
        except RefnetError as error:
            self.findings.append(Finding("damaged", name, f"the golden's own tensor: {error}", "damaged"))
            return TensorResult(name, theirs, "not compared")
        pair = self.port.pair(name, golden)
        self.findings += pair.reading.findings
        if pair.reading.tensor is None or pair.golden is None:
            return TensorResult(name, theirs, "wrong", shape=golden.shape, dtype=pair.dtype, order=pair.reading.order)
        return self._compared(name, theirs, pair, pair.reading.tensor, pair.golden)

    def _compared(self, name: str, theirs: str, pair: PairedTensor, tensor: Array, golden: Array) -> TensorResult:
        holds, before = self.port.overwritten.get(name, ""), self._no_numbers_before(name)
        skipped = bool(holds or (before and not np.isfinite(tensor).all()))
        run_from, by_itself, reference = ((), None, None) if skipped else self._by_itself(name, pair, tensor)
        end_to_end = self._end_to_end(name, pair, tensor, golden, doubted=by_itself is None and not skipped)
        if by_itself is not None:
            is_right, goes_on = by_itself.outcome in RIGHT, end_to_end.outcome in RIGHT
            damaged = before if is_right else next((one for one in run_from if one in self._wrong.values()), "")
            if damaged and (is_right or goes_on):
                self._note_damage(damaged, name)
            if is_right:
                before = ""
            elif before or (damaged and goes_on):  # what it was run from is not what the port had
                run_from, by_itself, reference = (), None, None
        self._note_what_is_no_number(name, end_to_end)
        outcome = (by_itself or end_to_end).outcome
        step = self.rerun.steps[name].name if self.rerun and name in self.rerun.steps else name
        decisive, axes = by_itself or end_to_end, self.golden.entries[name].axes
        expected = golden if reference is None else reference
        is_off = outcome in ("wrong", "differs") and axes in ("NHWC", "NC")
        is_new = not holds and (step not in self._wrong if by_itself else not self._wrong)
        result = TensorResult(
            name, theirs, outcome, tensor.shape, pair.region, pair.dtype, pair.reading.order, pair.reading.how,
            by_itself, end_to_end, run_from,
            follows=before or self._wrong.get(step, ""),
            holds=holds,
            heat=heat_of(tensor, expected) if is_off else None,
            where=self._where(name, pair, tensor, expected, decisive) if is_off and is_new else None,
        )  # fmt: skip
        if outcome == "wrong" and not holds:
            self._wrong.setdefault(step, name)
        return result

    def _no_numbers_before(self, name: str) -> str:
        """The first tensor that is no number, if the port made this one from it or from what follows it; else empty."""
        inputs = self.rerun.inputs if self.rerun and self._no_numbers else None
        begin = nearest_held(name, inputs, self.port.partners.__contains__) if inputs else None
        return self._no_numbers[0] if not set(begin or ()).isdisjoint(self._no_numbers) else ""

    def _by_itself(
        self, name: str, pair: PairedTensor, tensor: Array
    ) -> tuple[tuple[str, ...], Deviation | None, Array | None]:
        """Judge by what the step makes of the port's own tensors: their names, the deviation, and what was made."""
        begin = nearest_held(name, self.rerun.inputs, self.port.usable) if self.rerun else None
        if self.rerun is None or begin is None:
            return (), None, None
        given = {one: self.port.tensor(one) for one in begin}
        if names.INPUT in given:
            given[names.INPUT] = given[names.INPUT].astype(np.float32, copy=False)
        single, truth = (_cut(made, pair) for made in self.rerun.run_both(given, name))
        if single is None or truth is None or not (np.isfinite(single).all() and np.isfinite(truth).all()):
            return (), None, None  # the port's tensors before it are too far off
        terms, widest = self.rerun.terms(name, begin), self._widest(given, name, pair)
        return begin, _deviation(tensor, single, pair.dtype, single, truth, terms, widest), single

    def _end_to_end(self, name: str, pair: PairedTensor, tensor: Array, golden: Array, *, doubted: bool) -> Deviation:
        """Judge one tensor by the golden's; its verdict is ``doubted`` where it decides."""
        single, truth = self._as_computed(name, pair, golden)
        terms = self.rerun.terms(name, self._begin or [names.INPUT]) if self.rerun else 1
        given = self._begin if doubted else {}
        return _deviation(tensor, golden, pair.dtype, single, truth, terms, self._widest(given, name, pair))

    def _as_computed(self, name: str, pair: PairedTensor, golden: Array) -> tuple[Array | None, Array | None]:
        """The golden's tensor as computed in float32 and in float64, as far as they are known, cut to the port's."""
        found = dict[str, Array | None]()
        if name in (names.INPUT, *self.golden.run.resumed) and golden.dtype == np.float32:
            return golden, golden.astype(np.float64)  # it is what it is
        for dtype in ("float32", "float64"):
            if self._full(name) and self.golden.run.dtype == dtype:
                found[dtype] = golden
            elif dtype == "float64" and self.truth is not None and name in self.truth.entries:
                found[dtype] = _cut(self.truth.read(name), pair, self.truth.entries[name].part)
            elif dtype in self._streams:
                made = self._streams[dtype].advance_to(name)
                found[dtype] = None if made is None else _cut(made, pair)
        return found.get("float32"), found.get("float64")

    def _widest(self, given: Mapping[str, Array], name: str, pair: PairedTensor) -> _Floor | None:
        """How to find the widest noise floor of a tensor, if it is made from others."""
        rerun = self.rerun
        if rerun is None or not given or name in given or name not in rerun.steps:
            return None
        region = tuple(slice(*bounds) for bounds in pair.region)
        return lambda dtype: widest_floor(rerun, given, name, dtype, region)

    def _where(self, name: str, pair: PairedTensor, tensor: Array, expected: Array, found: Deviation) -> Where | None:
        entry = self.golden.entries[name]
        whole = tuple(end for _, end in entry.part) if entry.part else entry.shape
        return find_where(
            tensor, expected, entry.axes, found.judgement, part=pair.region, whole=whole, order=pair.reading.order
        )

    def _note_damage(self, damaged: str, name: str) -> None:
        if any((found.kind, found.step) == (DUMP, damaged) for found in self.findings):
            return
        text = (
            f"{name}, which is made from it, is right: the port went on with the right numbers, so this "
            "tensor was damaged when it was dumped, or afterwards"
        )
        self.findings.append(Finding(DUMP, damaged, text, "wrong"))

    def _note_what_is_no_number(self, name: str, found: Deviation) -> None:
        """Say it of the first tensor that holds any; count the others, which follow."""
        nan, infinite = found.distance.nan, found.distance.infinite
        if nan or infinite:
            self._no_numbers.append(name)
        if self._no_numbers == [name]:
            text = f"{nan} NaN and {infinite} infinite of {found.distance.elements} elements"
            self.findings.append(Finding("not finite", name, text, "wrong"))
        if found.distance.golden_not_finite:
            text = f"{found.distance.golden_not_finite} elements of the golden are NaN or infinite, and left out"
            self.findings.append(Finding("not finite", name, text))


def _cut(tensor: Array, pair: PairedTensor, part: Part = ()) -> Array | None:
    """Take the piece that the port has of a tensor, which may be a part itself; None if it is not all in there."""
    if not (pair.region or part):
        return tensor
    whole = part or tuple((0, length) for length in tensor.shape)
    return crop(tensor, pair.region or whole, whole)


def _deviation(
    actual: Array,
    golden: Array,
    dtype: str,
    single: Array | None,
    truth: Array | None,
    terms: int,
    widest: _Floor | None,
) -> Deviation:
    """Measure in the narrower of both formats; judge by the port's."""
    if {actual.dtype.kind, golden.dtype.kind} != {"f"}:  # a picture, or codes among real numbers
        if actual.dtype != golden.dtype:
            actual, golden = actual.astype(np.float32), golden.astype(np.float32)
        return Deviation(measure_distance(actual, golden), None)
    both = max(dtype, "float32" if golden.dtype == np.float32 else "float64", key=_WIDTHS.index)
    found = measure_distance(_rounded(actual, both), _rounded(golden, both), both)
    if single is None or truth is None:
        return Deviation(found, None)
    precision = dtype if dtype in TWO_BYTES else "float32"
    single = nearest(single, dtype) if dtype in TWO_BYTES else single
    judgement = judge(actual, single, truth, precision, terms)
    if widest is not None and is_borderline(judgement, precision):
        judgement = judge(actual, single, truth, precision, terms, widest(precision))
    return Deviation(found, judgement)


def _rounded(tensor: Array, dtype: str) -> Array:
    if dtype in TWO_BYTES:
        return nearest(tensor, dtype)
    with np.errstate(over="ignore"):
        return tensor.astype(dtype, copy=False)

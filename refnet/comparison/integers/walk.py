"""Walk: through both sides in execution order; each tensor of codes is equal to what its step makes, or it is wrong."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace

import numpy as np

from refnet.architecture import names
from refnet.arrays import Array
from refnet.comparison.findings import DUMP, Finding
from refnet.comparison.golden_tensors import GoldenTensors
from refnet.comparison.integers.entry import real_input
from refnet.comparison.integers.rerun import IntegerRerun
from refnet.comparison.judgement.distance import Distance, measure_distance
from refnet.comparison.port.port_tensors import CODES, PairedTensor, PortTensors, crop
from refnet.comparison.rerun import nearest_held
from refnet.comparison.tensor_result import RIGHT, Deviation, TensorResult, heat_of
from refnet.comparison.where import Where, find_where
from refnet.errors import RefnetError
from refnet.reference.integers.engine import ENGINES, Engine
from refnet.reference.integers.quantisation import quantise


class IntegerWalk:
    """One comparison of integers under way; without ``rerun`` nothing is judged by itself."""

    def __init__(self, golden: GoldenTensors, port: PortTensors, rerun: IntegerRerun | None) -> None:
        self.golden, self.port, self.rerun = golden, port, rerun
        self.findings: list[Finding] = []
        self._wrong: list[str] = []

    def results(self, wanted: Sequence[str]) -> Iterator[TensorResult]:
        """Compare these tensors of the golden, in its order."""
        for name in wanted:
            yield self._result(name)

    def _result(self, name: str) -> TensorResult:
        theirs = self.port.partners[name].name
        try:
            golden = self.golden.read(name)
        except RefnetError as error:
            self.findings.append(Finding("damaged", name, f"the golden's own tensor: {error}", "damaged"))
            return TensorResult(name, theirs, "not compared")
        pair = self.port.pair(name, golden)
        self.findings += pair.reading.findings
        tensor = pair.reading.tensor
        if tensor is None or pair.golden is None:
            return TensorResult(name, theirs, "wrong", shape=golden.shape, dtype=pair.dtype, order=pair.reading.order)
        if self.golden.entries[name].dtype not in CODES:
            tensor = tensor.astype(pair.golden.dtype) if pair.golden.dtype.kind != "f" else tensor
        return self._compared(name, theirs, pair, tensor, pair.golden)

    def _compared(self, name: str, theirs: str, pair: PairedTensor, tensor: Array, golden: Array) -> TensorResult:
        holds = self.port.overwritten.get(name, "")
        begin, reference = ((), None) if holds else self._made(name, pair)
        by_itself = None if reference is None else deviation(tensor, reference)
        end_to_end = deviation(tensor, golden)
        damaged = next((one for one in begin if one in self._wrong), "")
        if by_itself is not None and damaged and end_to_end.outcome == "exact":
            self._note_damage(damaged, name)
            by_itself, begin, reference = None, (), None  # what it was run from is not what the port had
        decisive = by_itself or end_to_end
        expected = golden if reference is None else reference
        is_off = decisive.outcome not in RIGHT
        if is_off:
            self._wrong.append(name)
        has_map = is_off and self.golden.entries[name].axes in ("NHWC", "NC")
        is_new = has_map and not holds and (by_itself is not None or self._wrong == [name])
        return TensorResult(
            name, theirs, decisive.outcome, tensor.shape, pair.region, pair.dtype, pair.reading.order, pair.reading.how,
            by_itself, end_to_end, tuple(begin),
            follows=self._sums_before(name),
            holds=holds,
            heat=heat_of(tensor, expected) if has_map else None,
            where=self._where(name, pair, tensor, expected) if is_new else None,
        )  # fmt: skip

    def _sums_before(self, name: str) -> str:
        """The sums of this operation, if the port has them and they are wrong already."""
        sums = next(
            (one for one in self._wrong if self.rerun and self.rerun.operation(one) is self.rerun.operation(name)), ""
        )
        return sums if sums != name else ""

    def _made(self, name: str, pair: PairedTensor) -> tuple[Sequence[str], Array | None]:
        """What the step makes of the port's own tensors, and their names."""
        begin = nearest_held(name, self.rerun.inputs, self.port.usable) if self.rerun else None
        if self.rerun is None or begin is None:
            return (), None
        made = self.rerun.run({one: self.port.tensor(one) for one in begin}, name)
        return begin, crop(made, pair.region, tuple((0, side) for side in made.shape)) if pair.region else made

    def _where(self, name: str, pair: PairedTensor, tensor: Array, expected: Array) -> Where | None:
        entry = self.golden.entries[name]
        whole = tuple(end for _, end in entry.part) if entry.part else entry.shape
        return find_where(tensor, expected, entry.axes, part=pair.region, whole=whole, order=pair.reading.order)

    def _note_damage(self, damaged: str, name: str) -> None:
        if not any((found.kind, found.step) == (DUMP, damaged) for found in self.findings):
            text = (
                f"{name}, which is made from it, is right: the port went on with the right codes, so this "
                "tensor was damaged when it was dumped, or afterwards"
            )
            self.findings.append(Finding(DUMP, damaged, text, "wrong"))


def deviation(tensor: Array, expected: Array) -> Deviation:
    """How far codes are from others."""
    if np.array_equal(tensor, expected):
        n = tensor.size
        return Deviation(Distance(n, n, 0, 0, 0, 0, (n,), 0, 0, 1.0, np.inf, None, None, 0, 0, 0), None, of_codes=True)
    dtype = "float32" if expected.dtype.kind == "f" else "int32"
    return Deviation(measure_distance(tensor, expected, dtype), None, of_codes=True)


def rounds_as(results: Sequence[TensorResult], port: PortTensors, rerun: IntegerRerun) -> str:
    """The other engine that all of a port's tensors are those of, each run from the port's own; else empty.

    Only what differs is asked first: where no engine makes all of that, the rest need not be run.
    """
    made = [result for result in results if result.by_itself is not None or result.name == names.INPUT]
    off = [result for result in made if result.outcome not in RIGHT]
    if not off or len(off) < sum(result.outcome not in RIGHT for result in results):
        return ""
    others = [engine for engine in ENGINES.values() if engine != rerun.engine]
    for result in (*off, *(result for result in made if result.outcome in RIGHT)):
        others = [engine for engine in others if _makes(engine, result, port, rerun)]
        if not others:
            return ""
    return " or ".join(engine.name for engine in others)


def _makes(engine: Engine, result: TensorResult, port: PortTensors, rerun: IntegerRerun) -> bool:
    if result.part:
        return False
    try:
        if result.name == names.INPUT:
            x = real_input(port.golden)
            codes = None if x is None else quantise(x, rerun.network.codes[names.INPUT], engine.quantise)
            same = result.outcome == "exact" and (x is None or engine.quantise == rerun.engine.quantise)
            return same or (codes is not None and np.array_equal(codes, port.tensor(names.INPUT)))
        given: Mapping[str, Array] = {name: port.tensor(name) for name in result.run_from}
        return np.array_equal(rerun.run(given, result.name, engine), port.tensor(result.name))
    except RefnetError:
        return False


def as_rounded(results: Sequence[TensorResult]) -> list[TensorResult]:
    """The same, what differs called differently rounded: by another engine's rules it is right."""
    return [
        replace(result, outcome="rounded", where=None, heat=None) if result.outcome == "wrong" else result
        for result in results
    ]

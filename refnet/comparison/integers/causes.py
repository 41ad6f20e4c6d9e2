"""Causes: what the port had before each wrong tensor of codes, and what it did with that."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import replace

import numpy as np

from refnet.architecture import names
from refnet.arrays import Array
from refnet.comparison.diagnosis.diagnosis import Diagnosis
from refnet.comparison.findings import DUMP
from refnet.comparison.integers.diagnose import diagnose, diagnose_within
from refnet.comparison.integers.entry import diagnose_entry, real_input
from refnet.comparison.integers.rerun import IntegerRerun
from refnet.comparison.integers.walk import as_rounded, rounds_as
from refnet.comparison.port.port_tensors import PortTensors
from refnet.comparison.result import Comparison
from refnet.comparison.tensor_result import TensorResult

MOST = 4  # tensors that are asked about


def explained_in_integers(
    found: Comparison, rerun: IntegerRerun, port: PortTensors, explained: Collection[str] = ()
) -> Comparison:
    """A comparison with what its tensors are instead: another engine's to the bit, or mistakes by name."""
    engine = rounds_as(found.tensors, port, rerun)
    if engine:
        return replace(found, tensors=tuple(as_rounded(found.tensors)), rounds_as=engine)
    return replace(found, diagnoses=find_integer_causes(found, rerun, port, explained))


def find_integer_causes(
    found: Comparison, rerun: IntegerRerun, port: PortTensors, explained: Collection[str] = ()
) -> dict[str, Diagnosis]:
    """Find out what the first tensors that are wrong by themselves are instead, by name."""
    wrong = [result for result in found.wrong_by_themselves if result.outcome == "wrong"]
    damaged = {finding.step for finding in found.findings if finding.kind == DUMP}
    left = [result for result in wrong if result.name not in damaged and not result.holds]
    asked = [result for result in left if result.name not in explained][:MOST]
    causes = {result.name: _asked(result, rerun, port) for result in asked}
    return {name: cause for name, cause in causes.items() if cause is not None}


def _asked(result: TensorResult, rerun: IntegerRerun, port: PortTensors) -> Diagnosis | None:
    """Diagnose one tensor. A fault in here must not cost the verdicts, which do not depend on it."""
    try:
        return _cause(result, rerun, port)
    except Exception as error:
        fault = f"{type(error).__name__}: {error}"
        words = f"nothing is known of how it was computed, by a fault of refnet's own: please report it ({fault})"
        return Diagnosis(None, words, np.inf, np.inf)


def _cause(result: TensorResult, rerun: IntegerRerun, port: PortTensors) -> Diagnosis | None:
    name = result.name
    if not port.usable(name):
        return None
    actual = port.tensor(name)
    if name == names.INPUT:
        x = real_input(port.golden)
        return None if x is None else diagnose_entry(x, rerun.network.codes[name], actual, port.golden.read(name))
    operation = rerun.operation(name)
    if operation is None or not result.run_from:
        return None
    given = {one: port.tensor(one) for one in result.run_from}
    expected = rerun.run(given, name)
    if name not in rerun.operations:
        inputs = [given[one] if one in given else _made(rerun, given, one) for one in operation.inputs]
        return diagnose(operation, inputs, rerun.network.codes, rerun.engine, actual, expected, of_sums=True)
    return _of_span(name, given, actual, expected, rerun)


def _of_span(
    name: str, given: Mapping[str, Array], actual: Array, expected: Array, rerun: IntegerRerun
) -> Diagnosis | None:
    """Diagnose the operation that makes a tensor; then those before it whose results the port does not have."""
    operation = rerun.operations[name]
    inputs = [given[one] if one in given else _made(rerun, given, one) for one in operation.inputs]
    found = diagnose(operation, inputs, rerun.network.codes, rerun.engine, actual, expected)
    if found.mistake is not None:
        return found
    for each in reversed(rerun.between(given, name)):
        reads = [given[one] if one in given else _made(rerun, given, one) for one in each.inputs]

        def rest(codes: Array, through: str = each.name) -> Array:
            return rerun.run({**given, through: codes}, name)

        within = diagnose_within(each, reads, rerun.network.codes, rerun.engine, actual, rest)
        if within is not None:
            sentence = f"in {each.name}, which is not among the port's tensors: {within.sentence}"
            return Diagnosis(within.mistake, sentence, 0.0, found.before, within.alternatives)
    return found


def _made(rerun: IntegerRerun, given: Mapping[str, Array], name: str) -> Array:
    return rerun.run(given, name)

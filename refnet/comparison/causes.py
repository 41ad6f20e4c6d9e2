"""Causes: gather what the port had before each wrong tensor, and name what it did with it."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from contextlib import suppress
from dataclasses import replace

import numpy as np

from refnet.architecture import names
from refnet.architecture.names import BN, CONV, part_name
from refnet.architecture.needed import needed
from refnet.architecture.step import CONVOLUTIONS, Step
from refnet.arrays import Array
from refnet.comparison.control_flow import other_flow
from refnet.comparison.diagnosis import Diagnosis, diagnose, diagnose_input, diagnose_without_picture
from refnet.comparison.diagnosis.computation import Computation, computation_of
from refnet.comparison.diagnosis.diagnose import situation_of
from refnet.comparison.diagnosis.identify.spans import Span, said_of, search_span
from refnet.comparison.diagnosis.mistakes import Situation
from refnet.comparison.diagnosis.on_demand import OnDemand
from refnet.comparison.judgement.verdict import terms_added
from refnet.comparison.port.port_tensors import PortTensors
from refnet.comparison.rerun import Rerun, nearest_held
from refnet.comparison.result import Comparison
from refnet.comparison.tensor_result import TensorResult
from refnet.errors import RefnetError
from refnet.golden.manifest import PICTURE
from refnet.reference.numerics import TAPS_PER_BLOCK

MOST = 4  # tensors that are asked about
ROUNDING = "rounding"  # the name of a diagnosis that is no mistake
NOISE_OF_OTHER_INPUTS = 1e-5  # relative, of what is made from tensors that are not the port's own


def find_causes(
    found: Comparison,
    rerun: Rerun,
    port: PortTensors,
    other: Mapping[str, Array] | None = None,
    explained: Collection[str] = (),
) -> dict[str, Diagnosis]:
    """Find out what the tensors that are wrong by themselves are instead, by name.

    Where none is wrong, find which order of roundings gives the first that differs, and the first that sums more than
    a block: with few taps, many orders give the same bits.
    ``other`` is another set of weights of the same model, by key, that the port may have taken; what is ``explained``
    already is not asked about.
    """
    wrong = [result for result in found.wrong_by_themselves if result.outcome == "wrong"]
    asked = _most_telling([result for result in wrong if result.name not in explained and not result.holds])
    rounded = [result for result in found.tensors if not wrong and result.outcome == "rounded" and result.by_itself]
    longer = [result for result in rounded[1:] if _taps(result, rerun) > TAPS_PER_BLOCK]
    causes = {result.name: _asked(result, rerun, port, other) for result in asked or [*rounded[:1], *longer[:1]]}
    return {name: cause for name, cause in causes.items() if cause and (wrong or cause.mistake == ROUNDING)}


def _most_telling(wrong: Sequence[TensorResult]) -> Sequence[TensorResult]:
    """The first that is wrong, and of the others those with the largest errors, in the order of execution."""
    by_error = sorted(
        wrong[1:], key=lambda result: result.by_itself.relative if result.by_itself else 0.0, reverse=True
    )
    told = {result.name for result in (*wrong[:1], *by_error[: MOST - 1])}
    return [result for result in wrong if result.name in told]


def _asked(
    result: TensorResult, rerun: Rerun, port: PortTensors, other: Mapping[str, Array] | None
) -> Diagnosis | None:
    """Diagnose one tensor. A fault in here must not cost the verdicts, which do not depend on it."""
    try:
        return _cause(result, rerun, port, other)
    except Exception as error:
        fault = f"{type(error).__name__}: {error}"
        words = f"nothing is known of how it was computed, by a fault of refnet's own: please report it ({fault})"
        return Diagnosis(None, words, np.inf, np.inf)


def _taps(result: TensorResult, rerun: Rerun) -> int:
    """How many products a convolution or dense layer adds up; 0 of other tensors."""
    step = rerun.steps.get(result.name)
    return terms_added(step) if step is not None and step.op in (*CONVOLUTIONS, "dense") else 0


def _cause(
    result: TensorResult, rerun: Rerun, port: PortTensors, other: Mapping[str, Array] | None
) -> Diagnosis | None:
    """Diagnose one tensor, if what it is made from is known."""
    actual, seen = _actual(result, port)
    if actual is None:
        return None
    if result.name == names.INPUT:
        return _of_the_input(port, actual, seen)
    if result.name not in rerun.steps:
        return None
    given = {name: port.tensor(name) for name in result.run_from if port.usable(name)}
    if given and len(given) == len(result.run_from):
        found = other_flow(result.name, given, actual, result.dtype, rerun, seen)
        steps = needed(rerun.plan.steps, given, [result.name])
        if found is None and result.outcome == "wrong" and len(steps) > 1 and result.name == steps[-1].name:
            return _of_span(steps, given, result, actual, seen, rerun, port, other)
        if found is not None:
            return found
    return _of_step(result, actual, seen, rerun, port, other)


def _of_span(
    steps: Sequence[Step], given: Mapping[str, Array], result: TensorResult, actual: Array, seen: Array | None,
    rerun: Rerun, port: PortTensors, other: Mapping[str, Array] | None,
) -> Diagnosis:  # fmt: skip
    """Diagnose a tensor that several steps make of what the port has, of which it has no results."""
    weights = rerun.single.weights

    def situation(step: Step, inputs: Sequence[Array], around: Mapping[str, Array]) -> Situation:
        layers = [one.name for one in rerun.plan if _is_like(one, step)]
        theirs, _ = _neighbours(port, rerun, step, inputs)
        every = [*around, *(name for name in theirs if name not in around)]
        others = OnDemand(every, lambda name: around[name] if name in around else theirs[name])
        return situation_of(step, weights.tensors, weights.bn_eps, inputs, layers=layers, neighbours=others)

    def computation(step: Step, inputs: Sequence[Array]) -> Computation:
        return computation_of(step, weights.tensors, weights.bn_eps, inputs)

    found = search_span(Span(steps, given, computation, situation), actual, result.dtype, seen)
    if found is not None and found.mistake is not None:
        return found
    last = _of_step(result, actual, seen, rerun, port, other)
    if last is None or last.mistake is None:
        last = _before_the_sum(result, actual, seen, rerun, port, other) or last
    if last is not None and last.mistake is not None:
        return last
    left = found or last
    lead = f"; {found.sentence}" if found else ""
    return Diagnosis(None, said_of(steps) + lead, left.residual if left else np.inf, left.before if left else np.inf)


def _before_the_sum(
    result: TensorResult, actual: Array, seen: Array | None, rerun: Rerun, port: PortTensors,
    other: Mapping[str, Array] | None,
) -> Diagnosis | None:  # fmt: skip
    """Diagnose the step that made the first summand of a residual sum, from what the port added it to."""
    step = rerun.steps[result.name]
    if step.op != names.ADD or not port.usable(step.inputs[1]):
        return None
    summand = actual - port.tensor(step.inputs[1])
    found = _of_step(replace(result, name=step.inputs[0]), summand, seen, rerun, port, other)
    if found is None or found.mistake is None:
        return None
    return replace(found, sentence=f"in {step.inputs[0]}, which is not among the port's tensors: {found.sentence}")


def _of_step(
    result: TensorResult,
    actual: Array,
    seen: Array | None,
    rerun: Rerun,
    port: PortTensors,
    other: Mapping[str, Array] | None,
) -> Diagnosis | None:
    """Diagnose a tensor by the one step that makes it."""
    step = rerun.steps[result.name]
    part = result.name.removeprefix(step.name).removeprefix(".")
    since = next((one for one in _before(part) if port.usable(part_name(step.name, one))), "")
    wanted = [part_name(step.name, since)] if since else list(step.inputs)
    inputs = [_given(name, rerun, port) for name in wanted]
    if any(tensor is None for tensor in inputs):
        return None
    earlier, later = _neighbours(port, rerun, step, [tensor for tensor in inputs if tensor is not None])
    return diagnose(
        step,
        tensors=rerun.single.weights.tensors,
        eps=rerun.single.weights.bn_eps,
        inputs=[tensor for tensor in inputs if tensor is not None],
        actual=actual,
        part=part,
        since=since,
        dtype=result.dtype,
        noise=0.0 if all(port.usable(name) for name in wanted) else NOISE_OF_OTHER_INPUTS,
        seen=seen,
        other_tensors=other,
        layers=[other.name for other in rerun.plan if _is_like(other, step)],
        neighbours=earlier,
        later=later,
    )


def _is_like(other: Step, step: Step) -> bool:
    """Whether the weights of one step, or its batch norm, could be taken for those of another."""
    fits = other.normalized if step.normalized else (other.op, other.in_shape) == (step.op, step.in_shape)
    return bool(step.weights) and fits and other.name != step.name and other.shape[-1] == step.shape[-1]


def _neighbours(
    port: PortTensors, rerun: Rerun, step: Step, inputs: Sequence[Array]
) -> tuple[OnDemand[Array], OnDemand[Array]]:
    """The port's tensors with the channels of a step or its inputs, before and behind it, read one at a time."""
    channels = {step.shape[-1], *(x.shape[-1] for x in inputs)}
    alike = [other.name for other in rerun.plan if other.shape[-1] in channels and port.usable(other.name)]
    done = {other.name for other in rerun.plan.steps[: rerun.plan.steps.index(step)]}
    earlier, later = ([name for name in alike if (name in done) is before] for before in (True, False))
    return OnDemand(earlier, port.tensor), OnDemand([name for name in later if name != step.name], port.tensor)


def _of_the_input(port: PortTensors, x: Array, seen: Array | None) -> Diagnosis | None:
    """Ask what a port did to the picture, where the golden has that; else, or of a piece, to the right input."""
    golden = port.golden
    recipe = golden.run.recipe
    if recipe is None:
        return None
    with suppress(RefnetError):
        if PICTURE in golden.entries and len(x) == 1 and seen is None:
            picture = golden.read(PICTURE)
            if picture.ndim == 3 and picture.dtype.name == "uint8":
                return diagnose_input(picture, recipe, golden.run.size, x)
        if names.INPUT in golden.entries and not golden.entries[names.INPUT].part:
            right, piece = golden.read(names.INPUT), _box(seen, x.shape)
            return diagnose_without_picture(right if seen is None else right[piece], recipe, x[piece])
    return None


def _box(seen: Array | None, shape: tuple[int, ...]) -> tuple[slice, ...]:
    """The box that a mask holds; all, without one."""
    if seen is None:
        return tuple(slice(side) for side in shape)
    return tuple(slice(int(places.min()), int(places.max()) + 1) for places in np.nonzero(seen))


def _actual(result: TensorResult, port: PortTensors) -> tuple[Array | None, Array | None]:
    """What the port has, and a mask of it if that is a piece; a tensor of numbers, though its shape may be wrong."""
    name = result.name
    if port.usable(name):
        return port.tensor(name), None
    with suppress(RefnetError):
        if result.part and not port.golden.entries[name].part:
            return _in_the_whole(result, port)
        found = port.misshapen(name)
        if found is not None and np.isfinite(found).all() and found.shape != port.golden.entries[name].shape:
            return found, None
    return None, None


def _in_the_whole(result: TensorResult, port: PortTensors) -> tuple[Array | None, Array | None]:
    """Put a piece where it belongs in the golden's tensor."""
    golden = port.golden.read(result.name)
    pair = port.pair(result.name, golden)
    piece = pair.reading.tensor
    if piece is None or not np.isfinite(piece).any():
        return None, None
    whole, seen = golden.astype(np.float32), np.zeros(golden.shape, bool)
    where = tuple(slice(*bounds) for bounds in pair.region)
    whole[where], seen[where] = piece, True
    return whole, seen


def _before(part: str) -> tuple[str, ...]:
    """Parts of a step before one, the nearest first."""
    return {CONV: (), BN: (CONV,)}.get(part, (BN, CONV))


def _given(name: str, rerun: Rerun, port: PortTensors) -> Array | None:
    """What the port had there: its own tensor, or what the right steps make of its own tensors before it."""
    if port.usable(name):
        return port.tensor(name)
    try:
        begin = nearest_held(name, rerun.inputs, port.usable)
        if begin is not None:
            return rerun.run_both({one: port.tensor(one) for one in begin}, name)[0]
        return port.golden.read(name) if name in port.golden.entries else None
    except RefnetError:
        return None

"""Diagnose: which known mistake makes a port's numbers of what one step reads."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

from refnet.architecture.names import BN, CONV
from refnet.architecture.step import Step
from refnet.arrays import Array
from refnet.comparison.diagnosis.computation import computation_of
from refnet.comparison.diagnosis.diagnosis import Diagnosis
from refnet.comparison.diagnosis.mistakes import Situation
from refnet.comparison.diagnosis.on_demand import OnDemand
from refnet.comparison.diagnosis.search import search
from refnet.errors import InputError


def diagnose(
    step: Step,
    *,
    tensors: Mapping[str, Array],
    eps: float,
    inputs: Sequence[Array],
    actual: Array,
    part: str = "",
    since: str = "",
    dtype: str = "float32",
    noise: float = 0.0,
    seen: Array | None = None,
    other_tensors: Mapping[str, Array] | None = None,
    neighbours: Mapping[str, Array] | None = None,
    later: Mapping[str, Array] | None = None,
    layers: Sequence[str] = (),
) -> Diagnosis:
    """Name the known mistake that makes a port's numbers of what a step reads.

    Where nothing is wrong, it is the order of roundings that is looked for: a chain of all products, a batch norm
    folded into the kernel, …; it is named if it gives the numbers bit for bit.

    ``inputs`` are what the step reads, the port's own or else the golden's, and ``actual`` is what the port has, all in
    refnet's axes. ``part`` is ``conv``, ``bn`` or ``act`` where ``actual`` is not the whole step; with ``since``,
    ``conv`` or ``bn``, the input is that part of the step. ``noise`` is the root mean square, relative to the result,
    of what errors of the inputs may make of it: 0 for the port's own, about 1e-5 for a golden's. ``dtype`` is what the
    port's numbers were stored in; of a piece, ``seen`` masks what the port has. ``other_tensors`` is another set of
    weights of the model, such as raw ones. ``neighbours`` are earlier tensors of the port, one of which may have been
    read, ``later`` are those by which the result may have been overwritten, and ``layers`` other steps of as many
    channels, whose weights may have been taken.

    Examples
    --------
    >>> import numpy as np
    >>> from refnet.architecture.variants import variant
    >>> from refnet.architecture.plan import make_plan
    >>> x = np.linspace(-4, 4, 512, dtype=np.float32).reshape(1, 4, 4, 32)
    >>> squeeze = make_plan(variant("b0"), 8)["block1a.squeeze"]
    >>> diagnosis = diagnose(squeeze, tensors={}, eps=1e-3, inputs=[x], actual=x.max((1, 2)))
    >>> diagnosis.mistake, diagnosis.sentence
    ('max-for-mean', 'the largest of all pixels instead of their mean')
    """
    situation = situation_of(
        step,
        tensors,
        eps,
        inputs,
        part=part,
        since=since,
        other_tensors=other_tensors,
        neighbours=neighbours,
        later=later,
        layers=layers,
    )
    return search(situation, actual, dtype, noise, seen)


def situation_of(
    step: Step,
    tensors: Mapping[str, Array],
    eps: float,
    inputs: Sequence[Array],
    *,
    part: str = "",
    since: str = "",
    other_tensors: Mapping[str, Array] | None = None,
    neighbours: Mapping[str, Array] | None = None,
    later: Mapping[str, Array] | None = None,
    layers: Sequence[str] = (),
) -> Situation:
    """Gather what is known of a step and its inputs, as ``diagnose`` takes it."""
    _check_inputs(step, inputs, since)
    right = computation_of(step, tensors, eps, inputs, since=since, part=part)
    follows = computation_of(step, tensors, eps, inputs, part=BN) if part == CONV and step.normalized else None
    other = None
    if other_tensors is not None:
        other = computation_of(step, other_tensors, eps, inputs, since=since, part=part)
    others = OnDemand(
        layers, lambda name: computation_of(replace(step, name=name), tensors, eps, inputs, since=since, part=part)
    )
    return Situation(step, right, follows, other, neighbours or {}, later or {}, others, since)


def _check_inputs(step: Step, inputs: Sequence[Array], since: str) -> None:
    shapes = [step.shape] if since else [step.in_shape, step.in_shape][: len(step.inputs)]
    if step.op == "excite":
        shapes[1] = step.in_shape[-1:]
    found = [x.shape[1:] for x in inputs]
    if found != shapes or len({x.shape[:1] for x in inputs}) != 1:
        raise InputError(
            f"step {step.name}: its inputs have the shapes {[list(x.shape) for x in inputs]}; "
            f"want {[['N', *shape] for shape in shapes]}, with one N"
        )

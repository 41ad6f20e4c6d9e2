"""Diagnose: which known mistake makes a port's numbers of what one step reads."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

from refnet.architecture.names import BN, CONV
from refnet.architecture.plan import Step
from refnet.arrays import Array
from refnet.comparison.diagnosis.computation import computation_of
from refnet.comparison.diagnosis.mistakes import Situation
from refnet.comparison.diagnosis.on_demand import OnDemand
from refnet.comparison.diagnosis.result import Diagnosis
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
    other_tensors: Mapping[str, Array] | None = None,
    neighbours: Mapping[str, Array] | None = None,
    layers: Sequence[str] = (),
) -> Diagnosis:
    """Name the known mistake that makes a port's numbers of what a step reads.

    Where nothing is wrong, it is the order of roundings that is looked for: a chain of all products, a batch norm
    folded into the kernel, …; it is named if it gives the numbers bit for bit.

    Parameters
    ----------
    step
        Of the plan.
    tensors, eps
        Of the weights, by key.
    inputs
        What the step reads, [N, ...] in refnet's axes: the port's own, else the golden's. Or, with ``since``, one
        array, that part of the step.
    actual
        What the port has, in refnet's axes.
    part
        "" where that is the whole step, else ``conv``, ``bn`` or ``act``.
    since
        "" where ``inputs`` are the step's, else ``conv`` or ``bn``.
    dtype
        What the port's numbers were stored in: ``float32``, ``float64``, ``float16`` or ``bfloat16``.
    noise
        Root mean square of what errors of ``inputs`` may make of the result, relative to it: 0 for the port's own,
        about 1e-5 for a golden's.
    other_tensors
        Another set of weights of the same model, if there is one: raw ones, where these are moving averages.
    neighbours
        Other tensors of the port by name, to see whether the wrong one was read.
    layers
        Names of other steps of as many channels, to see whether their weights were taken.

    Raises
    ------
    InputError
        If the inputs do not have the shapes of the step.

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
    _check_inputs(step, inputs, since)
    right = computation_of(step, tensors, eps, inputs, since=since, part=part)
    follows = computation_of(step, tensors, eps, inputs, part=BN) if part == CONV and step.normalized else None
    other = None
    if other_tensors is not None:
        other = computation_of(step, other_tensors, eps, inputs, since=since, part=part)
    others = OnDemand(
        layers, lambda name: computation_of(replace(step, name=name), tensors, eps, inputs, since=since, part=part)
    )
    return search(Situation(step, right, follows, other, neighbours or {}, others), actual, dtype, noise)


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

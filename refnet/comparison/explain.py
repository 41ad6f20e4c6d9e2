"""Explain: what one step of a port computed, from its arrays alone."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from refnet.architecture.names import CONV
from refnet.architecture.plan import make_plan
from refnet.arrays import Array
from refnet.comparison.diagnosis import Diagnosis
from refnet.comparison.diagnosis.computation import computation_of, evaluate
from refnet.comparison.diagnosis.diagnose import diagnose
from refnet.comparison.integers.diagnose import diagnose as diagnose_integers
from refnet.comparison.integers.rerun import IntegerRerun
from refnet.comparison.judgement.verdict import NO_FLOOR, Judgement, error_of, judge, rms, terms_added
from refnet.comparison.tensor_result import Heat, heat_of
from refnet.comparison.where import Where, find_where
from refnet.errors import InputError
from refnet.float_mode import default_mode
from refnet.network import Network
from refnet.network.quantised import QuantisedNetwork


@dataclass(frozen=True)
class Explanation:
    """What one step of a port computed.

    Attributes
    ----------
    step
        Its name.
    judgement
        The verdict, and what it rests on.
    diagnosis
        What was computed instead, if it is wrong.
    where
        Which elements are wrong, if some are and the shape is right.
    heat
        A map of the error, likewise.
    """

    step: str
    judgement: Judgement
    diagnosis: Diagnosis | None = None
    where: Where | None = None
    heat: Heat | None = None

    @property
    def sentence(self) -> str:
        """All of it in plain words."""
        if self.diagnosis is None:
            how = "exact" if self.judgement.verdict == "exact" else "differently rounded"
            return f"{self.step}: {how}"
        place = f"\n{self.step}: {self.where.sentence}" if self.where else ""
        return f"{self.step}: wrong: {self.diagnosis.sentence}{place}"

    def __str__(self) -> str:
        return self.sentence

    def _repr_html_(self) -> str:
        """Show sentence and map in a notebook."""
        from refnet.comparison.report.pictures import data_uri
        from refnet.pages.text import safe

        maps = [] if self.heat is None else [("by pixel", self.heat.picture), ("by channel", self.heat.channels[None])]
        pictures = "".join(
            f'<figure><img alt="error {how}" style="image-rendering:pixelated;width:16em;min-height:1em" '
            f'src="{data_uri(values)}"><figcaption>error {how}</figcaption></figure>'
            for how, values in maps
            if values.size
        )
        return f"<p>{safe(self.sentence)}</p>{pictures}"


@default_mode()
def explain(
    x: Array | Sequence[Array],
    y: Array,
    step: str,
    network: Network,
    *,
    size: tuple[int, int] | None = None,
    dtype: str = "float32",
) -> Explanation:
    """Find out what a port computed in one step, from what it read and what it made.

    Parameters
    ----------
    x
        What the step reads, [N, H, W, C] or [N, C]: the port's own; several where it reads several.
    y
        What the port made of it, [N, H, W, C] or [N, C].
    step
        Its name, or that of a part of a convolution: ``conv``, ``bn``, ``act``.
    network
        That the port is of.
    size
        Height and width of the picture; by default the network's own.
    dtype
        Of the port's numbers, if they are rounded to a narrower format than float32: ``float16``, ``bfloat16``.

    Returns
    -------
    Explanation
        With a verdict, a sentence, and, in a notebook, a map of the error.

    Raises
    ------
    InputError
        If the network has no such step, or the inputs have other shapes than it reads.

    Examples
    --------
    >>> import numpy as np
    >>> import refnet
    >>> net = refnet.load("lite0")
    >>> x = net.features(net.preprocess("refnet/data/chelsea.png"), at="block2a.project")
    >>> y = net.features(net.preprocess("refnet/data/chelsea.png"), at="block2b.expand")
    >>> refnet.explain(x, y, "block2b.expand", net).sentence
    'block2b.expand: exact'
    >>> print(refnet.explain(x, np.minimum(y, 5), "block2b.expand", net))
    block2b.expand: wrong: the results are bounded (saturated, clamped) at 5, from above
    block2b.expand: wrong in ...
    """
    inputs = [x] if isinstance(x, np.ndarray) else list(x)
    if not all(isinstance(one, np.ndarray) for one in (*inputs, y)):
        raise InputError("x and y must be arrays of NumPy, or x a list of them")
    if isinstance(network, QuantisedNetwork):
        return _in_integers(inputs, y, step, network, size)
    weights = network.weights
    plan = network.plan if size is None else make_plan(weights.architecture, size, padding=weights.padding)
    found = {name: one for one in plan for name in (one.name, *one.parts)}
    if step not in found:
        raise InputError(f"{network.variant} has no step {step!r}; its plan lists {', '.join(list(found)[:3])}, …")
    one = found[step]
    part = step.removeprefix(one.name).removeprefix(".")
    given = {name: array.astype(np.float32) for name, array in zip(one.inputs, inputs, strict=False)}
    right = computation_of(one, weights.tensors, weights.bn_eps, inputs, part=part)
    ((_, single),) = network.resume(given, [step], size=size)
    truth = evaluate(right, np.float64)
    judgement = judge(y, single, truth, dtype, terms_added(one))
    if judgement.verdict != "wrong":
        return Explanation(step, judgement)
    others = [
        other.name
        for other in plan
        if other.weights and other.shape[-1] == one.shape[-1] and other.op == one.op and other.name != one.name
    ]
    diagnosis = diagnose(
        one,
        tensors=weights.tensors,
        eps=weights.bn_eps,
        inputs=inputs,
        actual=y,
        part=part,
        dtype=dtype,
        layers=others if part != CONV else (),
    )
    has_map = y.shape == truth.shape and y.ndim in (2, 4)
    if not has_map:
        return Explanation(step, judgement, diagnosis)
    where = find_where(y, single, "NHWC" if y.ndim == 4 else "NC", judgement)
    return Explanation(step, judgement, diagnosis, where, heat_of(y, single))


def _in_integers(
    inputs: Sequence[Array], y: Array, step: str, network: QuantisedNetwork, size: tuple[int, int] | None
) -> Explanation:
    """The same of a network in integers: equal to the step's codes, or wrong."""
    rerun = IntegerRerun(network.weights, size or (network.plan.height, network.plan.width))
    operation = rerun.operations.get(step)
    if operation is None:
        raise InputError(f"{network.variant} has no operation {step!r}; want one of {', '.join(rerun.operations)}")
    wanted = [(len(y), *rerun.network.shapes[name]) for name in operation.inputs]
    if [x.shape for x in inputs] != wanted or any(x.dtype != np.int8 for x in inputs):
        found = [f"{x.dtype.name} {list(x.shape)}" for x in inputs]
        raise InputError(f"{step} reads int8 of the shapes {[list(shape) for shape in wanted]}; it was given {found}")
    expected = rerun.run(dict(zip(operation.inputs, inputs, strict=True)), step)
    if np.array_equal(y, expected):
        return Explanation(step, Judgement("exact", NO_FLOOR, 0.0, rms(expected), 0.0, 0.0))
    if y.shape != expected.shape:
        raise InputError(f"{step} makes {list(expected.shape)}; y is {list(y.shape)}")
    judgement = Judgement("wrong", NO_FLOOR, error_of(y, expected).rms, rms(expected), np.inf, np.inf)
    diagnosis = diagnose_integers(operation, inputs, rerun.network.codes, rerun.engine, y, expected)
    where = find_where(y, expected, "NHWC" if y.ndim == 4 else "NC")
    return Explanation(step, judgement, diagnosis, where, heat_of(y, expected))

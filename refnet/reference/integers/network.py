"""An integer network: a plan whose steps are integer operations, one for each that an engine runs."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal, NamedTuple

from refnet.architecture import names
from refnet.architecture.padding import NO_PADS, Pads
from refnet.architecture.plan import Plan
from refnet.architecture.step import Shape
from refnet.arrays import Array
from refnet.reference.integers.quantisation import Quantisation

Kind = Literal[
    "convolution", "depthwise", "dense", "add", "multiply", "mean", "average_pool", "logistic", "swish", "softmax"
]
Limit = Literal["none", "relu", "relu6"]


class Kernel(NamedTuple):
    """What a sum of products is made with.

    Attributes
    ----------
    weights
        int8, [R, S, C, K], depthwise [R, S, C], dense [C, K].
    scales
        f32[K], of each channel.
    bias
        int32[K], of scale ``scales * the input's scale``.
    """

    weights: Array
    scales: Array
    bias: Array


@dataclass(frozen=True)
class Operation:
    """One integer operation, from codes with a name to codes with a name.

    Attributes
    ----------
    name
        Also that of the codes it makes: a step's, or of a part of one, ``stem.conv`` and ``stem.sigmoid`` before
        a swish.
    kind
        What engines call it, which decides how it rounds: a dense layer may be a convolution of one pixel.
    inputs
        Names of what it reads; ``input`` is the picture.
    kernel, stride, pads
        Of sums of products; where the picture ends, taps fall on its zero point.
    limit
        What the codes are clamped to, at last.
    """

    name: str
    kind: Kind
    inputs: tuple[str, ...]
    kernel: Kernel | None = field(default=None, repr=False)
    stride: int = 1
    pads: Pads = NO_PADS
    limit: Limit = "none"


@dataclass(frozen=True)
class IntegerNetwork:
    """A plan in integers.

    Attributes
    ----------
    plan
        Which network it is, for which size.
    operations
        In execution order.
    codes
        How the codes of each operation, and of the input, stand for real numbers.
    given
        How the codes of a picture stand for real numbers where it comes as uint8: of the input's scale. None: as the
        input's own codes. Real numbers may come in either case.
    """

    plan: Plan
    operations: tuple[Operation, ...]
    codes: Mapping[str, Quantisation]
    given: Quantisation | None = None

    @property
    def shapes(self) -> dict[str, Shape]:
        """Shape of every tensor of codes, without the batch; ``input`` is the first."""
        steps = {step.name: step.shape for step in self.plan}
        own = {each.name: steps.get(each.name) or steps[each.name.rpartition(".")[0]] for each in self.operations}
        return {names.INPUT: self.plan.steps[0].in_shape} | own

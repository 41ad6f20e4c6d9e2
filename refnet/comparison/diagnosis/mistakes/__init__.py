"""The known mistakes, kind by kind. A kind is a function that names those that are possible in a situation."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from refnet.comparison.diagnosis.mistakes.activation import activation
from refnet.comparison.diagnosis.mistakes.axis_order import axes
from refnet.comparison.diagnosis.mistakes.batch_norm import batch_norm, eps, folded
from refnet.comparison.diagnosis.mistakes.formulas import other_formula, squeeze_width, wrong_tensor
from refnet.comparison.diagnosis.mistakes.mistake import Mistake, Situation
from refnet.comparison.diagnosis.mistakes.padding import padding
from refnet.comparison.diagnosis.mistakes.precision import precision, quantised_kernel
from refnet.comparison.diagnosis.mistakes.weights import bias, channel_order, classes, kernel, other_layer, other_set

#: In this order: of two mistakes that cannot be told apart, the first is named.
KINDS: tuple[Callable[[Situation], Iterator[Mistake]], ...] = (
    padding,
    eps,
    other_set,
    channel_order,
    kernel,
    bias,
    classes,
    folded,
    batch_norm,
    other_formula,
    squeeze_width,
    wrong_tensor,
    other_layer,
    activation,
    axes,
    precision,
    quantised_kernel,
)


def mistakes(situation: Situation) -> Iterator[Mistake]:
    """All mistakes that are possible in a situation, one by one."""
    for kind in KINDS:
        yield from kind(situation)


__all__ = ["KINDS", "Mistake", "Situation", "mistakes"]

"""Plan: an architecture and a picture size become a flat list of named steps.

Sizes: N batch, H W height and width, C channels in, K channels out, R S kernel.
"""

from __future__ import annotations

import operator
from collections.abc import Iterator
from dataclasses import dataclass

from refnet.architecture import names
from refnet.architecture.network_steps import network_steps
from refnet.architecture.padding import MAX_SIDE, Padding, size_of
from refnet.architecture.step import Shape, Step, Weight
from refnet.architecture.variants import Architecture
from refnet.errors import InputError


@dataclass(frozen=True)
class Plan:
    """All steps of one architecture for one input size; iterate over it to see them in execution order."""

    architecture: Architecture
    height: int
    width: int
    padding: Padding
    steps: tuple[Step, ...]

    def __iter__(self) -> Iterator[Step]:
        return iter(self.steps)

    def __len__(self) -> int:
        return len(self.steps)

    def __getitem__(self, name: str) -> Step:
        for step in self.steps:
            if step.name == name:
                return step
        raise InputError(f"no step {name!r} in {self.architecture.name}; see `refnet plan {self.architecture.name}`")

    @property
    def outputs(self) -> tuple[str, ...]:
        """What the network is run for: ``logits`` and what the top makes of them, or its end without a classifier.

        Examples
        --------
        >>> from refnet.architecture.variants import variant
        >>> make_plan(variant("b0")).output, make_plan(variant("b0", classes=0)).output
        ('logits', 'pool')
        """
        if not self.architecture.classes:
            return (self.answer,)
        return tuple(dict.fromkeys((names.LOGITS, self.answer)))

    @property
    def output(self) -> str:
        """The first of them: the step that a plain run ends with."""
        return self.outputs[0]

    @property
    def answer(self) -> str:
        """The last step: ``probabilities``, ``answer`` where they are none, ``logits`` where nothing follows these.

        Examples
        --------
        >>> from refnet.architecture.variants import variant
        >>> make_plan(variant("b0")).answer
        'probabilities'
        """
        return self.steps[-1].name

    @property
    def shapes(self) -> dict[str, Shape]:
        """Shape of every tensor that can be asked for, steps and their parts, without the batch."""
        # Kept by hand: before Python 3.12 cached_property holds a lock, for which a child forked meanwhile would wait.
        kept: dict[str, Shape] | None = self.__dict__.get("_shapes")
        if kept is None:
            kept = {name: step.shape for step in self.steps for name in (*step.parts, step.name)}
            self.__dict__["_shapes"] = kept
        return kept

    @property
    def params(self) -> int:
        """Number of trainable parameters."""
        return sum(step.params for step in self.steps)

    @property
    def macs(self) -> int:
        """Multiply-adds of one picture."""
        return sum(step.macs for step in self.steps)

    @property
    def weights(self) -> tuple[Weight, ...]:
        """Every tensor the network needs, in execution order."""
        return tuple(weight for step in self.steps for weight in step.weights)


def make_plan(
    architecture: Architecture, size: int | tuple[int, int] | None = None, *, padding: Padding = "same"
) -> Plan:
    """Lay out an architecture for an input size.

    Parameters
    ----------
    architecture
        From ``refnet.architecture.variants.variant`` or ``refnet.architecture.variants.efficientnet``.
    size
        Side of a square picture or (height, width), in pixels; by default the variant's own.
    padding
        Rule of the weights: ``same`` (TensorFlow and what was converted from it), ``symmetric`` (trained in PyTorch),
        or ``same@224``: the zeros of ``same`` for a picture of 224 pixels, whatever the size (Keras without a size).

    Raises
    ------
    InputError
        If the size or the padding rule is not possible.

    Examples
    --------
    >>> from refnet.architecture.variants import variant
    >>> plan = make_plan(variant("b0"))
    >>> plan.params, plan.macs
    (5288548, 385814752)
    >>> plan["block3a.depthwise"].pads, plan["block3a.depthwise"].shape
    (Pads(top=1, bottom=2, left=1, right=2), (28, 28, 144))
    """
    size_of(padding)
    height, width = sides(architecture.resolution if size is None else size)
    return Plan(architecture, height, width, padding, network_steps(architecture, padding, height, width))


def sides(size: int | tuple[int, int]) -> tuple[int, int]:
    """Check the size of an input, the side of a square or (height, width); return height and width.

    Examples
    --------
    >>> sides(224), sides((33, 47))
    ((224, 224), (33, 47))
    """
    pair = size if isinstance(size, tuple | list) else (size, size)
    try:
        height, width = (operator.index(side) for side in pair)
    except (TypeError, ValueError):
        raise InputError(f"input size {size!r}: want a whole number of pixels, or (height, width)") from None
    if isinstance(size, bool) or not all(1 <= side <= MAX_SIDE for side in (height, width)):
        raise InputError(f"input size {height}x{width}: each side must be 1 to {MAX_SIDE} pixels, a whole number")
    return height, width

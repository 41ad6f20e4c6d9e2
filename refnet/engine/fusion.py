"""Fusion: the steps of a plan become operations, each one sweep over memory.

A convolution, its batch norm, its activation and the residual that follows are one operation, and so are an expansion
(or the stem) and the depthwise convolution after it. Where somebody wants to see a tensor in between, they are split.
Splitting moves no bit.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace
from typing import TypeGuard

from refnet.architecture import names
from refnet.architecture.activations import Activation
from refnet.architecture.padding import NO_PADS, Pads
from refnet.architecture.step import CONVOLUTIONS, Shape, Step
from refnet.engine.packed import Offsets, WeightsLayout
from refnet.kernels import rows


@dataclass(frozen=True)
class Operation:
    """One sweep: what it computes (a code of ``rows``), from which tensors, and the name of the one it makes.

    A depthwise convolution may bring what makes its input, its ``expansion``, with it, whose output then exists piece
    by piece only, and leave the sums of its output rows under the name ``row_sums``.
    """

    op: int
    name: str
    inputs: tuple[str, ...]
    in_shape: Shape
    shape: Shape
    offsets: Offsets
    activation: Activation = "none"
    kernel: int = 1
    stride: int = 1
    pads: Pads = NO_PADS
    expansion: Operation | None = None
    row_sums: str | None = None


@dataclass(frozen=True)
class FusedSteps:
    """Operations, in order; ``aliases`` names tensors that are the same as another (``head.act`` is ``head``)."""

    operations: tuple[Operation, ...]
    aliases: dict[str, str]


_CODES = {
    "depthwise": rows.DEPTHWISE,
    "mean": rows.MEAN,
    "excite": rows.EXCITE,
    "add": rows.ADD,
    "dense": rows.DENSE,
    "softmax": rows.SOFTMAX,
    "max": rows.MAX,
    "gem": rows.GEM,
    "concatenate": rows.CONCATENATE,
    "batch_norm": rows.AFFINE,
    "identity": rows.AFFINE,
    "divide": rows.DIVIDE,
    "log_softmax": rows.LOG_SOFTMAX,
}


def fuse(steps: Sequence[Step], weights: WeightsLayout, visible: Collection[str]) -> FusedSteps:
    """Turn steps into operations that make every tensor in ``visible``."""
    operations: list[Operation] = []
    aliases: dict[str, str] = {}
    readers = Counter(name for step in steps for name in step.inputs)

    def can_absorb(last: Operation | None, *codes: int) -> TypeGuard[Operation]:
        """Whether ``last`` is one of these, of one input, and nobody but the next step looks at what it makes."""
        if last is None or last.op not in codes or len(last.inputs) > 1:
            return False
        return readers[last.name] == 1 and last.name not in visible

    for step in steps:
        operation = _whole(step, weights)
        last = operations[-1] if operations and operations[-1].name == step.inputs[0] else None
        if step.op not in CONVOLUTIONS:
            if step.op == "add" and can_absorb(last, rows.POINTWISE):
                operations[-1] = replace(last, name=step.name, inputs=(*last.inputs, step.inputs[1]))
            elif step.op == "mean" and last is not None and last.op == rows.DEPTHWISE:
                sums = f"{last.name}/row_sums"
                operations[-1] = replace(last, row_sums=sums)
                operations.append(replace(operation, inputs=(sums,)))
            elif step.op == "dense" and step.activation not in rows.IN_DENSE:
                operations += _in_two(operation, weights)
            else:
                operations.append(operation)
            continue
        conv, bn, act = (names.part_name(step.name, part) for part in (names.CONV, names.BN, names.ACT))
        if step.normalized:
            aliases[bn if step.activation == "none" else act] = step.name
        if not set(step.parts) & set(visible):
            if step.op == "depthwise" and can_absorb(last, rows.POINTWISE, rows.CONVOLUTION):
                operation = replace(operation, inputs=last.inputs, expansion=operations.pop())
            operations += [operation] if step.activation in rows.IN_TILES else _in_two(operation, weights)
            continue
        operations.append(replace(operation, name=conv, offsets=_identity(operation, weights), activation="none"))
        affine = replace(operation, op=rows.AFFINE, in_shape=step.shape)
        if step.activation != "none":
            operations.append(replace(affine, name=bn, inputs=(conv,), activation="none"))
            operations.append(replace(affine, inputs=(bn,), offsets=weights.identity))
        else:
            operations.append(replace(affine, inputs=(conv,)))
    return FusedSteps(tuple(operations), aliases)


def _whole(step: Step, weights: WeightsLayout) -> Operation:
    if step.op == "convolution":
        code = rows.POINTWISE if step.kernel == 1 and step.stride == 1 else rows.CONVOLUTION
    else:
        code = _CODES[step.op]
    offsets = weights.offsets.get(step.name, weights.identity)
    return Operation(
        code, step.name, step.inputs, step.in_shape, step.shape, offsets, step.activation,
        step.kernel, step.stride, step.pads,
    )  # fmt: skip


def _in_two(operation: Operation, weights: WeightsLayout) -> tuple[Operation, Operation]:
    """An operation without its activation, and the activation by itself."""
    sums = replace(operation, name=f"{operation.name}/sums", activation="none")
    alone = replace(operation, op=rows.AFFINE, inputs=(sums.name,), in_shape=operation.shape, offsets=weights.identity)
    return sums, alone


def _identity(operation: Operation, weights: WeightsLayout) -> Offsets:
    """The operation's own kernel, followed by a scale and a shift that change nothing."""
    return replace(weights.identity, kernel=operation.offsets.kernel)

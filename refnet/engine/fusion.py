"""Fusion: the steps of a plan become operations, each one sweep over memory.

A convolution, its batch norm, its activation and the residual that follows are one operation, unless somebody wants to
see a tensor in between; then it is split there. Splitting moves no bit.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace

from refnet import names
from refnet.architecture import Activation
from refnet.engine.packed import Offsets, PackedWeights
from refnet.kernels import rows
from refnet.padding import NO_PADS, Pads
from refnet.plan import Shape, Step


@dataclass(frozen=True)
class Operation:
    """One sweep: what it computes (a code of ``rows``), from which tensors, and the name of the one it makes."""

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


@dataclass(frozen=True)
class Operations:
    """Operations in order; ``aliases`` names tensors that are the same as another (``head.act`` is ``head``)."""

    operations: tuple[Operation, ...]
    aliases: dict[str, str]


_CODES = {
    "depthwise": rows.DEPTHWISE,
    "mean": rows.MEAN,
    "excite": rows.EXCITE,
    "add": rows.ADD,
    "dense": rows.POINTWISE,
    "softmax": rows.SOFTMAX,
}


def fuse(steps: Sequence[Step], packed: PackedWeights, visible: Collection[str]) -> Operations:
    """Turn steps into operations that make every tensor in ``visible``."""
    operations: list[Operation] = []
    aliases: dict[str, str] = {}
    for step in steps:
        operation = _whole(step, packed)
        if not step.normalized:
            absorbed = step.op == "add" and _absorb(operations, step, visible)
            if not absorbed:
                operations.append(operation)
            continue
        conv, bn, act = (names.part_name(step.name, part) for part in (names.CONV, names.BN, names.ACT))
        aliases[bn if step.activation == "none" else act] = step.name
        if not {conv, bn, act} & set(visible):
            operations.append(operation)
            continue
        operations.append(replace(operation, name=conv, offsets=_identity(operation, packed), activation="none"))
        last = replace(operation, op=rows.AFFINE, in_shape=step.shape)
        if step.activation != "none":
            operations.append(replace(last, name=bn, inputs=(conv,), activation="none"))
            operations.append(replace(last, inputs=(bn,), offsets=packed.identity))
        else:
            operations.append(replace(last, inputs=(conv,)))
    return Operations(tuple(operations), aliases)


def _whole(step: Step, packed: PackedWeights) -> Operation:
    if step.op == "convolution":
        code = rows.POINTWISE if step.kernel == 1 and step.stride == 1 else rows.CONVOLUTION
    else:
        code = _CODES[step.op]
    offsets = packed.offsets.get(step.name, packed.identity)
    return Operation(
        code, step.name, step.inputs, step.in_shape, step.shape, offsets, step.activation,
        step.kernel, step.stride, step.pads,
    )  # fmt: skip


def _identity(operation: Operation, packed: PackedWeights) -> Offsets:
    """The operation's own kernel, followed by a scale and a shift that change nothing."""
    return replace(packed.identity, kernel=operation.offsets.kernel)


def _absorb(operations: list[Operation], add: Step, visible: Collection[str]) -> bool:
    """Let the projection before a residual add it as well, unless its own tensor is wanted."""
    last = operations[-1] if operations else None
    if last is None or last.op != rows.POINTWISE or last.name != add.inputs[0] or last.name in visible:
        return False
    operations[-1] = replace(last, name=add.name, inputs=(*last.inputs, add.inputs[1]))
    return True

"""Sweeps: operations of an integer network that are done together, each sweep one pass over memory.

An addition, or a table, that follows a convolution is done with its codes while they are at hand, and so are an
expansion (or the stem) and the depthwise convolution after it. A swish in two parts, a logistic table and the product
with what went in, is one table. Where somebody wants to see a tensor in between, they are apart. No code changes.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace

from refnet.architecture.step import Shape
from refnet.errors import InputError
from refnet.kernels.integers import rows
from refnet.reference.integers.network import IntegerNetwork, Operation

# Pixels in a row: of a line buffer each row is finished by itself, which takes longer for so few than it saves.
_NARROW = 7


@dataclass(frozen=True)
class Sweep:
    """One pass: what it computes (a code of ``rows``), from which tensors, and the name of the one it makes.

    ``numbers`` names the operation whose numbers it computes with. ``then`` is what follows in the same pass: a table,
    or an addition of its second input. ``expansion`` makes its input, piece by piece.
    """

    op: int
    name: str
    numbers: str
    inputs: tuple[str, ...]
    then: Sweep | None = None
    expansion: Sweep | None = None


def shapes_of(network: IntegerNetwork) -> dict[str, Shape]:
    """Shapes of all tensors of one picture, without the axis N."""
    first = network.plan.steps[0]
    shapes: dict[str, Shape] = {first.inputs[0]: first.in_shape}
    for operation in network.operations:
        shape = shapes[operation.inputs[0]]
        kernel = operation.kernel
        if kernel is not None and kernel.weights.ndim == 2:
            shape = (kernel.weights.shape[1],)
        elif kernel is not None:
            R, S = kernel.weights.shape[:2]
            top, bottom, left, right = operation.pads
            H, W = shape[0] + top + bottom - R, shape[1] + left + right - S
            shape = (H // operation.stride + 1, W // operation.stride + 1, kernel.weights.shape[-1])
        elif operation.kind in ("mean", "average_pool"):
            shape = shape[-1:]
        shapes[operation.name] = shape
    return shapes


def is_swish(operation: Operation, gates: Mapping[str, Operation]) -> bool:
    """Whether a product is of a tensor and its own logistic: then each code has one result."""
    if operation.kind != "multiply":
        return False
    x, gate = operation.inputs
    return gate in gates and gates[gate].inputs == (x,)


def gates_of(network: IntegerNetwork) -> dict[str, Operation]:
    """The logistic tables by name."""
    return {each.name: each for each in network.operations if each.kind == "logistic"}


def needed(operations: Sequence[Operation], given: Collection[str], wanted: Collection[str]) -> list[Operation]:
    """Choose the operations that make ``wanted`` of ``given``, in execution order."""
    for name in wanted:
        if name in given:
            raise InputError(f"nothing makes {name}: it is given; want what comes after it")
    missing = set(wanted)
    chosen = []
    for operation in reversed(operations):
        if operation.name in missing:
            chosen.append(operation)
            missing.discard(operation.name)
            missing |= set(operation.inputs) - set(given)
    if missing:
        raise InputError(f"{', '.join(sorted(missing))} must be given to make {', '.join(sorted(wanted))}")
    return chosen[::-1]


def sweeps_of(network: IntegerNetwork, given: Collection[str], visible: Collection[str]) -> list[Sweep]:
    """The sweeps that make every tensor in ``visible`` of those ``given``."""
    gates = {name: gate for name, gate in gates_of(network).items() if name not in given}
    single = [replace(each, inputs=each.inputs[:1]) if is_swish(each, gates) else each for each in network.operations]
    chosen = needed(single, given, visible)
    shapes = shapes_of(network)
    readers = Counter(name for operation in chosen for name in operation.inputs)
    sweeps: list[Sweep] = []

    def absorbs(last: Sweep, *codes: int) -> bool:
        return last.op in codes and readers[last.name] == 1 and last.name not in visible

    for operation in chosen:
        sweep = Sweep(_code(operation), operation.name, operation.name, operation.inputs)
        last = sweeps[-1] if sweeps and sweeps[-1].name in operation.inputs else None
        if last is not None and sweep.op == rows.ADD and last.then is None and absorbs(last, rows.POINTWISE):
            (other,) = (name for name in operation.inputs if name != last.name)
            sweeps[-1] = replace(last, name=sweep.name, inputs=(*last.inputs, other), then=sweep)
        elif last is not None and sweep.op == rows.TABLE and last.then is None and absorbs(last, *_SUMS):
            sweeps[-1] = replace(last, name=sweep.name, then=sweep)
        elif last is not None and _expands(last, sweep, shapes[last.name]) and absorbs(last, *_SUMS[:2]):
            sweeps[-1] = replace(sweep, inputs=last.inputs, expansion=last)
        else:
            sweeps.append(sweep)
    return sweeps


_SUMS = (rows.POINTWISE, rows.CONVOLUTION, rows.DEPTHWISE)
_CODES = {
    "depthwise": rows.DEPTHWISE,
    "add": rows.ADD,
    "mean": rows.MEAN,
    "average_pool": rows.MEAN,
    "logistic": rows.TABLE,
    "swish": rows.TABLE,
    "softmax": rows.SOFTMAX,
}


def _code(operation: Operation) -> int:
    if operation.kernel is not None and operation.kind != "depthwise":
        weights = operation.kernel.weights
        one = weights.ndim == 2 or (weights.shape[:2] == (1, 1) and operation.stride == 1)
        return rows.POINTWISE if one else rows.CONVOLUTION
    if operation.kind == "multiply":
        return rows.TABLE if len(operation.inputs) == 1 else rows.MULTIPLY
    return _CODES[operation.kind]


def _expands(last: Sweep, sweep: Sweep, shape: Shape) -> bool:
    """Whether what ``last`` makes, of this shape, is better made piece by piece for the sweep after it."""
    if sweep.op != rows.DEPTHWISE or shape[1] <= _NARROW:
        return False
    return last.then is None or last.then.op == rows.TABLE

"""Another network: the port's tensors have the names and sizes of another variant's, not of the golden's."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from contextlib import suppress

from refnet.architecture.plan import Plan, make_plan
from refnet.architecture.scaling import TABLE
from refnet.architecture.variants import variant
from refnet.comparison.findings import OTHER_NETWORK, Finding
from refnet.comparison.port.port_tensors import PortTensors
from refnet.comparison.tensor_result import RIGHT, TensorResult
from refnet.errors import RefnetError
from refnet.golden.read import TensorReader

ASKED = 24  # tensors of the port whose sizes are looked at
NEARLY_ALL = 0.95  # of the port's tensors must fit the other network
FEWER = 0.9  # of as many may fit the golden's


def find_other_network(results: Sequence[TensorResult], port: PortTensors, own: Plan, batch: int) -> list[Finding]:
    """Say which network a port's tensors are of, if nearly all of them fit it, and far fewer fit the golden's.

    Nothing is read unless most tensors are wrong.
    """
    right = sum(result.outcome in RIGHT for result in results)
    if 2 * right > len(results):
        return []
    found = another_network(port.recording, own, batch)
    return [found] if found else []


def another_network(port: TensorReader, own: Plan, batch: int) -> Finding | None:
    """Say which network the names and sizes of a recording's tensors are of, if it is clearly another one."""
    if len(port.names) < 3:
        return None
    sizes: dict[str, int | None] = dict.fromkeys(port.names) | dict(_sizes(port))
    ours = _fitting(sizes, own, batch)
    fits = [(_fitting(sizes, plan, batch), plan) for plan in _plans(own)]
    theirs = max(fit for fit, _ in fits)
    if theirs < NEARLY_ALL * len(sizes) or ours > FEWER * theirs:
        return None
    best = " or ".join(f"{plan.architecture.name} at {plan.height}x{plan.width}" for fit, plan in fits if fit == theirs)
    text = (
        f"the port computes {best}: of its {len(sizes)} tensors {theirs} have that network's names and sizes, "
        f"{ours} those of the golden's, {own.architecture.name}"
    )
    return Finding(OTHER_NETWORK, None, text, "wrong")


def _sizes(port: TensorReader) -> Iterator[tuple[str, int]]:
    """Numbers of elements of some tensors, from all over the network."""
    count = len(port.names)
    for place in sorted({index * count // ASKED for index in range(ASKED)}):
        with suppress(RefnetError, OSError):  # said where it is compared
            yield port.names[place], port.read(port.names[place]).array.size


def _plans(own: Plan) -> Iterator[Plan]:
    """Of all variants, the golden's own first, at the golden's size and at their own."""
    for name in sorted(TABLE, key=lambda name: name != own.architecture.name):
        architecture = variant(name)
        sizes = {(own.height, own.width), (architecture.resolution, architecture.resolution)}
        for size in sorted(sizes):
            if (name, size) != (own.architecture.name, (own.height, own.width)):
                yield make_plan(architecture, size)


def _fitting(sizes: dict[str, int | None], plan: Plan, batch: int) -> int:
    """How many tensors have a name of the plan, and its size where that is known."""
    shapes = plan.shapes
    return sum(
        name in shapes and (size is None or size == batch * math.prod(shapes[name])) for name, size in sizes.items()
    )

"""Where each tensor lies in the program's one piece of memory, free again after its last reader."""

from __future__ import annotations

from math import prod
from typing import Final, NamedTuple

from refnet.architecture import names
from refnet.engine.arena import Arena
from refnet.reference.integers.network import IntegerNetwork, Operation

#: Kinds that read nothing of an element's neighbours: each may write where it has just read, if nobody else reads it.
ELEMENTWISE: Final = ("add", "multiply", "logistic", "swish")


class Memory(NamedTuple):
    """The arena.

    Attributes
    ----------
    places
        Where each tensor begins, in bytes.
    size
        Of all, in bytes.
    fullest
        The operation during which the most bytes are in use.
    """

    places: dict[str, int]
    size: int
    fullest: str


def arena(network: IntegerNetwork) -> Memory:
    """Give each tensor a place from when it is made until it was last read; the answer keeps its own."""
    operations = network.operations
    sizes = {name: prod(shape) for name, shape in network.shapes.items()}
    last = {name: time for time, each in enumerate(operations) for name in each.inputs}
    last[operations[-1].name] = len(operations)
    memory = Arena()
    places = {names.INPUT: memory.place(sizes[names.INPUT], until=last[names.INPUT])}
    most, fullest = 0, operations[0].name
    for time, operation in enumerate(operations):
        until = last.get(operation.name, time)
        memory.release(before=time)
        written_over = _written_over(operation, sizes, last, time)
        if written_over is None:
            places[operation.name] = memory.place(sizes[operation.name], until=until)
        else:
            places[operation.name] = places[written_over]
            memory.extend(places[written_over], until=until)
        if memory.in_use > most:
            most, fullest = memory.in_use, operation.name
    return Memory(places, memory.size, fullest)


def _written_over(operation: Operation, sizes: dict[str, int], last: dict[str, int], time: int) -> str | None:
    """What it reads for the last time, of its own size, and element by element."""
    if operation.kind in ELEMENTWISE:
        for name in operation.inputs:
            if last[name] == time and sizes[name] == sizes[operation.name]:
                return name
    return None

"""Where each tensor lies in the program's one piece of memory, free again after its last reader."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from math import prod
from typing import Final, NamedTuple

from refnet.architecture import names
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


@dataclass
class _Buffer:
    """Memory of one tensor, and of those that are written over it; times count operations."""

    size: int
    made: int
    last: int
    tensors: list[str]
    place: int = field(default=0)

    def meets(self, other: _Buffer) -> bool:
        """Whether both are needed at one time."""
        return self.made <= other.last and other.made <= self.last


#: Large ones first, so that small ones fill what is left; or as they come. None is the best for every network.
Order = Callable[[_Buffer], tuple[int, int]]
ORDERS: Final[tuple[Order, ...]] = (
    lambda each: (-each.size, each.made),
    lambda each: (-each.size, -each.made),
    lambda each: (each.made, 0),
    lambda each: (-each.made, 0),
)


def arena(network: IntegerNetwork) -> Memory:
    """Give each tensor a place from when it is made until it was last read; the answer keeps its own."""
    buffers = _buffers(network)
    _place(buffers, min(ORDERS, key=lambda order: _place(buffers, order)))
    in_use = [
        sum(each.size for each in buffers if each.made <= time <= each.last) for time in range(len(network.operations))
    ]
    return Memory(
        {name: each.place for each in buffers for name in each.tensors},
        max(each.place + each.size for each in buffers),
        network.operations[in_use.index(max(in_use))].name,
    )


def _place(buffers: list[_Buffer], order: Order) -> int:
    """Put one after the other where there is room first; return the size of all."""
    placed: list[_Buffer] = []
    for buffer in sorted(buffers, key=order):
        buffer.place = _lowest(buffer.size, (each for each in placed if each.meets(buffer)))
        placed.append(buffer)
    return max(each.place + each.size for each in placed)


def _buffers(network: IntegerNetwork) -> list[_Buffer]:
    sizes = {name: prod(shape) for name, shape in network.shapes.items()}
    last = {name: time for time, each in enumerate(network.operations) for name in each.inputs}
    first = _Buffer(sizes[names.INPUT], 0, last[names.INPUT], [names.INPUT])
    buffers, of = [first], {names.INPUT: first}
    for time, operation in enumerate(network.operations):
        name = operation.name
        until = last.get(name, len(network.operations))
        over = _written_over(operation, sizes, last, time)
        if over is None:
            buffers.append(_Buffer(sizes[name], time, until, [name]))
            of[name] = buffers[-1]
        else:
            of[name] = of[over]
            of[name].tensors.append(name)
            of[name].last = until
    return buffers


def _written_over(operation: Operation, sizes: dict[str, int], last: dict[str, int], time: int) -> str | None:
    """What it reads for the last time, of its own size, and element by element."""
    if operation.kind in ELEMENTWISE:
        for name in operation.inputs:
            if last[name] == time and sizes[name] == sizes[operation.name]:
                return name
    return None


def _lowest(size: int, taken: Iterable[_Buffer]) -> int:
    """The first place with so much room between others."""
    place = 0
    for each in sorted(taken, key=lambda each: each.place):
        if place + size <= each.place:
            break
        place = max(place, each.place + each.size)
    return place

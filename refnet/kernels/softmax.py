"""Softmax: short, sequential, the same chain as its definition."""

from __future__ import annotations

from typing import Any

from refnet.kernels.emit import compiled
from refnet.reference import scalar


@compiled
def softmax(arena: Any, x: int, y: int, classes: int) -> None:
    """e = exp(x - max); the sum of e from +0 in order; e / sum."""
    largest = arena[x]
    for k in range(1, classes):
        largest = max(largest, arena[x + k])
    total = arena.dtype.type(0)
    for k in range(classes):
        e = scalar.exp(arena[x + k] - largest)
        arena[y + k] = e
        total += e
    for k in range(classes):
        arena[y + k] /= total


@compiled
def log_softmax(arena: Any, x: int, y: int, classes: int) -> None:
    """(x - max) - log(the sum of exp(x - max) from +0 in order)."""
    largest = arena[x]
    for k in range(1, classes):
        largest = max(largest, arena[x + k])
    total = arena.dtype.type(0)
    for k in range(classes):
        total += scalar.exp(arena[x + k] - largest)
    logarithm = scalar.log(total)
    for k in range(classes):
        arena[y + k] = (arena[x + k] - largest) - logarithm

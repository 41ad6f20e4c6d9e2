"""What only few tops have: max and generalised mean, division, concatenation. Short and plain, as their definitions."""

from __future__ import annotations

import math
from typing import Any

from refnet.kernels.emit import compiled
from refnet.kernels.machine import LANES
from refnet.reference import scalar
from refnet.reference.numerics import GEM_FLOOR


@compiled
def largest(arena: Any, x: int, pixels: int, y: int) -> None:
    """Largest pixel of each channel of a block; NaN if one is NaN."""
    for lane in range(LANES):
        found = arena[x + lane]
        for i in range(1, pixels):
            value = arena[x + i * LANES + lane]
            if value > found or math.isnan(value):
                found = value
        arena[y + lane] = found


@compiled
def generalised_mean(arena: Any, weights: Any, p: int, x: int, height: int, width: int, y: int) -> None:
    """exp(log(mean of exp(p log x)) / p) of each channel of a block."""
    power, floor = weights[p], arena.dtype.type(GEM_FLOOR)
    for lane in range(LANES):
        total = arena.dtype.type(0)
        for h in range(height):
            row = arena.dtype.type(0)
            for w in range(width):
                value = arena[x + (h * width + w) * LANES + lane]
                value = floor if value < floor else value
                row += scalar.exp(power * scalar.log(value))
            total += row
        arena[y + lane] = scalar.exp(scalar.log(total / arena.dtype.type(height * width)) / power)


@compiled
def divide(arena: Any, weights: Any, divisor: int, x: int, y: int) -> None:
    """Divide a block of channels of a vector."""
    for lane in range(LANES):
        arena[y + lane] = arena[x + lane] / weights[divisor]


@compiled
def concatenate(arena: Any, x: int, other: int, y: int, channels: int) -> None:
    """Put a vector of so many channels behind another one."""
    for c in range(channels):
        arena[y + c] = arena[x + c]
        arena[y + channels + c] = arena[other + c]

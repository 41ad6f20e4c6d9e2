"""What the program cannot compute is refused before it is written: floating point, and integers beyond 32 bits."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

import numpy as np

from refnet.arrays import Array
from refnet.errors import InputError
from refnet.reference.integers.bounds import FARTHEST, largest
from refnet.reference.integers.constants import FACTOR, SHIFT, WEIGHTS
from refnet.reference.integers.engine import Engine
from refnet.reference.integers.fixed_point import INT32_MAX
from refnet.reference.integers.network import Operation
from refnet.reference.integers.quantisation import Quantisation

LARGEST: Final = INT32_MAX - FARTHEST  # of what is rescaled, and so of a result: its zero point is added in 32 bits
MOST_BITS: Final = 62  # that an int64 is shifted to the right by
MOST_CLASSES: Final = 4095  # each adds up to 2**19 to a sum of 32 bits


def check(
    operation: Operation, of: Quantisation, engine: Engine, stored: Mapping[str, Array], length: int, pixels: int
) -> None:
    """Refuse an operation of so many channels and pixels of input, given the numbers that are ``stored`` of it."""
    name = operation.name
    if FACTOR in stored or WEIGHTS in stored or (operation.kind == "softmax" and engine.softmax != "fixed-point"):
        way = engine.way(operation.kind) or engine.mean  # an average pool goes the way of a mean
        raise InputError(
            f"{name}: the engine {engine.name} rounds a {operation.kind} by {way}, and the C99 "
            "program of an integer network is in fixed point; make the network with `refnet quantise --engine tflm`, "
            "or `refnet convert --engine tflm` of a .tflite file"
        )
    if operation.kind == "softmax":
        if length > MOST_CLASSES:
            raise InputError(f"{name}: 32 bits hold a softmax's sum of {MOST_CLASSES} classes; here are {length}")
        if stored[SHIFT][0] < 0:
            raise InputError(f"{name}: a scale of {of.scale} is too small for a softmax in fixed point")
    elif SHIFT in stored:
        bound = np.broadcast_to(largest(operation, of, pixels), stored[SHIFT].shape)
        _check_shifts(name, bound, stored[SHIFT])


def _check_shifts(name: str, bound: Array, shifts: Array) -> None:
    left = np.maximum(shifts, 0)
    large = bound.astype(object) * 2 ** left.astype(object)  # Python's integers
    channel = int(large.argmax())
    if large[channel] > LARGEST:
        raise InputError(
            f"{name}: channel {channel} can reach {bound[channel]} and is shifted to the left by {left[channel]}: "
            "32 bits do not hold that; its scales are too far apart"
        )
    if shifts.min() < -MOST_BITS:
        raise InputError(f"{name}: a shift of {-shifts.min()} bits to the right; an int64 has {MOST_BITS}")

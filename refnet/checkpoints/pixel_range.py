"""Which inputs a graph normalises by itself: pixels of 0 to 255, or numbers of 0 to 1; only the effect tells."""

from __future__ import annotations

import numpy as np

from refnet.errors import CheckpointError
from refnet.preprocessing.normalise import MOST_OPERATIONS, Normalisation

# What networks are given: a range and a middle that are neither nothing nor that of raw pixels.
_SPREADS, _FURTHEST = (0.5, 16.0), 16.0
_UNIT = ("divide", (255.0, 255.0, 255.0))


def from_pixels(operations: Normalisation) -> tuple[Normalisation, tuple[str, ...]]:
    """Operations on pixels of 0 to 255: a graph may want these, or numbers of 0 to 1, which only their effect tells."""
    of_255, of_1 = (is_usual(operations, largest) for largest in (255.0, 1.0))
    if of_255 == of_1 or (of_1 and len(operations) == MOST_OPERATIONS):
        raise CheckpointError(
            "the graph changes its input by itself, and no telling whether that is pixels of 0 to 255 or numbers of "
            "0 to 1; export the network without what comes before its first convolution"
        )
    if of_255:
        return operations, ("the graph normalises pixels of 0 to 255 by itself",)
    return (_UNIT, *operations), ("the graph normalises by itself, and wants pixels divided by 255",)


def is_usual(operations: Normalisation, largest: float) -> bool:
    """Whether inputs of 0 to the largest become numbers as networks want them."""
    ends = np.array([[0.0] * 3, [largest] * 3])
    for name, numbers in operations:
        ends = {"subtract": np.subtract, "divide": np.divide, "multiply": np.multiply}[name](ends, numbers)
    spread, middle = np.abs(ends[1] - ends[0]), np.abs(ends.mean(axis=0))
    return bool((spread >= _SPREADS[0]).all() and (spread <= _SPREADS[1]).all() and (middle <= _FURTHEST).all())


def wants_unit(operations: Normalisation) -> bool:
    """Whether inputs of 0 to 1 become numbers as networks want them, and pixels of 0 to 255 do not.

    Examples
    --------
    >>> wants_unit((("subtract", (0.5,) * 3), ("divide", (0.25,) * 3)))
    True
    """
    return is_usual(operations, 1.0) and not is_usual(operations, 255.0)

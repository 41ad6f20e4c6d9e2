"""Checkpoints of B0 with generated numbers, in any publisher's names."""

from functools import cache

import numpy as np

from refnet.architecture.variants import variant
from refnet.checkpoints.publishers import PUBLISHERS
from refnet.weights.synthetic import tensors

B0 = variant("b0")


def state(publisher: str, classes: int = 1000, **change) -> dict[str, np.ndarray]:
    """Name to array, which may be changed, and tensors instead or on top."""
    theirs = PUBLISHERS[publisher].to_theirs(generated(classes), variant("b0", classes=classes))
    return {name: array.copy() for name, array in theirs.items()} | change


@cache
def generated(classes: int = 1000) -> dict[str, np.ndarray]:
    """The same numbers under our keys."""
    return tensors(variant("b0", classes=classes))

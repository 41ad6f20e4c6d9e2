"""What a Keras model does to pixels before its first convolution, as numbers.

Keras Applications' networks take pixels of 0..255: a Rescaling layer multiplies them by 1/255, a Normalization layer
subtracts a stored mean and divides by the root of a stored variance. The published files have the standard deviations
in the variance's place. So that the pixels are divided by these, not by their roots, the library multiplies by 1 over
their roots once more, since version 2.9, and only where it loads the published weights by itself. A file of weights
does not show that; in a file of a whole model ``checkpoints/graph`` finds it.
"""

from __future__ import annotations

from typing import Literal

import numpy as np
import numpy.typing as npt

from refnet.checkpoints.naming.keras import MEAN, VARIANCE
from refnet.checkpoints.naming.pairing import Arrays
from refnet.errors import CheckpointError

Numbers = Literal["published", "proper", "untouched", "other"]
Operation = tuple[Literal["multiply", "subtract", "divide"], tuple[float, float, float]]

# Of ImageNet.
MEANS = (0.485, 0.456, 0.406)
DEVIATIONS = (0.229, 0.224, 0.225)

EPSILON = 1e-7  # Keras divides by no less
Triple = npt.NDArray[np.float32]


def numbers_of(tensors: Arrays) -> Numbers | None:
    """Say what numbers a file's normalization layer has; None if there is no such layer.

    ``published`` are ImageNet's means with the standard deviations in the variance's place, ``proper`` the same with
    variances, ``untouched`` what a new layer has, 0 and 1, and ``other`` a data set's own.

    Examples
    --------
    >>> numbers_of({MEAN: np.float32(MEANS), VARIANCE: np.float32(DEVIATIONS)})
    'published'
    """
    if MEAN not in tensors and VARIANCE not in tensors:
        return None
    mean, variance = _stored(tensors)
    known: dict[Numbers, tuple[npt.ArrayLike, npt.ArrayLike]] = {
        "published": (MEANS, DEVIATIONS),
        "proper": (MEANS, np.square(DEVIATIONS)),
        "untouched": (0, 1),
    }
    for kind, (means, variances) in known.items():
        if np.allclose(mean, means, rtol=1e-6, atol=0) and np.allclose(variance, variances, rtol=1e-6, atol=0):
            return kind
    return "other"


def normalisation_of(tensors: Arrays) -> tuple[Operation, ...] | None:
    """List what a model of these weights does to pixels of 0..255, in its order, with numbers that float32 has exactly.

    Its layers are taken to be those of Keras Applications, with the second scaling where the numbers are the published
    ones, which are right only with it. None if there is no normalization layer, so that the pixels were normalised
    outside the model, and the file does not say how.

    Examples
    --------
    >>> [name for name, _ in normalisation_of({MEAN: np.float32(MEANS), VARIANCE: np.float32(DEVIATIONS)})]
    ['multiply', 'subtract', 'divide', 'multiply']
    """
    kind = numbers_of(tensors)
    if kind is None:
        return None
    mean, variance = _stored(tensors)
    deviation = np.maximum(np.sqrt(variance), np.float32(EPSILON))
    again = [_operation("multiply", 1 / np.sqrt(DEVIATIONS))] if kind == "published" else []
    return (_operation("multiply", 1 / 255), _operation("subtract", mean), _operation("divide", deviation), *again)


def _stored(tensors: Arrays) -> tuple[Triple, Triple]:
    found = [tensors.get(name, np.empty(0)) for name in (MEAN, VARIANCE)]
    if any(array.size != 3 or array.dtype.kind != "f" or not np.isfinite(array).all() for array in found):
        raise CheckpointError(f"{MEAN} and {VARIANCE} must be three finite numbers each")
    mean, variance = (array.reshape(3).astype(np.float32) for array in found)
    if variance.min() < 0:
        raise CheckpointError(f"{VARIANCE} has a number below 0")
    return mean, variance


def _operation(name: Literal["multiply", "subtract", "divide"], numbers: npt.ArrayLike) -> Operation:
    red, green, blue = np.broadcast_to(np.asarray(numbers).astype(np.float32), 3).tolist()
    return name, (red, green, blue)

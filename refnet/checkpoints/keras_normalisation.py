"""What a Keras model does to pixels before its first convolution, as numbers.

Keras Applications' networks take pixels of 0..255: a Rescaling layer multiplies them by 1/255, a Normalization layer
subtracts a stored mean and divides by the root of a stored variance. The published files have the standard deviations
in the variance's place. So that the pixels are divided by these, not by their roots, the library multiplies by 1 over
their roots once more, since version 2.9, and only where it loads the published weights by itself. A file of weights
does not show that; a file of a whole model does.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

from refnet.checkpoints.naming.keras import MEAN, NORMALIZATION, VARIANCE
from refnet.checkpoints.naming.pairing import Arrays
from refnet.checkpoints.readers.keras.keras_content import Layer
from refnet.errors import CheckpointError

Numbers = Literal["published", "proper", "untouched", "other"]
Operation = tuple[Literal["multiply", "subtract", "divide"], tuple[float, float, float]]

# Of ImageNet.
MEANS = (0.485, 0.456, 0.406)
DEVIATIONS = (0.229, 0.224, 0.225)

EPSILON = 1e-7  # Keras divides by no less
STEM = "stem_conv"

# Layers that change nothing at inference, or pad, which the plan does.
_NEUTRAL = ("InputLayer", "ZeroPadding2D", "Dropout", "GaussianNoise")
_AUGMENTS = "Random"
_TENSORFLOW = {"math.multiply": "multiply", "math.truediv": "divide", "math.divide": "divide"}

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


def normalisation_of(tensors: Arrays, model: Layer | None = None) -> tuple[Operation, ...] | None:
    """List what the model does to pixels of 0..255, in its order, with numbers that float32 has exactly.

    Without its layers they are taken to be those of Keras Applications, with the second scaling where the numbers are
    the published ones, which are right only with it. None if there is no normalization layer, so that the pixels were
    normalised outside the model, and the file does not say how.

    Examples
    --------
    >>> [name for name, _ in normalisation_of({MEAN: np.float32(MEANS), VARIANCE: np.float32(DEVIATIONS)})]
    ['multiply', 'subtract', 'divide', 'multiply']
    """
    kind = numbers_of(tensors)
    if kind is None:
        return None
    if model is not None:
        return tuple(operation for layer in _before_stem(model) for operation in _operations(layer, tensors))
    again = [_operation("multiply", 1 / np.sqrt(DEVIATIONS))] if kind == "published" else []
    return (_operation("multiply", 1 / 255), *_normalization(tensors), *again)


def _stored(tensors: Arrays) -> tuple[Triple, Triple]:
    found = [tensors.get(name, np.empty(0)) for name in (MEAN, VARIANCE)]
    if any(array.size != 3 or array.dtype.kind != "f" or not np.isfinite(array).all() for array in found):
        raise CheckpointError(f"{MEAN} and {VARIANCE} must be three finite numbers each")
    mean, variance = (array.reshape(3).astype(np.float32) for array in found)
    if variance.min() < 0:
        raise CheckpointError(f"{VARIANCE} has a number below 0")
    return mean, variance


def _normalization(tensors: Arrays) -> tuple[Operation, Operation]:
    mean, variance = _stored(tensors)
    return _operation("subtract", mean), _operation("divide", np.maximum(np.sqrt(variance), np.float32(EPSILON)))


def _before_stem(model: Layer) -> list[Layer]:
    layers = list(model.flat())
    stems = [i for i, layer in enumerate(layers) if layer.name == STEM]
    if len(stems) != 1:
        raise CheckpointError(f"the model has {len(stems)} layers {STEM}, not one")
    before = layers[: stems[0]]
    if sum(layer.kind == "Normalization" for layer in before) > 1:
        raise CheckpointError("the model normalises pixels twice, and no telling which numbers are whose")
    return before


def _operations(layer: Layer, tensors: Arrays) -> tuple[Operation, ...]:
    """What one layer before the first convolution does."""
    settings = layer.settings
    if layer.kind == "Rescaling":
        offset = -_numbers(layer, settings.get("offset"))
        scaled = _operation("multiply", _numbers(layer, settings.get("scale")))
        return (scaled, _operation("subtract", offset)) if offset.any() else (scaled,)
    if layer.kind == "Normalization" and layer.name.startswith(NORMALIZATION) and _as_stored(settings):
        return _normalization(tensors)
    if layer.kind == "TFOpLambda" and settings.get("function") in _TENSORFLOW:
        return (_operation(_TENSORFLOW[settings["function"]], _numbers(layer, settings.get("y"))),)
    if layer.kind in _NEUTRAL or layer.kind.startswith(_AUGMENTS):
        return ()
    raise CheckpointError(f"the model changes pixels by its layer {layer.name[:80]!r}, a {layer.kind[:80]!r}: unknown")


def _as_stored(settings: Mapping[str, Any]) -> bool:
    """Whether a Normalization layer computes with its variables, and in the usual direction."""
    return settings.get("mean") is None and settings.get("variance") is None and not settings.get("invert")


def _numbers(layer: Layer, stated: Any) -> npt.NDArray[np.float64]:
    """One number or three, however deep in lists, as three."""
    while isinstance(stated, list) and len(stated) == 1:
        stated = stated[0]
    found = stated if isinstance(stated, list) else [stated] * 3
    if len(found) == 3 and all(type(number) in (int, float) and abs(number) < 1e30 for number in found):
        return np.array(found, np.float64)
    raise CheckpointError(f"layer {layer.name[:80]!r} has {stated!r:.80} for a number or one for each colour")


def _operation(name: Any, numbers: npt.ArrayLike) -> Operation:
    red, green, blue = np.broadcast_to(np.asarray(numbers).astype(np.float32), 3).tolist()
    return name, (red, green, blue)

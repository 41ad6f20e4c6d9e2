"""The settings of Keras's layers: numbers, shapes and names in JSON, each read in one way or not at all."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any

import numpy as np
import numpy.typing as npt

from refnet.architecture.padding import Pads
from refnet.checkpoints.graph.keras.calls import Value

Numbers = npt.NDArray[np.float64]

MOST_NUMBERS = 1 << 16
LARGEST = 1e30
MAX_PIXELS = 1 << 14
FULL = ("float32", "float64")
HALF = ("float16", "bfloat16", "mixed_float16", "mixed_bfloat16")

# Of training, of how a layer is made and called, and of what it is called.
_OF_TRAINING = frozenset(
    [
        "name",
        "trainable",
        "dtype",
        "autocast",
        "batch_input_shape",
        "build_input_shape",
        "sparse",
        "ragged",
        "optional",
        "kernel_initializer",
        "bias_initializer",
        "depthwise_initializer",
        "beta_initializer",
        "gamma_initializer",
        "moving_mean_initializer",
        "moving_variance_initializer",
        "kernel_regularizer",
        "bias_regularizer",
        "depthwise_regularizer",
        "beta_regularizer",
        "gamma_regularizer",
        "activity_regularizer",
        "kernel_constraint",
        "bias_constraint",
        "depthwise_constraint",
        "beta_constraint",
        "gamma_constraint",
        "momentum",
        "synchronized",
        "fused",
        "renorm_momentum",
        "renorm_clipping",
        "lora_rank",
        "lora_alpha",
        "seed",
        "pointwise_initializer",
        "noise_shape",
    ]
)


class UnlikeError(Exception):
    """A layer does what no node of a graph does; the text says what."""


def check_known(settings: Mapping[str, Any], known: Collection[str]) -> None:
    """Refuse a setting that is not read, unless it is of training or off."""
    for key, value in settings.items():
        if key not in _OF_TRAINING and key not in known and value not in (None, False, "", [], {}):
            raise UnlikeError(f"its setting {key[:80]}={value!r:.80} is unknown")
    if settings.get("data_format") not in (None, "channels_last"):
        raise UnlikeError("its channels come first; want channels_last")


def precision(settings: Mapping[str, Any]) -> str:
    """Name of the number format that a layer computes in."""
    match settings.get("dtype"):
        case None:
            return "float32"
        case str(name) | {"class_name": "DTypePolicy" | "Policy", "config": {"name": str(name)}}:
            if name in FULL or name in HALF:
                return name
    raise UnlikeError(f"it computes in {settings['dtype']!r:.120}; want float32")


def numbers(value: Any, what: str = "its setting") -> Numbers:
    """One number, or an array of them however deep, without axes of length 1 in front."""
    match value:
        case {"class_name": "__numpy__" | "__tensor__", "config": {"value": stated}}:
            value = stated
        case {"config": {"value": stated}}:
            value = stated
    found = _array(value, what)
    while found.ndim and found.shape[0] == 1 and found.ndim > 1:
        found = found[0]
    return found.reshape(()) if found.size == 1 else found


def _array(value: Any, what: str) -> Numbers:
    if isinstance(value, Value) or _size(value) > MOST_NUMBERS:
        raise UnlikeError(f"{what} is no number")
    try:
        found = np.array(value)
    except (ValueError, OverflowError):
        raise UnlikeError(f"{what} is {value!r:.80}, not numbers") from None
    if found.dtype.kind not in "iuf" or not (np.isfinite(found) & (np.abs(found) < LARGEST)).all():
        raise UnlikeError(f"{what} is {value!r:.80}, not numbers below {LARGEST:g}")
    return found.astype(np.float64)


def _size(value: Any, depth: int = 0) -> int:
    if depth > 8:
        return MOST_NUMBERS + 1
    return sum(_size(each, depth + 1) for each in value) if isinstance(value, list) else 1


def pair(value: Any, what: str, least: int = 1) -> tuple[int, int]:
    """Two whole numbers, or one that stands for both."""
    match [value] * 2 if type(value) is int else value:
        case [int(first), int(second)] if least <= min(first, second) and max(first, second) <= MAX_PIXELS:
            return first, second
    raise UnlikeError(f"its {what} is {value!r:.80}, not two whole numbers")


def pads(value: Any) -> Pads:
    """Zeros around a picture: one number, one for each axis, or two for each."""
    both = [value] * 2 if type(value) is int else value
    if isinstance(both, list) and len(both) == 2:
        (top, bottom), (left, right) = (pair(each, "padding", least=0) for each in both)
        return Pads(top, bottom, left, right)
    raise UnlikeError(f"its padding is {value!r:.80}")


def shape(value: Any) -> tuple[int | None, ...]:
    """Sizes of a tensor without the batch; None where any."""
    match value:
        case [_, *sizes] if all(size is None or (type(size) is int and 0 < size < 1 << 31) for size in sizes):
            return tuple(sizes)
    return ()


def axes(value: Any, rank: int) -> tuple[int, ...]:
    """Axes as whole numbers from 0, of a tensor of that rank, the batch included."""
    listed = [value] if type(value) is int else value
    if not isinstance(listed, list | tuple) or any(type(axis) is not int for axis in listed):
        raise UnlikeError(f"its axis is {value!r:.80}")
    return tuple(sorted(axis + rank if axis < 0 else axis for axis in listed))

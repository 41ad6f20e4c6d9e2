"""Keras's layers that change numbers by constants, and those that change nothing at inference."""

from __future__ import annotations

from typing import Any

import numpy as np

from refnet.checkpoints.graph.keras.layers import same_shape
from refnet.checkpoints.graph.keras.parts import Context, Part, constant
from refnet.checkpoints.graph.keras.settings import Numbers, UnlikeError, axes, check_known, numbers, shape

EPSILON = 1e-7  # Keras divides by no less


def rescaling(context: Context) -> tuple[Part, ...]:
    """``Rescaling``."""
    settings = context.settings
    check_known(settings, ("scale", "offset"))
    context.one_input()
    scale, offset = (
        numbers(settings.get(key, absent), f"its {key}") for key, absent in (("scale", None), ("offset", 0))
    )
    scaled = constant("multiply", scale)
    return (scaled, constant("subtract", -offset)) if offset.any() else (scaled,)


def normalization(context: Context) -> tuple[Part, ...]:
    """``Normalization`` by its variables, or by constants in its configuration; both ways."""
    settings = context.settings
    check_known(settings, ("axis", "mean", "variance", "invert"))
    picture = context.one_input()
    if settings.get("mean") is None and settings.get("variance") is None:
        mean, variance = (_stored(context, leaf) for leaf in ("mean", "variance"))
    else:
        mean, variance = (numbers(settings.get(leaf), f"its {leaf}") for leaf in ("mean", "variance"))
    kept = axes(settings.get("axis"), len(picture) + 1) if settings.get("axis") not in (None, [], ()) else ()
    if not picture or kept not in ((), (len(picture),)) or (not kept and mean.ndim):
        raise UnlikeError(f"its axis is {settings.get('axis')!r:.80}; want that of the channels")
    if mean.shape != variance.shape or (mean.ndim and mean.shape != picture[-1:]):
        raise UnlikeError(f"its mean has {mean.size} numbers, its variance {variance.size}, for {picture[-1]} channels")
    if variance.size == 0 or variance.min() < 0:
        raise UnlikeError("its variance has a number below 0")
    deviation = np.maximum(np.sqrt(variance), EPSILON)
    if settings.get("invert"):
        return constant("multiply", deviation), constant("subtract", -mean)
    return constant("subtract", mean), constant("divide", deviation)


def _stored(context: Context, leaf: str) -> Numbers:
    context.used.add("count")  # how many pixels were counted
    found = context.variables.get(leaf)
    context.used.add(leaf)
    if found is None or found.dtype.kind != "f" or not np.isfinite(found).all() or found.ndim > 1:
        raise UnlikeError(f"its {leaf} is not in the file, or no finite numbers")
    return found.astype(np.float64).reshape(() if found.size == 1 else found.shape)


def neutral(context: Context) -> tuple[Part, ...]:
    """What changes nothing at inference: dropout, noise, augmentation, identity."""
    context.one_input()
    context.used.update(leaf for leaf in context.variables if "seed" in leaf)
    return (Part("neutral"),)


def fitting(context: Context) -> tuple[Part, ...]:
    """``Resizing``, ``CenterCrop``, ``RandomCrop``: nothing where the picture has the wanted size already."""
    picture = context.one_input()
    if same_shape(context.settings, picture):
        return (Part("neutral"),)
    height, width = (context.settings.get(key) for key in ("height", "width"))
    raise UnlikeError(
        f"it makes pictures of {height!r:.9} x {width!r:.9} pixels in its own way, where refnet has a recipe; "
        + context.cut("{}.output", "model.output")
    )


def input_layer(context: Context) -> tuple[Part, ...]:
    """``InputLayer``: a picture, or another tensor."""
    stated: Any = next(
        (context.settings[key] for key in ("batch_shape", "batch_input_shape") if context.settings.get(key)), None
    )
    found = shape(stated) or (None, None, 3)
    if len(found) != 3:
        raise UnlikeError(f"it has the shape {list(found)}; want that of a picture")
    return (Part("input", {"shape": found}),)

"""Synthetic weights: for every variant, from an integer generator, the same anywhere without a download.

Element i of the tensor ``key`` is made from the counter-based generator SplitMix64 (Steele, Lea & Flood, 2014):

    seed  = FNV-1a of the key's bytes, 64 bits
    z     = seed + (i + 1) * 0x9E3779B97F4A7C15            (mod 2**64)
    z     = (z ^ z >> 30) * 0xBF58476D1CE4E5B9;  z = (z ^ z >> 27) * 0x94D049BB133111EB;  z = z ^ z >> 31
    u     = (z >> 40) / 2**23 - 1                           in [-1, 1), exact in float32
    value = center + u * half_width                         in float32, each operation rounded

with a center and half width for each kind of tensor (``_spread``), chosen so that activations neither die out nor grow
from the stem to the head of the deepest variant.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import numpy.typing as npt

from refnet.architecture import Architecture
from refnet.plan import Shape, Step, make_plan

Array = npt.NDArray[Any]


def uniform(key: str, shape: Shape) -> Array:
    """Numbers in [-1, 1) for a key: f32 of ``shape``.

    Examples
    --------
    >>> uniform("input", (3,))
    array([...], dtype=float32)
    """
    seed = 0xCBF29CE484222325
    for byte in key.encode():
        seed = (seed ^ byte) * 0x100000001B3 % 2**64
    z = np.arange(1, math.prod(shape) + 1, dtype=np.uint64)
    z *= np.uint64(0x9E3779B97F4A7C15)
    z += np.uint64(seed)
    for shift, factor in ((30, 0xBF58476D1CE4E5B9), (27, 0x94D049BB133111EB)):
        z ^= z >> np.uint64(shift)
        z *= np.uint64(factor)
    z ^= z >> np.uint64(31)
    z >>= np.uint64(40)
    u = z.astype(np.float32) / np.float32(2**23) - np.float32(1)
    return u.reshape(shape)


def picture_tensor(height: int, width: int) -> Array:
    """Return a generated network input: f32[1, H, W, 3] in [-2, 2), the range of a normalised picture."""
    return uniform("input", (1, height, width, 3)) * np.float32(2)


def tensors(architecture: Architecture) -> dict[str, Array]:
    """Generate all weights of a network, by key."""
    result = {}
    for step in make_plan(architecture):
        for weight in step.weights:
            center, half_width = _spread(step, weight.key, weight.shape)
            result[weight.key] = np.float32(center) + uniform(weight.key, weight.shape) * np.float32(half_width)
    return result


# Mean square of what a kernel sees, by the kind of step: what keeps the variance of its sums near 1.
_MEAN_SQUARE = {"stem": 1.33, "expand": 1.0, "depthwise": 0.5, "project": 0.1, "head": 1.0, "logits": 0.3}


def _spread(step: Step, key: str, shape: Shape) -> tuple[float, float]:
    """Center and half width of a tensor's uniform distribution."""
    leaf = key.rsplit("/", 1)[1]
    kind = step.name.rsplit(".", 1)[-1]
    if leaf == "kernel":
        fan_in = math.prod(shape) // shape[-1]
        return 0.0, math.sqrt(3 / (fan_in * _MEAN_SQUARE.get(kind, 1.0)))
    return {"gamma": (1.0, 0.25), "variance": (1.0, 0.5), "mean": (0.0, 0.25)}.get(leaf, (0.0, 0.5))

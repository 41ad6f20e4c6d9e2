"""A layer's kernel in integers: int8 weights with their scales, int32 biases."""

from __future__ import annotations

from typing import Literal, get_args

import numpy as np

from refnet.arrays import Array
from refnet.quantisation.fold import Folded
from refnet.reference.integers.fixed_point import half_away
from refnet.reference.integers.network import Kernel

Per = Literal["channel", "tensor"]
PERS: tuple[Per, ...] = get_args(Per)
LARGEST_WEIGHT = 127  # so that -128 times -128 never comes
LARGEST_BIAS = 1 << 30  # half of what 32 bits hold, the rest is for the products


def quantise_layer(layer: Folded, input_scale: np.float32, per: Per = "channel") -> Kernel:
    """The kernel of a layer: each channel's largest weight becomes 127, or, per tensor, the layer's.

    A channel whose weights are so small that its bias would not fit gets a larger scale, and coarser weights: next to
    such a bias they hardly count.

    Examples
    --------
    >>> layer = Folded(np.array([[0.5, 1e-12], [-1.0, 0.0]]), np.array([0.25, 8.0]))
    >>> kernel = quantise_layer(layer, np.float32(0.5))
    >>> kernel.weights.tolist(), kernel.bias.tolist()
    ([[64, 0], [-127, 0]], [64, 1073741824])
    """
    largest = np.abs(layer.kernel).max(axis=tuple(range(layer.kernel.ndim - 1)))
    if per == "tensor":
        largest = np.full_like(largest, largest.max())
    scales = _at_least(largest / LARGEST_WEIGHT, np.abs(layer.bias) / LARGEST_BIAS / np.float64(input_scale))
    if per == "tensor":
        scales = np.full_like(scales, scales.max())
    scales = np.where(scales > 0, scales, scales.max() or np.float32(1))  # a channel of zeros
    weights = half_away(layer.kernel / scales.astype(np.float64))
    bias = half_away(layer.bias / (scales.astype(np.float64) * np.float64(input_scale)))
    return Kernel(
        np.clip(weights, -LARGEST_WEIGHT, LARGEST_WEIGHT).astype(np.int8),
        scales,
        np.clip(bias, -LARGEST_BIAS, LARGEST_BIAS).astype(np.int32),
    )


def _at_least(scales: Array, least: Array) -> Array:
    """Scales as float32; those that are too small are the next float32 from ``least`` on."""
    rounded = np.maximum(scales.astype(np.float32), np.finfo(np.float32).smallest_normal * (scales > 0))
    up = least.astype(np.float32)
    up = np.where(up < least, np.nextafter(up, np.float32(np.inf)), up)
    result: Array = np.maximum(rounded, up)
    return result

"""Operations of steps, on arrays of any float type, with library sums. Fast; no bits are promised."""

from __future__ import annotations

from collections.abc import Callable
from functools import reduce
from itertools import product
from typing import Any

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view

from refnet.architecture.padding import Pads
from refnet.arrays import Array
from refnet.reference.numerics import GEM_FLOOR


def padded(x: Array, pads: Pads, mode: Any = "constant", value: Array | float = 0.0) -> Array:
    """Surround the pixels of [N, H, W, C]."""
    around = ((0, 0), (pads.top, pads.bottom), (pads.left, pads.right), (0, 0))
    if mode != "constant":
        return np.pad(x, around, mode=mode)
    N, H, W, C = x.shape
    result = np.empty((N, H + pads.top + pads.bottom, W + pads.left + pads.right, C), x.dtype)
    result[:] = value
    result[:, pads.top : pads.top + H, pads.left : pads.left + W] = x
    return result


def convolution(x: Array, kernel: Array, stride: int) -> Array:
    """[N, H, W, C] and a kernel [R, S, C, K], zeros included already."""
    R, S, C, K = kernel.shape
    if R == S == 1:
        pixels = x[:, ::stride, ::stride]
        product_: Array = (pixels.reshape(-1, C) @ kernel[0, 0]).reshape(*pixels.shape[:3], K)
        return product_
    windows = sliding_window_view(x, (R, S), axis=(1, 2))[:, ::stride, ::stride]  # [N, H, W, C, R, S]
    rows = windows.transpose(0, 1, 2, 4, 5, 3).reshape(-1, R * S * C)
    result: Array = (rows @ kernel.reshape(-1, K)).reshape(*windows.shape[:3], K)
    return result


def depthwise(x: Array, kernel: Array, stride: int) -> Array:
    """[N, H, W, K] and a kernel [R, S, K], zeros included already."""
    R, S, _ = kernel.shape
    H, W = x.shape[1:3]
    taps = (
        x[:, ky : H - R + ky + 1 : stride, kx : W - S + kx + 1 : stride] * kernel[ky, kx]
        for ky, kx in product(range(R), range(S))
    )
    result: Array = next(taps)
    for tap in taps:
        result += tap
    return result


def _softmax(x: Array) -> Array:
    e = np.exp(x - x.max(-1, keepdims=True))
    result: Array = e / e.sum(-1, keepdims=True)
    return result


def _mean(x: Array) -> Array:
    """Mean row by row: the order of NumPy's own sums depends on how x lies in memory, and with it the noise floor."""
    for _ in range(2):
        x = reduce(np.add, np.moveaxis(x, -2, 0)) / x.dtype.type(x.shape[-2])
    return x


def _log_softmax(x: Array) -> Array:
    shifted = x - x.max(-1, keepdims=True)
    result: Array = shifted - np.log(np.exp(shifted).sum(-1, keepdims=True))
    return result


def _max(x: Array) -> Array:
    largest: Array = x.max((1, 2))
    return largest


def _concatenate(x: Array, y: Array) -> Array:
    return np.concatenate([x, y], axis=-1)


def _generalised_mean(x: Array, p: float) -> Array:
    power = x.dtype.type(p)
    result: Array = _mean(np.maximum(x, x.dtype.type(GEM_FLOOR)) ** power) ** (1 / power)
    return result


def _divide(x: Array, divisor: float) -> Array:
    result: Array = x / x.dtype.type(divisor)
    return result


def _excite(x: Array, gate: Array) -> Array:
    result: Array = x * gate[:, None, None, :]
    return result


OPERATIONS: dict[str, Callable[..., Array]] = {
    "none": lambda x: x,
    "mean": _mean,
    "excite": _excite,
    "add": np.add,
    "softmax": _softmax,
    "log_softmax": _log_softmax,
    "max": _max,
    "concatenate": _concatenate,
    "batch_norm": lambda x: x,  # the norm itself is among what follows the operation
    "identity": lambda x: x,
}
WITH_A_NUMBER: dict[str, Callable[[Array, float], Array]] = {"gem": _generalised_mean, "divide": _divide}

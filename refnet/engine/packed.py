"""Packed weights: all tensors of a network in one flat array, in the layout and dtype that the kernels read."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from refnet import names
from refnet.engine.layout import blocks_of, fill_up, pack_depthwise, pack_kernel
from refnet.kernels.machine import LANES, tile_shapes
from refnet.numerics import fold_batch_norm
from refnet.plan import Step

Array = npt.NDArray[Any]


@dataclass(frozen=True)
class Offsets:
    """Where a step's kernel, scale and shift begin in the flat array."""

    kernel: int
    scale: int
    shift: int


@dataclass(frozen=True)
class PackedWeights:
    """The flat array, and where each step finds its own.

    ``identity`` is a scale of 1 and a shift of -0, which change no number: for sums that are wanted as they are. A bias
    is a shift beside a scale of 1: fma(y, 1, b) == y + b.
    """

    flat: Array
    offsets: dict[str, Offsets]
    identity: Offsets


def pack_weights(
    steps: Sequence[Step], tensors: Mapping[str, Array], eps: float, dtype: npt.DTypeLike
) -> PackedWeights:
    """Lay out the tensors of ``steps`` for the kernels; batch norms become scale and shift."""
    dtype = np.dtype(dtype)
    panel_blocks = tile_shapes(dtype.itemsize).blocks
    pieces: list[Array] = []
    end = 0

    def place(piece: Array) -> int:
        nonlocal end
        begin = end
        pieces.append(piece)
        end += piece.size
        return begin

    widest = max((blocks_of(step.shape[-1]) for step in steps), default=1) * LANES
    one = place(np.ones(widest, dtype))
    identity = Offsets(0, one, place(np.full(widest, -0.0, dtype)))
    offsets = {}
    for step in steps:
        if not step.weights:
            continue
        kernel = tensors[names.weight_key(step.name, "kernel")].astype(dtype)
        if step.op == "depthwise":
            at = place(pack_depthwise(kernel))
        else:
            at = place(pack_kernel(kernel.reshape(-1, kernel.shape[-1]), panel_blocks))
        if step.normalized:
            gamma, beta, mean, variance = (
                tensors[names.weight_key(step.name, f"bn/{leaf}")] for leaf in names.BN_LEAVES
            )
            folded = fold_batch_norm(gamma, beta, mean, variance, eps, dtype)
            scale, shift = (place(fill_up(vector)) for vector in folded)
        else:
            scale = one
            shift = place(fill_up(tensors[names.weight_key(step.name, "bias")].astype(dtype)))
        offsets[step.name] = Offsets(at, scale, shift)
    return PackedWeights(_aligned_concatenate(pieces, end, dtype), offsets, identity)


def _aligned_concatenate(pieces: list[Array], size: int, dtype: np.dtype[Any]) -> Array:
    flat = aligned_empty(size, dtype)
    at = 0
    for piece in pieces:
        flat[at : at + piece.size] = piece
        at += piece.size
    return flat


def aligned_empty(size: int, dtype: np.dtype[Any], alignment: int = 64) -> Array:
    """Uninitialised one-dimensional array that begins on a cache line."""
    raw = np.empty(size * dtype.itemsize + alignment, np.uint8)
    start = -raw.ctypes.data % alignment
    return raw[start : start + size * dtype.itemsize].view(dtype)

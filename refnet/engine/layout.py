"""Layouts: activations in blocks of 16 channels, weights in the order in which tiles read them.

An activation [H, W, C] becomes [C / 16][H * W][16] with the last block filled up by zeros: a vector of a tile is then
one aligned line of memory, whatever C is. Outside the kernels everything is NHWC.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from refnet.kernels.machine import LANES

Array = npt.NDArray[Any]


def blocks_of(channels: int) -> int:
    """Number of blocks of 16 that hold so many channels."""
    return -(-channels // LANES)


def pack_activation(x: Array) -> Array:
    """[H, W, C] → [C / 16, H * W, 16].

    Examples
    --------
    >>> pack_activation(np.ones((2, 3, 20), np.float32)).shape
    (2, 6, 16)
    """
    H, W, C = x.shape
    blocks = blocks_of(C)
    padded = np.zeros((H * W, blocks * LANES), x.dtype)
    padded[:, :C] = x.reshape(H * W, C)
    return padded.reshape(H * W, blocks, LANES).transpose(1, 0, 2)


def unpack_activation(x: Array, shape: tuple[int, ...]) -> Array:
    """[C / 16, H * W, 16] → a new array of ``shape``, (H, W, C) or (C,)."""
    C = shape[-1]
    pixels = x.transpose(1, 0, 2).reshape(x.shape[1], -1)[:, :C]
    return np.array(pixels, order="C").reshape(shape)


def fill_up(vector: Array) -> Array:
    """[K] → [K rounded up to blocks of 16], zeros at the end."""
    padded = np.zeros(blocks_of(len(vector)) * LANES, vector.dtype)
    padded[: len(vector)] = vector
    return padded


def pack_kernel(kernel: Array, panel_blocks: int) -> Array:
    """[taps, K] → panels of ``panel_blocks`` blocks of output channels, each [taps][blocks * 16], flat.

    Examples
    --------
    >>> pack_kernel(np.ones((5, 40), np.float32), 2).size == 5 * 48
    True
    """
    taps, K = kernel.shape
    padded = np.zeros((taps, blocks_of(K) * LANES), kernel.dtype)
    padded[:, :K] = kernel
    width = panel_blocks * LANES
    return np.concatenate([padded[:, k : k + width].ravel() for k in range(0, padded.shape[1], width)])


def pack_depthwise(kernel: Array) -> Array:
    """[R, S, C] → [C / 16][R * S][16], flat."""
    R, S, C = kernel.shape
    return pack_activation(kernel.reshape(R, S, C)).ravel()

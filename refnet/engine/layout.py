"""Layouts: activations in blocks of 16 channels, weights in the order in which tiles read them.

An activation [H, W, C] becomes [C / 16][H * W][16] with the last block filled up by zeros: a vector of a tile is then
one aligned line of memory, whatever C is. Outside the kernels everything is NHWC.
"""

from __future__ import annotations

import math

import numpy as np

from refnet.architecture.step import Shape
from refnet.arrays import Array
from refnet.kernels.machine import LANES


def blocks_of(channels: int) -> int:
    """Number of blocks of 16 that hold so many channels."""
    return -(-channels // LANES)


def as_picture(shape: Shape) -> tuple[int, int, int]:
    """Height, width and channels; a vector is a picture of one pixel.

    Examples
    --------
    >>> as_picture((1280,))
    (1, 1, 1280)
    """
    height, width, channels = shape if len(shape) == 3 else (1, 1, *shape)
    return height, width, channels


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


def unpack_activation(x: Array, out: Array) -> None:
    """[C / 16, H * W, 16] → ``out``, C-contiguous [H, W, C] or [C]."""
    C = out.shape[-1]
    pixels = out.reshape(-1, C)
    if len(pixels) == 1:  # all blocks lie one behind the other: nearly each picture asks for such a vector, and no more
        pixels[0] = x.reshape(-1)[:C]
        return
    for block, values in enumerate(x):
        first = block * LANES
        pixels[:, first : first + LANES] = values[:, : C - first]


def packed_size(shape: tuple[int, ...]) -> int:
    """Elements of a packed kernel of ``shape``, [..., C, K] or [R, S, C]."""
    return math.prod(shape[:-1]) * blocks_of(shape[-1]) * LANES


def pack_kernel(kernel: Array, panel_blocks: int) -> Array:
    """[taps, K] → panels of ``panel_blocks`` blocks of output channels, each [taps][blocks * 16], flat.

    Examples
    --------
    >>> pack_kernel(np.ones((5, 40), np.float32), 2).size == 5 * 48
    True
    """
    taps, K = kernel.shape
    width = panel_blocks * LANES
    packed = np.zeros(taps * blocks_of(K) * LANES, kernel.dtype)
    for k in range(0, K, width):
        panel = packed[k * taps :][: taps * width].reshape(taps, -1)
        part = kernel[:, k : k + width]
        panel[:, : part.shape[1]] = part
    return packed


def unpack_kernel(packed: Array, shape: tuple[int, ...], panel_blocks: int) -> Array:
    """Undo ``pack_kernel``: a new array of ``shape``, [..., C, K]."""
    K = shape[-1]
    taps, width = math.prod(shape[:-1]), panel_blocks * LANES
    kernel = np.empty((taps, K), packed.dtype)
    for k in range(0, K, width):
        part = kernel[:, k : k + width]
        columns = blocks_of(part.shape[1]) * LANES
        part[:] = packed[k * taps :][: taps * columns].reshape(taps, columns)[:, : part.shape[1]]
    return kernel.reshape(shape)


def pack_depthwise(kernel: Array) -> Array:
    """[R, S, C] → [C / 16][R * S][16], flat."""
    return pack_activation(kernel).ravel()


def unpack_depthwise(packed: Array, shape: tuple[int, ...]) -> Array:
    """Undo ``pack_depthwise``: a new array of ``shape``, [R, S, C]."""
    R, S, _ = shape
    kernel = np.empty(shape, packed.dtype)
    unpack_activation(packed[: packed_size(shape)].reshape(-1, R * S, LANES), kernel)
    return kernel

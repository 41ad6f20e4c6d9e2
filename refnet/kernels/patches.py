"""Patches: the taps of a convolution with a large kernel, gathered so that it becomes a pointwise one.

Tap t = (ky * S + kx) * C + ci of a pixel is laid out like input channel t, which is the order of the contract.
"""

from __future__ import annotations

from typing import Any

from numba import njit

from refnet.kernels.machine import LANES


@njit(nogil=True, error_model="numpy")
def gather(
    arena: Any, x: int, x_pixel: int, x_block: int, height: int, width: int, channels: int, kernel: int, stride: int,
    top: int, left: int, out_width: int, patches: int,
) -> None:  # fmt: skip
    """Gather the patches of one output row: [block of 16 taps][pixel][16] at ``patches``.

    (top, left) is the first tap of the row's first pixel. A channel c of pixel p lies at
    x + c // 16 * x_block + p * x_pixel + c % 16.
    """
    for ox in range(out_width):
        tap = 0
        for ky in range(kernel):
            iy = top + ky
            for kx in range(kernel):
                ix = left + ox * stride + kx
                inside = 0 <= iy < height and 0 <= ix < width
                pixel = x + (iy * width + ix) * x_pixel
                for c in range(channels):
                    target = patches + (tap // LANES * out_width + ox) * LANES + tap % LANES
                    arena[target] = arena[pixel + c // LANES * x_block + c % LANES] if inside else 0
                    tap += 1

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
    tap = 0
    for ky in range(kernel):
        iy = top + ky
        for kx in range(kernel):
            # Output pixels whose tap lies inside the row.
            first = min(max(0, -((left + kx) // stride)), out_width)
            last = max(first, min(out_width, (width - left - kx + stride - 1) // stride))
            if not 0 <= iy < height:
                first = last = out_width
            pixel = x + (iy * width + left + kx) * x_pixel
            for c in range(channels):
                source = pixel + c // LANES * x_block + c % LANES
                target = patches + tap // LANES * out_width * LANES + tap % LANES
                for ox in range(first):
                    arena[target + ox * LANES] = 0
                for ox in range(first, last):
                    arena[target + ox * LANES] = arena[source + ox * stride * x_pixel]
                for ox in range(last, out_width):
                    arena[target + ox * LANES] = 0
                tap += 1

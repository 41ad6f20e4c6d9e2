"""Program rows of integer networks, and what the numbers beside the weights look like.

Offsets count bytes into two flat arrays, the ``arena`` (codes, as bytes q + 128) and the ``weights``. A number that an
operation needs stands there 16 times, a vector of 64 bytes, or once for each of 16 channels:

    sums        limits[3], then for each block of channels: bias, stored[3]
    add         zeros[2], stored[3] of x, of y and of their sum, limits[3]
    multiply    zeros[2], stored[3], limits[3]
    mean        zeros[1], stored[3], limits[3]
    table       256 bytes
    softmax     the exponential of each difference, i32[256] or f32[256]; what each counts in the sum, i32[256]; then
                five numbers: limits; the line where Newton's reciprocal begins, its constant and slope; bits before the
                point of the sum, or ``SOFTMAX_BY_TABLE`` or ``SOFTMAX_IN_FLOAT32``

``stored`` is what a way to round keeps of a real number: multiplier, shift to the left, to the right (``DOUBLE``,
``DOUBLE_UP``; to the left by one more, ``DOUBLE_NARROW``); multiplier, shift to the right (``SINGLE``, ``TRUNCATE``); a
float32 (``FP32_EVEN``), a float64 (``DOUBLE_FLOAT``); two weights and a shift (``WEIGHTED``); two factors and an
offset, float32 (``FUSED``); a factor and an offset, float32 (``SHIFTED``); a count (``DIVIDED``). ``limits`` are the
least and the largest result, and what is then added to make a byte of it. ``zeros`` are the bytes of zero points, of a
mean the sum that stands for 0.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from refnet.kernels.integers.machine import IntegerTiles

# Operation codes.
CONVOLUTION, POINTWISE, DEPTHWISE, MEAN, MULTIPLY, ADD, TABLE, SOFTMAX = range(8)

# What follows a sum's own codes in the same sweep: nothing, TABLE or ADD.
NOTHING = -1

# Ways to round: policies by their names, four formulas of single operations, and what is
# ``double`` for sums of less than 31 bits that are divided.
POLICY_CODES = {
    name: code for code, name in enumerate(("double", "double-up", "single", "truncate", "fp32-even", "double-float"))
}
DOUBLE, DOUBLE_UP, SINGLE, TRUNCATE, FP32_EVEN, DOUBLE_FLOAT = range(6)
WEIGHTED, FUSED, SHIFTED, DIVIDED, DOUBLE_NARROW = range(6, 11)

VECTOR = 64  # bytes of 16 numbers of 32 bits
STORED, LIMITS = 3 * VECTOR, 3 * VECTOR
BLOCK_OF_SUMS = VECTOR + STORED
ZEROS_OF_TWO = 2 * VECTOR

# Bytes behind the last tensor that a tile larger than what is left may read.
OVERHANG = 4096


class Constants(NamedTuple):
    """What holds for all rows of a program; offsets and sizes count bytes of the arena."""

    tiles: IntegerTiles
    zeros: int  # offset behind the activations
    scratch: int  # offset of the threads' own memory
    scratch_size: int  # of the piece of each thread
    sums: int  # of which so many are for sums, the first ones


class Windows(NamedTuple):
    """How a depthwise tile sees a row of its picture: by windows of four pixels, whose bytes of a channel are one sum.

    A window's sum belongs to an output pixel that begins ``offset`` pixels behind the window's first one.
    """

    step: int  # pixels from a window to the next
    offsets: tuple[int, ...]  # for each there is a vector of weights


def windows(kernel: int, stride: int) -> Windows:
    """The windows of a kernel's row.

    Examples
    --------
    >>> windows(3, 1)
    Windows(step=2, offsets=(0, 1))
    >>> windows(5, 2)
    Windows(step=4, offsets=(-4, -2, 0, 2))
    """
    step = 2 if kernel == 3 else 4
    starts = sorted({t * stride % step for t in range(step)})
    if kernel == 3:
        return Windows(step, tuple(starts))
    return Windows(step, (*(start - step for start in starts), *starts))


ROW = np.dtype(
    [
        (field, np.int64)
        for field in (
            "op",
            "chunks",  # panels * strips; 0: computed by the row that follows, piece by piece
            "panels",  # of output channels
            "strips",  # of pixels, of output rows, or of blocks of channels
            "per_strip",
            "panel_major",  # 1: neighbouring chunks share a panel's weights; 0: they share a strip's pixels
            "x",  # arena offsets: input, second input (negative: none), output
            "other",
            "y",
            "x_block",  # bytes from a block of channels to the next
            "other_pixel",  # bytes from a pixel of the second input to its neighbour: 0 where there is one for all
            "channels",  # of the input (C) and, in blocks of 16, of the output
            "out_blocks",
            "height",
            "width",
            "out_height",
            "out_width",
            "kernel",
            "stride",
            "top",
            "left",
            "fill",  # the byte of the input's zero point
            "expansion",  # 1: the row before makes the input, piece by piece; 0: the input is at x
            "buffer_rows",  # of the line buffer, and the pixels in each
            "pitch",
            "count",  # pixels of a mean
            "steps",  # sums of four products: of all channels, or of a row of a convolution's kernel
            "weights",  # weights offsets: kernel; the numbers beside it
            "parameters",
            "policy",
            "then",
            "then_parameters",
            "then_policy",
        )
    ]
)

# In the place of the bits before the point of a softmax's sum, where that is not in fixed point.
SOFTMAX_BY_TABLE, SOFTMAX_IN_FLOAT32 = 0, -1

# Tiles whose sums are made before they are finished, all at once: they fit the first-level cache beside the weights.
TILES_TO_FINISH = 4

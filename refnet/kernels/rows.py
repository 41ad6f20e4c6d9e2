"""Program rows: one row of a table for each operation, with every offset and size it needs.

A program is a NumPy record array of ``ROW``. All offsets count elements into two flat arrays, the ``arena``
(activations) and the ``weights``. An operation is cut into ``chunks`` that any thread may compute in any order.
All that the engine must know of the kernels is here and in ``machine``: neither imports a compiler.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from refnet.kernels.machine import TileShapes

# Operation codes.
CONVOLUTION, POINTWISE, DEPTHWISE, MEAN, EXCITE, ADD, AFFINE, SOFTMAX = range(8)
DENSE = 8
MAX, GEM, DIVIDE, CONCATENATE, LOG_SOFTMAX = range(9, 14)  # of tops that few networks have

# What follows a sum, in tiles: the activations of published networks. An operation by itself knows all.
IN_TILES = ("none", "swish", "relu6")
IN_DENSE = (*IN_TILES, "sigmoid")
ACTIVATION_CODES = {name: code for code, name in enumerate((*IN_DENSE, "relu", "tanh"))}

# Elements of a thread's counters: each counter has a cache line of its own.
COUNTER_STRIDE = 8


class Constants(NamedTuple):
    """What holds for all rows of a program; offsets and sizes count elements of the arena."""

    tiles: TileShapes
    zeros: int  # offset of the row of zeros, behind the activations
    scratch: int  # offset of the threads' own memory, behind the zeros
    scratch_size: int  # of the piece of each thread


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
            "row_sums",  # where a depthwise convolution leaves the sums of its output rows (negative: nowhere)
            "far",  # 1: the input is larger than the caches near a core
            "x_block",  # elements from a block of channels to the next
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
            "expansion",  # 1: the row before makes the input, piece by piece; 0: the input is at x
            "buffer_rows",  # of the line buffer, and the pixels in each
            "pitch",
            "long_tiles",  # of a depthwise convolution, in a row; short ones; the rest have one pixel
            "short_tiles",
            "count",  # what a mean is divided by
            "weights",  # weights offsets: kernel, or what an operation has instead; scale; shift
            "scale",
            "shift",
            "activation",
        )
    ]
)

"""Program rows: one row of a table for each operation, with every offset and size it needs.

A program is a NumPy record array of ``ROW``. All offsets count elements into two flat arrays, the ``arena``
(activations) and the ``weights``. An operation is cut into ``chunks`` that any thread may compute in any order.
"""

from __future__ import annotations

import numpy as np

# Operation codes.
CONVOLUTION, POINTWISE, DEPTHWISE, MEAN, EXCITE, ADD, AFFINE, SOFTMAX = range(8)

ROW = np.dtype(
    [
        (field, np.int64)
        for field in (
            "op",
            "chunks",
            "per_chunk",  # pixels or rows of one chunk
            "panel_major",  # whether neighbouring chunks share weights rather than pixels
            "x",  # arena offsets: input, second input (negative: none), output
            "other",
            "y",
            "x_pixel",  # elements from a pixel to the next, and from a block of channels to the next
            "x_block",
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
            "weights",  # weights offsets
            "scale",
            "shift",
            "activation",
        )
    ]
)

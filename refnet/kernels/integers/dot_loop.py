"""The peak of integers: as many sums of four products as the CPU can do, on registers alone.

As ``kernels.fma_loop``: independent chains fill the registers. What each multiplies is its own sum, or LLVM would see
that all products are the same.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
from numba import njit, types
from numba.extending import intrinsic

from refnet.arrays import Array
from refnet.kernels.fma_loop import chain_vectors
from refnet.kernels.integers.lanes import Lanes, index
from refnet.kernels.machine import LANES

_UNROLLED = 4  # sums of each chain between two jumps
_VECTOR = 4 * LANES  # bytes


def start_values(dtype: npt.DTypeLike = "int8") -> Array:
    """Make what ``burn`` works on: the weights, then the start of each chain; u8[(1 + vectors) * 64]."""
    return np.arange((1 + chain_vectors(4)) * _VECTOR).astype(np.uint8)


def operations_of(values: Array) -> int:
    """Multiplications and additions of one repeat of ``burn``."""
    return 2 * _UNROLLED * (values.size - _VECTOR)


@intrinsic
def _chains(typingctx: Any, values: Any, repeats: Any) -> Any:
    def codegen(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        e = Lanes(context, builder)
        start = e.pointer(values, args[0], index(0))
        places = [e.advance(start, _VECTOR * k) for k in range(1, 1 + chain_vectors(4))]
        weights = e.load(start)
        chains = e.variables([e.load(place) for place in places])
        with e.loop(args[1]):
            for chain in chains * _UNROLLED:
                total = builder.load(chain)
                builder.store(e.dot(total, total, weights), chain)
        for chain, place in zip(chains, places, strict=True):
            e.store(builder.load(chain), place)
        return context.get_dummy_value()

    return types.void(values, types.int64), codegen


@njit(nogil=True, error_model="numpy")
def burn(values: Any, repeats: int) -> None:
    """Advance every chain by 4 * ``repeats`` sums of four products; values are those of ``start_values``."""
    _chains(values, repeats)

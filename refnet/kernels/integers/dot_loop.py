"""The peak: as many sums of four products of bytes as the CPU can do, on registers alone; as ``fma_loop`` of floats."""

from __future__ import annotations

from typing import Any

from numba import njit, types
from numba.extending import intrinsic

from refnet.kernels.fma_loop import chain_vectors
from refnet.kernels.integers.lanes import Lanes, index
from refnet.kernels.integers.rows import VECTOR
from refnet.kernels.machine import LANES

_UNROLLED = 4  # sums of each chain between two jumps


def bytes_needed() -> int:
    """Size of the array that ``burn`` works on: bytes of a picture, of weights, and the start of each chain."""
    return (2 + chain_vectors(4)) * VECTOR


def macs_of_repeat() -> int:
    """Multiply-adds of one repeat of ``burn``."""
    return _UNROLLED * chain_vectors(4) * 4 * LANES


@intrinsic
def _chains(typingctx: Any, numbers: Any, repeats: Any) -> Any:
    def codegen(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        e = Lanes(context, builder)
        first = e.pointer(numbers, args[0], index(0))
        codes, weights, *starts = (e.advance(first, i * VECTOR) for i in range(2 + chain_vectors(4)))
        factors = e.load(codes), e.load(weights)
        chains = e.variables([e.load(start) for start in starts])
        with e.loop(args[1]):
            for chain in chains * _UNROLLED:
                builder.store(e.dot(builder.load(chain), *factors), chain)
        for chain, start in zip(chains, starts, strict=True):
            e.store(builder.load(chain), start)
        return context.get_dummy_value()

    return types.void(numbers, types.int64), codegen


@njit(nogil=True, error_model="numpy")
def burn(numbers: Any, repeats: int) -> None:
    """Advance every chain by 4 * ``repeats`` sums; u8[``bytes_needed``]."""
    _chains(numbers, repeats)

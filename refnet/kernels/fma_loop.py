"""The peak: as many fused multiply-adds as the CPU can do, on registers alone.

A CPU starts one or more vector fmas in each cycle and has each result some cycles later, so only independent chains
keep it busy: there are as many as the registers hold. Their instructions are those of the tiles, from the same Emitter.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
from numba import njit, types
from numba.extending import intrinsic

from refnet.arrays import Array
from refnet.kernels.emit import Emitter, index
from refnet.kernels.machine import LANES, Registers, registers

_UNROLLED = 4  # fmas of each chain between two jumps
_ENOUGH_CHAINS = 24  # no CPU has more fmas under way than this


def chain_vectors(itemsize: int, machine: Registers | None = None) -> int:
    """Count the vectors of 16 elements whose chains fill the registers, one left for the factor and one spare.

    Examples
    --------
    >>> [chain_vectors(4, Registers(*machine)) for machine in ((32, 64), (16, 32), (32, 16))]
    [24, 7, 6]
    """
    machine = machine or registers()
    per_vector = max(1, LANES * itemsize // machine.size)
    return max(1, min(machine.count - 2, _ENOUGH_CHAINS) // per_vector)


def start_values(dtype: npt.DTypeLike, vectors: int | None = None) -> Array:
    """Make what a loop works on: the factor, then the start of each chain; dtype[(1 + vectors) * 16].

    All chains tend to 1, far from the slow numbers, and begin apart, or LLVM would see that they are the same. By
    default there are as many as ``burn`` has.
    """
    dtype = np.dtype(dtype)
    values = np.arange((1 + (vectors or chain_vectors(dtype.itemsize))) * LANES).astype(dtype)
    values[:LANES] = 0.5
    return values


def operations_of(values: Array) -> int:
    """Floating-point operations of one repeat of ``burn``; an fma counts as two."""
    return 2 * _UNROLLED * (values.size - LANES)


@intrinsic
def _chains(typingctx: Any, values: Any, repeats: Any) -> Any:
    def codegen(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        e = Emitter(context, builder, values)
        factor_at = e.pointer(values, args[0], index(0))
        chains = e.variables(chain_vectors(values.dtype.bitwidth // 8))
        places = [e.advance(factor_at, LANES * k) for k in range(1, 1 + len(chains))]
        factor = e.load_broadcast(factor_at)
        for chain, place in zip(chains, places, strict=True):
            builder.store(e.load(place), chain)
        with e.loop(args[1]):
            for chain in chains * _UNROLLED:
                builder.store(e.fma(builder.load(chain), factor, factor), chain)
        for chain, place in zip(chains, places, strict=True):
            e.store(builder.load(chain), place)
        return context.get_dummy_value()

    return types.void(values, types.int64), codegen


@njit(nogil=True, error_model="numpy")
def burn(values: Any, repeats: int) -> None:
    """Advance every chain by 4 * ``repeats`` fmas; values are those of ``start_values``."""
    _chains(values, repeats)

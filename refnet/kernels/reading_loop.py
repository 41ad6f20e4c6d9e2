"""How fast memory is read: every byte once, from the first to the last, and nothing else done."""

from __future__ import annotations

from functools import reduce
from typing import Any

from llvmlite import ir
from numba import njit, types
from numba.extending import intrinsic

from refnet.kernels.emit import Emitter, index
from refnet.kernels.machine import LANES

_VECTORS = 8  # at a time
ELEMENTS = _VECTORS * LANES  # numbers of a round


@intrinsic
def _mix(typingctx: Any, values: Any, rounds: Any) -> Any:
    """Mix all bits: as numbers, some might take longer to add than others."""

    def codegen(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        e = Emitter(context, builder, values)
        bits = ir.VectorType(e.integer, LANES)
        start = e.pointer(values, args[0], index(0))
        mixed = e.variables(_VECTORS)
        e.set_all(mixed, 0.0)
        with e.loop(args[1]) as i:
            at = e.advance(start, builder.mul(i, index(ELEMENTS)))
            for k, variable in enumerate(mixed):
                both = (builder.load(variable), e.load(e.advance(at, k * LANES)))
                found = builder.xor(*(builder.bitcast(vector, bits) for vector in both))
                builder.store(builder.bitcast(found, e.vector), variable)
        total = reduce(builder.xor, [builder.bitcast(builder.load(variable), bits) for variable in mixed])
        return builder.zext(builder.extract_element(total, ir.IntType(32)(0)), ir.IntType(64))

    return types.int64(values, types.int64), codegen


@njit(nogil=True, error_model="numpy")
def read(values: Any, rounds: int) -> int:
    """Read 128 * ``rounds`` numbers; something of all of them comes back."""
    mixed: int = _mix(values, rounds)
    return mixed

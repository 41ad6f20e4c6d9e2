"""What threads need to share work: a counter to claim from, and a patient wait."""

from __future__ import annotations

import sys
from typing import Any

from llvmlite import ir
from numba import types
from numba.extending import intrinsic

from refnet.kernels.emit import compiled

# Yield the processor once in so many looks: short enough for more threads than cores, long enough to stay hot.
_LOOKS_BEFORE_YIELD = 1 << 10
_yield_processor = types.ExternalFunction("SwitchToThread" if sys.platform == "win32" else "sched_yield", types.int32())


def _address(context: Any, builder: Any, array_type: Any, array: Any, i: Any) -> Any:
    return builder.gep(context.make_array(array_type)(context, builder, value=array).data, [i])


@intrinsic
def fetch_add(typingctx: Any, counters: Any, i: Any, amount: Any) -> Any:
    """Add to counters[i] as one indivisible step; return the value before."""

    def codegen(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        pointer = _address(context, builder, signature.args[0], args[0], args[1])
        return builder.atomic_rmw("add", pointer, args[2], "seq_cst")

    return types.int64(counters, types.int64, types.int64), codegen


@intrinsic
def _look(typingctx: Any, counters: Any, i: Any) -> Any:
    """Read counters[i] so that what other threads wrote before it is seen as well."""

    def codegen(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        if "x86" in builder.module.triple or "i686" in builder.module.triple:
            pause = builder.module.declare_intrinsic("llvm.x86.sse2.pause", (), ir.FunctionType(ir.VoidType(), ()))
            builder.call(pause, ())
        pointer = _address(context, builder, signature.args[0], args[0], args[1])
        return builder.load_atomic(pointer, "acquire", 8)

    return types.int64(counters, types.int64), codegen


@compiled
def wait_until(counters: Any, i: int, value: int) -> None:
    """Return when counters[i] has reached ``value``."""
    looks = 0
    while _look(counters, i) < value:
        looks += 1
        if looks % _LOOKS_BEFORE_YIELD == 0:
            _yield_processor()

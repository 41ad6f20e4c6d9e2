"""What operations add to multiply-adds: a loop of these on registers alone, with and without the operations among them.

An activation is one long chain, but the CPU finds other work while it waits: what it costs is the pipes that it takes
from multiply-adds. So nothing waits here. Of a few operations one gives what it gave in the round before, as in a
software pipeline: all of a round can begin at once.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from typing import Any

import numpy as np
import numpy.typing as npt
from llvmlite import ir
from numba import njit, types
from numba.core import cgutils
from numba.extending import intrinsic

from refnet.arrays import Array
from refnet.kernels import fma_loop
from refnet.kernels.emit import Emitter, aligned_frame, index
from refnet.kernels.epilogue import FORMULAS, Vectors
from refnet.kernels.machine import LANES, Registers, registers

MULTIPLY_ADDS = 32  # of a round, as vectors: a division, the slowest operation there is, takes as long as 20 of them
ADDITION = "addition"  # beside the names of activations

_ENOUGH_CHAINS = 16  # no CPU needs more; the fewer, the more registers are left to the operations
_WAITING = 3  # operations that wait for each other: if none did, too many registers would hold what they made


def chain_vectors(itemsize: int, machine: Registers | None = None) -> int:
    """Count the vectors of 16 elements whose multiply-adds keep the CPU busy.

    Examples
    --------
    >>> [chain_vectors(4, Registers(*machine)) for machine in ((32, 64), (16, 32), (32, 16))]
    [16, 6, 4]
    """
    machine = machine or registers()
    per_vector = max(1, LANES * itemsize // machine.size)
    return max(1, min(machine.count - 4, _ENOUGH_CHAINS) // per_vector)


def start_values(dtype: npt.DTypeLike) -> Array:
    """Make what the loops work on; the result comes to lie in the first vector."""
    return fma_loop.start_values(dtype, chain_vectors(np.dtype(dtype).itemsize))


@cache
def loop_with(name: str | None) -> Callable[[Array, int], None]:
    """Make a function of values and a number of rounds: each has the multiply-adds, and ``name`` once.

    That is an activation or an ``addition``. Its result is that for 1, to which all chains tend.
    """

    @intrinsic
    def rounds_of(typingctx: Any, values: Any, rounds: Any) -> Any:
        def codegen(context: Any, builder: Any, signature: Any, args: Any) -> Any:
            e, pipeline = Emitter(context, builder, values), _Pipeline(builder)
            start = e.pointer(values, args[0], index(0))
            result, *chains = variables = e.variables(1 + chain_vectors(values.dtype.bitwidth // 8))
            places = [e.advance(start, LANES * k) for k in range(len(variables))]
            for variable, place in zip(variables, places, strict=True):
                builder.store(e.load(place), variable)
            factor = e.load_broadcast(start)
            with e.loop(args[1]):
                for k in range(MULTIPLY_ADDS):
                    chain = chains[k % len(chains)]
                    builder.store(e.fma(builder.load(chain), factor, factor), chain)
                if name is not None:
                    (made,) = _OPERATIONS[name](Emitter(context, pipeline, values), [builder.load(chains[0])])
                    builder.store(pipeline.of_last_round(made), result)  # else LLVM would take it out of the loop
            for variable, place in zip(variables, places, strict=True):
                e.store(builder.load(variable), place)
            return context.get_dummy_value()

        return types.void(values, types.int64), codegen

    @njit(nogil=True, error_model="numpy")
    def burn(values: Any, rounds: int) -> None:
        aligned_frame()
        rounds_of(values, rounds)

    run: Callable[[Array, int], None] = burn
    return run


def _add(e: Emitter, xs: Vectors) -> Vectors:
    return [e.builder.fadd(x, e.constant(1.0)) for x in xs]


_OPERATIONS = {ADDITION: _add, **FORMULAS}


class _Pipeline:
    """A builder some of whose operations on vectors give what they gave in the round before.

    Comparisons never do: one and the choice after it become one instruction.
    """

    def __init__(self, builder: ir.IRBuilder) -> None:
        self._builder = builder
        self._operations = 0

    def __getattr__(self, name: str) -> Any:
        operation = getattr(self._builder, name)
        return self._delayed(operation) if name in _ARITHMETIC else operation

    def _delayed(self, operation: Callable[..., ir.Value]) -> Callable[..., ir.Value]:
        def now_and_then(*arguments: Any) -> ir.Value:
            self._operations += 1
            made = operation(*arguments)
            return made if self._operations % _WAITING else self.of_last_round(made)

        return now_and_then

    def of_last_round(self, made: ir.Value) -> ir.Value:
        """Keep what was made for the next round; return what was kept in the one before."""
        variable = cgutils.alloca_once(self._builder, made.type)
        before = self._builder.load(variable)
        self._builder.store(made, variable)
        return before


_ARITHMETIC = {
    "fadd", "fsub", "fmul", "fdiv", "fneg", "call", "select", "add", "sub", "shl", "lshr", "ashr", "and_", "or_",
}  # fmt: skip

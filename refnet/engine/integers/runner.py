"""The engine of an int8 network: codes in, codes out."""

from __future__ import annotations

from functools import partial

import numpy as np

from refnet.engine.integers.packed import PackedNetwork
from refnet.engine.integers.program import make_program
from refnet.engine.program import Program
from refnet.engine.runner import Interpret, Runner
from refnet.errors import InputError
from refnet.kernels.units import integer_interpreter
from refnet.reference.integers.engine import Engine
from refnet.reference.integers.network import IntegerNetwork


class IntegerEngine(Runner):
    """Runs one integer network, of one size, by the policies of an engine.

    Tensors are codes of int8, by the names of operations; ``input`` is the picture, in codes too. Only its own size
    runs.
    """

    def __init__(
        self, network: IntegerNetwork, engine: Engine, threads: int, interpreter: Interpret = integer_interpreter
    ) -> None:
        packed = PackedNetwork(network, engine)
        self.shapes = packed.shapes
        super().__init__(packed.flat, partial(_program_for, packed), np.dtype(np.int8), threads, interpreter)


def _program_for(
    packed: PackedNetwork, size: tuple[int, int], wanted: frozenset[str], given: frozenset[str]
) -> Program:
    plan = packed.network.plan
    if size != (plan.height, plan.width):
        raise InputError(
            f"a picture of {size[0]}x{size[1]}: the scales of an integer network are of one size, here "
            f"{plan.height}x{plan.width}"
        )
    return make_program(packed, given, wanted)

"""The self-test of the kernels that run networks: a small one of all the usual steps, whose bits are known.

It runs once in a process, on code that was just loaded or compiled: a wrong file, a CPU that is not what it says, a
mistake of LLVM's is noticed before there is a result. It takes a few milliseconds; `refnet verify` takes seconds, and
sees every step of whole networks.
"""

from __future__ import annotations

import math
from dataclasses import replace
from typing import Any

import numpy as np

from refnet.architecture import names
from refnet.architecture.plan import make_plan
from refnet.architecture.scaling import Coefficients
from refnet.architecture.step import Step
from refnet.architecture.variants import efficientnet
from refnet.arrays import Array
from refnet.engine.runner import Engine
from refnet.float_mode import default_mode
from refnet.kernels.object_code import Function
from refnet.kernels.units import interpreter_of
from refnet.reference.digest import tensor_digest

SIZE = (17, 13)  # strips and tiles that are not full
OUTPUTS = ("logits",)
_NUMBERS = 1 << 15
DIGESTS = {
    "float32": ("41bf617a2b9f0b610be298c58c122e7aa4b74a8c5ceed953fd5a57bd16a84477",),
    "float64": ("0fb81fd3b12e0989fbaf37e086d06369e0e35b002ccabe0a2860ca2e9385f0e6",),
}


def is_right(function: Function, dtype: np.dtype[Any]) -> bool:
    """Whether compiled code computes what it must."""
    return digests(function, dtype) == DIGESTS[dtype.name]


@default_mode()
def digests(function: Function, dtype: np.dtype[Any]) -> tuple[str, ...]:
    """Run the small network by compiled code; the digests of its outputs."""
    steps, weights, x = network()
    engine = Engine(
        steps,
        lambda height, width: steps,
        weights.__getitem__,
        1e-3,
        dtype,
        threads=1,
        interpreter=lambda dtype: interpreter_of(function),
    )
    found = dict(engine.run({names.INPUT: x}, OUTPUTS, SIZE))
    return tuple(tensor_digest(found[name][None]) for name in OUTPUTS)


def network() -> tuple[tuple[Step, ...], dict[str, Array], Array]:
    """Steps, weights by key, and input: three blocks, with strides, gates and an addition, and the top.

    The last block is wide: its sums take more than one piece of the weights, and its gate has many short ones.
    """
    architecture = efficientnet(Coefficients(width=0.25, depth=0.7), classes=5)
    first, second, third = architecture.blocks[:3]
    blocks = (first, second, replace(third, channels=272))
    plan = make_plan(replace(architecture, blocks=blocks), SIZE)
    # Any numbers with all their bits will do, of a size at which no activation is flat: each tensor begins elsewhere.
    numbers = (np.arange(_NUMBERS) * 2654435761 % 2**32 * 2.0**-32).astype(np.float32)
    even = numbers - np.float32(0.5)
    weights, begin = {}, 0
    for weight in (weight for step in plan for weight in step.weights):
        of = numbers if weight.key.endswith("variance") else even
        weights[weight.key] = of[begin : begin + math.prod(weight.shape)].reshape(weight.shape)
        begin += 101
    x = 4 * even[: 3 * math.prod(SIZE)].reshape(*SIZE, 3)
    return tuple(plan), weights, x

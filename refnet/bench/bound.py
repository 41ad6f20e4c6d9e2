"""The bound of a step: the least time that its arithmetic takes on this CPU when nothing waits for anything.

Arithmetic is what the engine computes: vectors of 16 channels, the last one filled up. Besides, each weight must come
from memory once in a picture, but for those that may have been asked for in the time of the step before. What else is
read, stored or waited for takes no time here.
"""

from __future__ import annotations

import math
from collections.abc import Iterable

import numpy as np

from refnet.architecture.step import CONVOLUTIONS, Shape, Step
from refnet.bench.costs import Costs
from refnet.engine.layout import blocks_of, packed_size
from refnet.kernels.machine import LANES
from refnet.reference.numerics import TAPS_PER_BLOCK

_ASKED_FOR_BEFORE = 2**20  # bytes of weights: about what a cache near a core has room for


def bounds_of(steps: Iterable[Step], costs: Costs, peak: float, dtype: np.dtype[np.generic]) -> dict[str, float]:
    """Seconds of each step, by the peak in 10^9 operations a second.

    Examples
    --------
    >>> from refnet.architecture.plan import make_plan
    >>> from refnet.architecture.variants import variant
    >>> stem = make_plan(variant("b0"))["stem"]  # 112 x 112 pixels of 2 vectors, with 27 taps each
    >>> costs = Costs(addition=1.0, activations={"swish": 11.0}, byte=1e-10)
    >>> found = bounds_of([stem], costs, peak=32.0, dtype=np.dtype("float32"))
    >>> found["stem"] * 1e9 == 112 * 112 * 2 * (27 + 1 + 11)
    True
    """
    multiply_adds: dict[str, float] = {}
    least = {}
    shapes: dict[str, Shape] = {}  # of depthwise convolutions
    for step in steps:
        multiply_adds[step.name] = _multiply_adds(step, costs)
        least[step.name] = costs.byte * _bytes_from_memory(step, dtype)
        if step.op == "depthwise":
            shapes[step.name] = step.shape
        source = step.inputs[0]
        if step.op == "mean" and source in shapes:  # which adds up the pixels of each row on the way
            multiply_adds[source] += _vectors(shapes[source]) * costs.addition
            multiply_adds[step.name] = _vectors((shapes[source][0], shapes[source][-1]))
    of_a_vector = 2 * LANES / (peak * 1e9)
    return {name: max(count * of_a_vector, least[name]) for name, count in multiply_adds.items()}


def _multiply_adds(step: Step, costs: Costs) -> float:
    """What a step takes, counted in multiply-adds of a vector."""
    vectors, epilogue = _vectors(step.shape), 1 + costs.activations[step.activation]
    match step.op:
        case "convolution" | "dense":
            taps = step.kernel**2 * step.in_shape[-1]
            joins = math.ceil(taps / TAPS_PER_BLOCK) - 1
            return vectors * (taps + joins * costs.addition + epilogue)
        case "depthwise":
            return vectors * (step.kernel**2 + epilogue)
        case "batch_norm" | "identity":
            return vectors * epilogue
        case "add":
            return vectors * costs.addition
    return max(vectors, _vectors(step.in_shape))  # at least one operation on each vector


def _bytes_from_memory(step: Step, dtype: np.dtype[np.generic]) -> int:
    """Bytes of a step's kernel that cannot be there when it begins."""
    if step.op not in (*CONVOLUTIONS, "dense"):
        return 0
    return max(0, packed_size(step.weights[0].shape) * dtype.itemsize - _ASKED_FOR_BEFORE)


def _vectors(shape: Shape) -> int:
    return math.prod(shape[:-1]) * blocks_of(shape[-1])

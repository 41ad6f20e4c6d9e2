"""What an operation computes with beside codes, kernel and bias: the integers that a file or a chip stores of scales.

Names are those of the weight file's datasets and of a golden's manifest.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import numpy as np

from refnet.arrays import Array
from refnet.reference.integers.activation import swish_table
from refnet.reference.integers.elementwise import add_factors, add_reals, add_weights
from refnet.reference.integers.engine import FLOAT32, FUSED, RESCALED, WEIGHTED, Engine
from refnet.reference.integers.fixed_point import Multiplier
from refnet.reference.integers.logistic import logistic_table
from refnet.reference.integers.network import Operation
from refnet.reference.integers.policy import Policy, policy
from refnet.reference.integers.pooling import mean_factor, mean_factors, mean_multiplier
from refnet.reference.integers.quantisation import Quantisation
from refnet.reference.integers.softmax import argument_multiplier

MULTIPLIER: Final = "multiplier"  # int32: the mantissa; 31 of its bits are behind the point
SHIFT: Final = "shift"  # int32: to the left where positive
FACTOR: Final = "factor"  # float32 or float64, of policies that multiply in that format
TABLE: Final = "table"  # int8[256]: the code of each code, from -128 on
WEIGHTS: Final = "weights"  # int32[2]: of both inputs of an addition by one rounding
NAMES: Final = (MULTIPLIER, SHIFT, FACTOR, TABLE, WEIGHTS)


def constants(
    operation: Operation, of: Sequence[Quantisation], to: Quantisation, engine: Engine, count: int
) -> dict[str, Array]:
    """The stored numbers of one operation.

    Of sums of products there is one for each channel; of a rescaled addition one for each input and one for their sum;
    of a mean one, or two of float32: factor and offset. Of a fused addition there are three factors, the last of them
    added. Of a softmax that is not in fixed point there is none: its table is of the scale, and of the classes.

    Parameters
    ----------
    operation
        One of a network.
    of, to
        How the codes of its inputs and of its output stand for real numbers.
    engine
        The set of policies.
    count
        How many pixels its input has, which a mean divides by.

    Examples
    --------
    >>> from refnet.reference.integers.engine import TFLM
    >>> half, one = (Quantisation(np.float32(scale), 0) for scale in (0.5, 1))
    >>> constants(Operation("x", "multiply", ("a", "b")), [half, half], one, TFLM, 1)
    {'multiplier': array([1073741824], dtype=int32), 'shift': array([-1], dtype=int32)}
    """
    first = of[0]
    match operation.kind:
        case "convolution" | "depthwise" | "dense":
            assert operation.kernel is not None
            rescaling = engine.rescaling(operation.kind)
            kept = stored(policy(rescaling.policy), rescaling.real(first.scale, operation.kernel.scales, to.scale))
        case "multiply":
            real = engine.multiply.real(first.scale, of[1].scale, to.scale)
            kept = stored(policy(engine.multiply.policy), real)
        case "add":
            kept = _of_add(first, of[1], to, engine)
        case "mean" | "average_pool":
            kept = _of_mean(operation, first, to, engine, count)
        case "logistic":
            kept = {TABLE: logistic_table(first, engine.logistic)}
        case "swish":
            kept = {TABLE: swish_table(first, to)}
        case "softmax":
            kept = _fixed(argument_multiplier(first)) if engine.softmax == "fixed-point" else {}
    return kept


def _of_add(of_x: Quantisation, of_y: Quantisation, to: Quantisation, engine: Engine) -> dict[str, Array]:
    if engine.add == WEIGHTED:
        *weights, shift = add_weights(of_x, of_y, to)
        return {WEIGHTS: np.array(weights, np.int32), SHIFT: np.array([-shift], np.int32)}
    if engine.add == FUSED:
        return {FACTOR: add_factors(of_x, of_y, to)}
    return stored(policy(engine.add), add_reals(of_x, of_y, to))


def _of_mean(operation: Operation, of: Quantisation, to: Quantisation, engine: Engine, count: int) -> dict[str, Array]:
    if engine.mean == RESCALED:
        return {FACTOR: np.atleast_1d(mean_factor(of, to, count))}
    if operation.kind == "average_pool":
        return {}
    return {FACTOR: mean_factors(of, to, count)} if engine.mean == FLOAT32 else _fixed(mean_multiplier(of, to, count))


def stored(by: Policy, real: Array) -> dict[str, Array]:
    """What a policy keeps of real multipliers: of ``exact``, which has fractions without end, the float64 itself.

    Examples
    --------
    >>> stored(policy("fp32-even"), np.array(0.1))
    {'factor': array([0.1], dtype=float32)}
    """
    kept = by.prepare(np.atleast_1d(real))
    if isinstance(kept, Multiplier):
        return _fixed(kept)
    if by.name == "power-of-two":
        return {SHIFT: kept.astype(np.int32)}
    return {FACTOR: np.atleast_1d(real) if by.name == "exact" else kept}


def _fixed(by: Multiplier) -> dict[str, Array]:
    return {MULTIPLIER: np.atleast_1d(by.mantissa).astype(np.int32), SHIFT: np.atleast_1d(by.shift).astype(np.int32)}

"""Computation: one integer operation as data, so that a mistake is a change of it that can be run."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from refnet.arrays import Array
from refnet.comparison.integers.totals import Codes, Operands, Pixels, Places, Products, Rows, Total
from refnet.reference.integers import elementwise, pooling
from refnet.reference.integers.engine import FLOAT32, FUSED, RESCALED, WEIGHTED, Engine, Rescaling
from refnet.reference.integers.evaluate import evaluate_operation
from refnet.reference.integers.fixed_point import shift_half_up
from refnet.reference.integers.network import Operation
from refnet.reference.integers.policy import policy
from refnet.reference.integers.quantisation import Quantisation, activation_limits

#: From totals and three scales, of the input, of the other factor or summand, and of the output, to integers.
Method = Callable[[Array, Any, Any, Any], Array]


@dataclass(frozen=True)
class Computation:
    """What a port makes of the codes that a step reads.

    Attributes
    ----------
    total
        What is added up.
    method
        How that becomes whole multiples of the output's scale.
    scales
        Of the input; of the weights, f32[K], or of the other input; of the output.
    zero
        What is added to the result.
    limits
        What it is clamped to.
    clamps_first
        Whether that is done before ``zero`` is added.
    stored
        How the result becomes 8 bits at last.
    """

    total: Total
    method: Method
    scales: tuple[Any, Any, Any]
    zero: int
    limits: tuple[int, int]
    clamps_first: bool = False
    stored: Callable[[Array], Array] = lambda q: np.clip(q, -128, 127)


def compute(c: Computation, places: Places, total: Array | None = None) -> Array:
    """The codes of a computation at some places, int64; ``total`` is what it adds up there, where that is known."""
    x, other, out = c.scales
    total = c.total.at(places) if total is None else total
    other = other[places.channels] if np.ndim(other) else other
    q = c.method(total, x, other, out)
    if q.shape[-1] != len(places.channels):
        q = q[:, places.channels]
    if c.clamps_first:
        return c.stored(np.clip(q, *c.limits) + c.zero)
    return c.stored(np.clip(q + c.zero, *c.limits))


def sums_alone(c: Computation) -> Computation:
    """What a computation adds up, with nothing behind that."""
    whole = -(1 << 62), 1 << 62
    return replace(c, method=lambda total, *_: total, zero=0, limits=whole, stored=lambda q: q)


def changed(**fields: Any) -> Callable[[Computation], Computation]:
    """A change of some fields."""
    return lambda c: replace(c, **fields)


def computation_of(
    operation: Operation, inputs: Sequence[Array], codes: Mapping[str, Quantisation], engine: Engine
) -> Computation:
    """One operation of a network on these inputs, as an engine computes it."""
    of, to = [codes[name] for name in operation.inputs], codes[operation.name]
    limits = activation_limits(operation.limit, to)
    first, x = of[0], inputs[0]
    scales: tuple[Any, Any, Any] = (first.scale, np.float32(1), to.scale)
    zero, total, method = to.zero_point, Codes(x), method_of(operation, of, to, engine, x)
    match operation.kind:
        case "convolution" | "depthwise" | "dense":
            assert operation.kernel is not None
            return Computation(
                _products(operation, x, first), method, (first.scale, operation.kernel.scales, to.scale), zero, limits
            )
        case "add" | "multiply":
            zeros = first.zero_point, of[1].zero_point
            operands = Operands(x, inputs[1], zeros, operation.kind == "multiply")
            return Computation(operands, method, (first.scale, of[1].scale, to.scale), zero, limits)
        case "mean" | "average_pool":
            within = engine.mean != RESCALED and (operation.kind == "average_pool" or engine.mean == FLOAT32)
            return Computation(
                Pixels(x, 0 if within else first.zero_point), method, scales, 0 if within else zero, limits
            )
        case "softmax":
            return Computation(Rows(x), method, scales, zero, limits)
        case "logistic" | "swish":
            return Computation(total, method, scales, zero, limits)


def method_of(operation: Operation, of: Sequence[Quantisation], to: Quantisation, engine: Engine, x: Array) -> Method:
    """How an engine brings an operation's totals to the output's scale."""
    match operation.kind:
        case "convolution" | "depthwise" | "dense" | "multiply":
            return rescaled(engine.rescaling(operation.kind), to.zero_point)
        case "add":
            return added_fused(of, to) if engine.add == FUSED else added(engine.add)
        case "mean" | "average_pool":
            return _mean(operation, of[0], to, engine, x.shape[1] * x.shape[2])
        case "softmax" | "logistic" | "swish":
            return as_defined(operation, of, to, engine)


def _products(operation: Operation, x: Array, of: Quantisation) -> Products:
    kernel = operation.kernel
    assert kernel is not None
    weights, pictures = kernel.weights, x
    if weights.ndim == 2:
        weights, pictures = weights[None, None], x[:, None, None, :]
    (H, W), (R, S), pads = pictures.shape[1:3], weights.shape[:2], operation.pads
    shape = (
        (H + pads.top + pads.bottom - R) // operation.stride + 1,
        (W + pads.left + pads.right - S) // operation.stride + 1,
    )
    zero = of.zero_point
    pictures, weights, bias = (array.astype(np.int64) for array in (pictures, weights, kernel.bias))
    return Products(pictures, weights, bias, operation.stride, pads, shape, zero, zero)


def as_defined(operation: Operation, of: Sequence[Quantisation], to: Quantisation, engine: Engine) -> Method:
    """From codes alone, as the definition has it."""

    def method(codes: Array, *_: Any) -> Array:
        made = evaluate_operation(operation, [codes.astype(np.int8)], list(of), to, engine)
        return made.astype(np.int64) - to.zero_point

    return method


def _mean(operation: Operation, of: Quantisation, to: Quantisation, engine: Engine, count: int) -> Method:
    if engine.mean == RESCALED:
        return lambda total, *_: whole(np.rint(total.astype(np.float32) * pooling.mean_factor(of, to, count)))
    if operation.kind == "average_pool":
        return divided_half_away(count)
    return mean_in_float32(of, to, count) if engine.mean == FLOAT32 else mean(engine.mean, count)


def rescaled(by: Rescaling, zero: int = 0) -> Method:
    """Sums, or products, times the real number of three scales; ``zero`` is within the rounding where that is so."""
    return lambda total, x, y, out: by.codes(total, x, y, Quantisation(np.float32(out), zero)) - zero


def added_fused(of: Sequence[Quantisation], to: Quantisation) -> Method:
    """An addition in float32 with all zero points within what is added."""
    zeros = np.array([by.zero_point for by in of])

    def method(pair: Array, x: Any, y: Any, out: Any) -> Array:
        codes = pair + zeros
        by_x, by_y = (Quantisation(np.float32(scale), by.zero_point) for scale, by in zip((x, y), of, strict=True))
        to_out = Quantisation(np.float32(out), to.zero_point)
        return elementwise.add_fused(codes[..., 0], codes[..., 1], by_x, by_y, to_out).astype(np.int64) - to.zero_point

    return method


def whole(x: Array) -> Array:
    """Floats that are integers, as such."""
    result: Array = x.astype(np.int64)
    return result


def added(name: str) -> Method:
    """An addition: by three requantisations of a policy, or by one rounding of integer weights."""

    def by_weights(pair: Array, x: Any, y: Any, out: Any) -> Array:
        A, B, shift = elementwise.add_weights(*(Quantisation(np.float32(scale), 0) for scale in (x, y, out)))
        return shift_half_up(pair[..., 0] * A + pair[..., 1] * B, shift)

    def by_policy(pair: Array, x: Any, y: Any, out: Any) -> Array:
        by = elementwise.add_reals(*(Quantisation(np.float32(scale), 0) for scale in (x, y, out)))
        raised = pair << elementwise.HEADROOM
        return rescale(rescale(raised[..., 0], by[0]) + rescale(raised[..., 1], by[1]), by[2])

    rescale = policy("double" if name == WEIGHTED else name)
    return by_weights if name == WEIGHTED else by_policy


def mean(name: str, count: int) -> Method:
    """A mean by a policy of fixed point, its multiplier divided by the number of pixels."""

    def method(total: Array, x: Any, _: Any, out: Any) -> Array:
        of, to = (Quantisation(np.float32(scale), 0) for scale in (x, out))
        by = pooling.mean_multiplier(of, to, count)
        return policy(name).apply(total, by)

    return method


def mean_in_float32(of: Quantisation, to: Quantisation, count: int) -> Method:
    """A mean in float32: of codes as they are, the zero points within what is added."""

    def method(total: Array, x: Any, _: Any, out: Any) -> Array:
        s, b = pooling.mean_factors(of, to, count)
        return whole(np.rint(total.astype(np.float32) * s + b))

    return method


def divided_half_away(count: int) -> Method:
    """An average pool: a tie away from 0."""

    def method(total: Array, x: Any, _: Any, out: Any) -> Array:
        magnitude = (np.abs(total) + count // 2) // count
        return np.where(total < 0, -magnitude, magnitude)

    return method

"""A whole integer network through the definition, by the policies of an engine."""

from __future__ import annotations

from collections.abc import Iterator

from refnet.architecture import names
from refnet.arrays import Array
from refnet.errors import InputError
from refnet.reference.integers import elementwise, pooling, sums
from refnet.reference.integers.activation import look_up, swish_table
from refnet.reference.integers.engine import FLOAT32, FUSED, RESCALED, WEIGHTED, Engine
from refnet.reference.integers.logistic import logistic_table
from refnet.reference.integers.network import IntegerNetwork, Operation
from refnet.reference.integers.policy import policy
from refnet.reference.integers.quantisation import Quantisation, activation_limits, quantise
from refnet.reference.integers.softmax import SOFTMAXES


def evaluate(network: IntegerNetwork, engine: Engine, x: Array) -> Iterator[tuple[str, Array]]:
    """Run the operations in order on x [N, H, W, C], codes or float32; yield the name and codes of each.

    The first is ``input``, the picture in codes of int8.
    """
    values = {names.INPUT: entry(network, engine, x)}
    yield names.INPUT, values[names.INPUT]
    last_reader = {name: operation for operation in network.operations for name in operation.inputs}
    for operation in network.operations:
        inputs = [values[name] for name in operation.inputs]
        of = [network.codes[name] for name in operation.inputs]
        values[operation.name] = evaluate_operation(operation, inputs, of, network.codes[operation.name], engine)
        yield operation.name, values[operation.name]
        for name in set(operation.inputs):
            if last_reader[name] is operation:
                del values[name]


def entry(network: IntegerNetwork, engine: Engine, x: Array) -> Array:
    """The picture in the codes of ``input``, whichever way it comes."""
    to = network.codes[names.INPUT]
    if x.dtype.kind == "f":
        return quantise(x, to, engine.quantise)
    given = network.given or to
    if x.dtype.name != given.dtype:
        raise InputError(f"the picture has numbers of {x.dtype.name}; want {given.dtype}, or real ones of float32")
    return to.clamp(given.above_zero(x) + to.zero_point)


def evaluate_operation(
    operation: Operation, inputs: list[Array], of: list[Quantisation], to: Quantisation, engine: Engine
) -> Array:
    """Compute one operation from codes, given how inputs and output stand for real numbers."""
    x, first = inputs[0], of[0]
    match operation.kind:
        case "convolution" | "depthwise" | "dense":
            return _of_products(operation, x, first, to, engine)
        case "add":
            q = _sum_of_two(x, inputs[1], first, of[1], to, engine)
        case "multiply":
            y = inputs[1] if inputs[1].ndim == x.ndim else inputs[1][:, None, None, :]
            total = elementwise.products(x, y, first, of[1])
            q = engine.multiply.codes(total, first.scale, of[1].scale, to)
        case "mean" | "average_pool":
            q = _mean(operation, x, first, to, engine)
        case "logistic":
            q = look_up(x, logistic_table(first, engine.logistic))
        case "swish":
            q = look_up(x, swish_table(first, to))
        case "softmax":
            q = SOFTMAXES[engine.softmax](x, first)
    return to.clamp(q, activation_limits(operation.limit, to))


def accumulate(operation: Operation, x: Array, of: Quantisation) -> Array:
    """The sums of an operation with a kernel, before anything is rounded."""
    kernel = operation.kernel
    assert kernel is not None
    if kernel.weights.ndim == 2:
        return sums.dense(x, kernel.weights, kernel.bias, zero_point=of.zero_point)
    function = sums.depthwise if kernel.weights.ndim == 3 else sums.convolution
    return function(
        x, kernel.weights, kernel.bias, zero_point=of.zero_point, stride=operation.stride, pads=operation.pads
    )


def _of_products(operation: Operation, x: Array, of: Quantisation, to: Quantisation, engine: Engine) -> Array:
    assert operation.kernel is not None
    total = accumulate(operation, x, of)
    q = engine.rescaling(operation.kind).codes(total, of.scale, operation.kernel.scales, to)
    return to.clamp(q, activation_limits(operation.limit, to))


def _sum_of_two(x: Array, y: Array, of_x: Quantisation, of_y: Quantisation, to: Quantisation, engine: Engine) -> Array:
    if engine.add == WEIGHTED:
        return elementwise.add_weighted(x, y, of_x, of_y, to)
    if engine.add == FUSED:
        return elementwise.add_fused(x, y, of_x, of_y, to)
    return elementwise.add_rescaled(x, y, of_x, of_y, to, policy(engine.add))


def _mean(operation: Operation, x: Array, of: Quantisation, to: Quantisation, engine: Engine) -> Array:
    if engine.mean == RESCALED:
        return pooling.mean_rescaled(x, of, to)
    if operation.kind == "average_pool":
        return pooling.average_pool(x)
    if engine.mean == FLOAT32:
        return pooling.mean_in_float32(x, of, to)
    return pooling.mean_divided(x, of, to, policy(engine.mean))

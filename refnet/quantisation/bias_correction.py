"""Bias correction: what rounding of weights and inputs adds to a channel on the mean is taken off its bias.

Each layer is looked at by itself: it reads the codes of the float network's own tensors, and its sums are compared with
the float network's. Both are counted in units of the sum, as whole numbers, so that the mean over all pixels of all
pictures is the same in any order and on every machine.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

import numpy as np

from refnet.architecture import names
from refnet.arrays import Array
from refnet.quantisation.layers import LARGEST_BIAS
from refnet.quantisation.twin import Twin
from refnet.reference.integers.engine import Engine
from refnet.reference.integers.evaluate import accumulate
from refnet.reference.integers.fixed_point import half_away
from refnet.reference.integers.network import IntegerNetwork, Operation
from refnet.reference.integers.quantisation import quantise


def correct_biases(network: IntegerNetwork, engine: Engine, twin: Twin, pictures: Iterable[Array]) -> IntegerNetwork:
    """The network with its biases corrected, from pictures f32[1, H, W, C]."""
    layers = {before(operation.name, twin): operation for operation in network.operations if operation.kernel}
    errors: dict[str, Array] = {}
    pixels: dict[str, int] = {}
    reads = {name: operation.inputs[0] for name, operation in layers.items()}
    last_reader = {read: name for name, read in reads.items()}
    for x in pictures:
        codes: dict[str, Array] = {}
        for name, tensor in twin.run(x, {*layers, *last_reader}):
            if name in layers:
                error = _error(layers[name], codes[reads[name]], tensor, network)
                errors[name] = errors.get(name, 0) + error
                pixels[name] = pixels.get(name, 0) + tensor.size // tensor.shape[-1]
                if last_reader[reads[name]] == name:
                    del codes[reads[name]]
            if name in last_reader:
                codes[name] = quantise(tensor, network.codes[name], engine.quantise)
    corrected = {
        operation.name: _corrected(operation, half_away(errors[name] / pixels[name]))
        for name, operation in layers.items()
    }
    operations = tuple(corrected.get(operation.name, operation) for operation in network.operations)
    return replace(network, operations=operations)


def before(name: str, twin: Twin) -> str:
    """The name of what an operation makes before its limit."""
    unlimited = names.part_name(name, names.CONV)
    return unlimited if unlimited in twin.names else name


def _error(operation: Operation, q: Array, real: Array, network: IntegerNetwork) -> Array:
    """By how much the sums exceed the real numbers, added up for each channel: int64, in units of the sum."""
    assert operation.kernel is not None
    of = network.codes[operation.inputs[0]]
    unit = operation.kernel.scales.astype(np.float64) * np.float64(of.scale)
    difference = accumulate(operation, q, of) - np.rint(real / unit).astype(np.int64)
    result: Array = difference.reshape(-1, difference.shape[-1]).sum(axis=0)
    return result


def _corrected(operation: Operation, error: Array) -> Operation:
    assert operation.kernel is not None
    bias = np.clip(operation.kernel.bias.astype(np.int64) - error, -LARGEST_BIAS, LARGEST_BIAS).astype(np.int32)
    return replace(operation, kernel=operation.kernel._replace(bias=bias))

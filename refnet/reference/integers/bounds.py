"""How large a sum can become: what shows, for all pictures at once, that 32 bits hold it."""

from __future__ import annotations

from collections.abc import Mapping
from math import prod

import numpy as np

from refnet.arrays import Array
from refnet.errors import InputError
from refnet.reference.integers.activation import SIGMOID
from refnet.reference.integers.constants import FACTOR, MULTIPLIER, SHIFT, WEIGHTS, constants
from refnet.reference.integers.elementwise import HEADROOM
from refnet.reference.integers.engine import Engine
from refnet.reference.integers.fixed_point import INT32_MAX
from refnet.reference.integers.network import IntegerNetwork, Operation
from refnet.reference.integers.quantisation import Quantisation

FARTHEST = 255  # that a code is from a zero point


def largest_sums(kernel: Array, bias: Array, of: Quantisation) -> Array:
    """For each channel, the last axis of the kernel, what no sum's magnitude exceeds, in whatever order it is added.

    Examples
    --------
    >>> largest_sums(np.full((1, 1, 2, 1), -3, np.int8), np.array([-7], np.int32), Quantisation(np.float32(1), -100))
    array([1369])
    """
    low, high = of.limits
    farthest = max(high - of.zero_point, of.zero_point - low)
    weights = np.abs(kernel.astype(np.int64)).sum(axis=tuple(range(kernel.ndim - 1)))
    result: Array = weights * farthest + np.abs(bias.astype(np.int64))
    return result


def check_sums(name: str, kernel: Array, bias: Array, of: Quantisation) -> None:
    """Refuse a layer whose sums 32 bits may not hold, by its channel and the bound.

    Examples
    --------
    >>> check_sums("head", np.ones((1, 2), np.int8), np.array([0, 2**31 - 1]), Quantisation(np.float32(1), 0))
    Traceback (most recent call last):
    ...
    refnet.errors.InputError: head: the sum of channel 1 can reach 2147483775, which 32 bits do not hold
    """
    bound = largest_sums(kernel, bias, of)
    channel = int(bound.argmax())
    if bound[channel] > INT32_MAX:
        raise InputError(f"{name}: the sum of channel {channel} can reach {bound[channel]}, which 32 bits do not hold")


def largest(operation: Operation, of: Quantisation, pixels: int) -> Array:
    """What no number that an operation rescales exceeds in magnitude: one of a channel, or one of all.

    Examples
    --------
    >>> largest(Operation("pool", "mean", ("head",)), Quantisation(np.float32(1), 0), 49)
    array([12495])
    """
    if operation.kernel is not None:
        return largest_sums(operation.kernel.weights, operation.kernel.bias, of)
    return np.array([{"add": FARTHEST << HEADROOM, "multiply": FARTHEST**2}.get(operation.kind, FARTHEST * pixels)])


def check_stored(name: str, kept: Mapping[str, Array], bound: Array) -> None:
    """Refuse what is stored of scales where numbers up to ``bound`` times that leave 32 bits, or are none.

    Examples
    --------
    >>> check_stored("pool", {"multiplier": np.array([1 << 30]), "shift": np.array([20])}, np.array([12495]))
    Traceback (most recent call last):
    ...
    refnet.errors.InputError: pool: a sum of channel 0 can reach 12495, times 2**20: more than 32 bits hold
    """
    if MULTIPLIER in kept:
        left = np.where(kept[MULTIPLIER] == 0, 0, np.maximum(kept[SHIFT], 0)).astype(object)  # Python's integers
        bound = np.broadcast_to(bound, left.shape)
        over = bound.astype(object) << left > INT32_MAX
        if over.any():
            channel = int(np.argmax(over))
            raise InputError(
                f"{name}: a sum of channel {channel} can reach {bound[channel]}, times 2**{left[channel]}: more than "
                "32 bits hold"
            )
    if FACTOR in kept and not np.isfinite(kept[FACTOR]).all():
        raise InputError(f"{name}: a multiplier is infinite; its scales are too far apart")
    if WEIGHTS in kept and kept[SHIFT][0] >= 0:
        raise InputError(f"{name}: its scales are too far apart to be added")


def check_network(network: IntegerNetwork, engine: Engine) -> None:
    """Refuse a network that an engine cannot compute in 32 bits, or whose codes are not those that operations give.

    Raises
    ------
    InputError
        With the name of the operation, and the channel.
    """
    shapes = network.shapes
    for each in network.operations:
        of, to = [network.codes[name] for name in each.inputs], network.codes[each.name]
        if any(one.dtype != "int8" for one in (*of, to)):
            raise InputError(f"{each.name}: codes inside of a network are int8")
        if each.kind in ("logistic", "softmax") and to != SIGMOID:
            raise InputError(f"{each.name}: a {each.kind} comes out at a scale of 1/256 from -128 on, not {to}")
        if each.kind == "average_pool" and to != of[0]:
            raise InputError(f"{each.name}: an average pool comes out at the scale and zero point that go in")
        if each.kernel is not None:
            if not (np.isfinite(each.kernel.scales).all() and (each.kernel.scales > 0).all()):
                raise InputError(f"{each.name}: a scale of its kernel is no positive number")
            check_sums(each.name, each.kernel.weights, each.kernel.bias, of[0])
        if each.kind not in ("logistic", "swish"):  # which are tables
            pixels = prod(shapes[each.inputs[0]][:-1])
            with np.errstate(over="ignore", divide="ignore", invalid="ignore"):  # what is infinite is refused
                kept = constants(each, of, to, engine, pixels)
            if each.kind == "softmax" and SHIFT in kept and kept[SHIFT][0] < 0:
                raise InputError(f"{each.name}: a scale of {of[0].scale} is too small for a softmax in fixed point")
            if each.kind != "softmax":
                check_stored(each.name, kept, largest(each, of[0], pixels))

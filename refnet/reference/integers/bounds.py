"""How large a sum can become: what shows, for all pictures at once, that 32 bits hold it."""

from __future__ import annotations

import numpy as np

from refnet.arrays import Array
from refnet.errors import InputError
from refnet.reference.integers.activation import SIGMOID
from refnet.reference.integers.fixed_point import INT32_MAX
from refnet.reference.integers.network import IntegerNetwork
from refnet.reference.integers.quantisation import Quantisation


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


def check_network(network: IntegerNetwork) -> None:
    """Refuse a network that cannot be computed in 32 bits, or whose codes are not those that its operations give.

    Raises
    ------
    InputError
        With the name of the operation, and the channel.
    """
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

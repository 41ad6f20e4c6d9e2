"""Summation: the orders and roundings in which ports add up products, exact to the bit, for a few outputs."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from itertools import product
from typing import Any, NamedTuple

import numpy as np

from refnet.arrays import Array

MultiplyAdd = Callable[[Array, Array, Any], Array]  # one tap: (x, w, acc) -> acc


def _plain(x: Array, w: Array, acc: Any) -> Array:
    result: Array = acc + x * w
    return result


def fused(x: Array, w: Array, acc: Any) -> Array:
    """A fused multiply-add of float32, without a compiler: the sum in float64, made odd where it is not exact.

    Examples
    --------
    >>> float(fused(np.float32(0.1), np.float32(10), np.float32(-1))).hex()
    '0x1.0000000000000p-26'
    """
    total, lost = _sum(x, w, acc)
    bits = np.asarray(total).view(np.int64)
    is_even = (bits & 1) == 0
    toward = np.where((lost > 0) == (total > 0), 1, -1)
    odd = np.where((lost != 0) & is_even, bits + toward, bits)
    result: Array = odd.view(np.float64).astype(np.float32)
    return result


def _sum(x: Array, w: Array, acc: Any) -> tuple[Array, Array]:
    """A product, exact in float64, and a sum there; and what that loses."""
    p, a = x.astype(np.float64) * w, np.asarray(acc, np.float64)
    total = p + a
    return total, (p - (total - (total - p))) + (a - (total - p))


def _toward_zero(x: Array, w: Array, acc: Any) -> Array:
    """A fused multiply-add that rounds toward zero."""
    total, lost = _sum(x, w, acc)
    near = total.astype(np.float32)
    beyond = np.abs(near.astype(np.float64)) - np.abs(total)
    too_far = (beyond > 0) | ((beyond == 0) & (lost * total < 0))
    return np.where(too_far, np.nextafter(near, np.float32(0)), near)


#: How a product is added to a sum.
MULTIPLY_ADDS: dict[str, MultiplyAdd] = {
    "multiply-adds that are fused": fused,
    "products that are rounded": _plain,
    "multiply-adds that round toward zero": _toward_zero,
}
IN_FLOAT64 = "products and sums in float64, rounded once to float32"


class SummationOrder(NamedTuple):
    """A way to divide taps 0 … T - 1 into chains, each summed from zero; then the chains' sums are added in order."""

    words: str
    chains: Callable[[int], list[Array]]


def _blocks(size: int) -> SummationOrder:
    return SummationOrder(f"in blocks of {size}", lambda T: np.split(np.arange(T), range(size, T, size)))


def _lanes(count: int) -> SummationOrder:
    return SummationOrder(
        f"in {count} interleaved chains", lambda T: [np.arange(i, T, count) for i in range(min(count, T))]
    )


SUMMATION_ORDERS: tuple[SummationOrder, ...] = (
    SummationOrder("in one chain", lambda T: [np.arange(T)]),
    SummationOrder("in one chain from the last to the first", lambda T: [np.arange(T)[::-1]]),
    *map(_blocks, (32, 4, 8, 16, 64, 128, 256)),
    *map(_lanes, (2, 4, 8, 16, 32)),
)


def sums(x: Array, w: Array) -> Iterator[tuple[list[tuple[str, str]], Array]]:
    """Sum the products of taps, x f32[P, T, K] (or [P, T, 1]) and w f32[T, K], in every way.

    Yields each sum f32[P, K] once, with the ways that give it: how products are added, and in which order, the simplest
    first.

    Examples
    --------
    >>> x, w = np.ones((1, 3, 1), np.float32), np.array([[1], [2**-24], [2**-24]], np.float32)
    >>> ways, total = next(sums(x, w))
    >>> ways[0], float(total[0, 0]) - 1
    (('multiply-adds that are fused', 'in one chain'), 0.0)
    """
    found: dict[bytes, tuple[list[tuple[str, str]], Array]] = {}
    orders: dict[bytes, tuple[str, list[Array]]] = {}
    for order in SUMMATION_ORDERS:  # blocks that are longer than the sum are one chain
        chains = order.chains(x.shape[1])
        orders.setdefault(b";".join(chain.tobytes() for chain in chains), (order.words, chains))
    for (in_order, chains), (words, multiply_add) in product(orders.values(), MULTIPLY_ADDS.items()):
        total = sum_by(x, w, multiply_add, chains)
        found.setdefault(total.tobytes(), ([], total))[0].append((words, in_order))
    total = (x.astype(np.float64) * w).sum(1).astype(np.float32)
    same, _ = found.setdefault(total.tobytes(), ([], total))
    same += [(IN_FLOAT64, order) for order in dict.fromkeys(order for _, order in same)] or [(IN_FLOAT64, "")]
    yield from found.values()


def sum_by(x: Array, w: Array, multiply_add: MultiplyAdd, chains: list[Array]) -> Array:
    """Sum chain by chain."""
    total: Any = None
    for chain in chains:
        acc: Any = np.float32(0)
        for tap in chain:
            acc = multiply_add(x[:, tap], w[tap], acc)
        total = acc if total is None else multiply_add(acc, np.ones_like(acc), total)
    result: Array = total
    return result

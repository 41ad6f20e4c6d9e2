"""Summation: the orders and roundings in which ports add up products, exact to the bit, for a few outputs."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

import numpy as np

from refnet.arrays import Array
from refnet.comparison.findings import listed
from refnet.reference import ops

MultiplyAdd = Callable[[Array, Array, Any], Array]  # one tap: (x, w, acc) -> acc


def _plain(x: Array, w: Array, acc: Any) -> Array:
    result: Array = acc + x * w
    return result


def _fused(x: Array, w: Array, acc: Any) -> Array:
    result: Array = ops.fma(x, w, acc)
    return result


def _toward_zero(x: Array, w: Array, acc: Any) -> Array:
    """A fused multiply-add that rounds toward zero. The product is exact in float64; what its sum loses is kept."""
    p, a = x.astype(np.float64) * w, np.asarray(acc, np.float64)
    total = p + a
    lost = (p - (total - (total - p))) + (a - (total - p))
    near = total.astype(np.float32)
    beyond = np.abs(near.astype(np.float64)) - np.abs(total)
    too_far = (beyond > 0) | ((beyond == 0) & (lost * total < 0))
    return np.where(too_far, np.nextafter(near, np.float32(0)), near)


def _in_float16(x: Array, w: Array, acc: Any) -> Array:
    p = (x.astype(np.float16) * w.astype(np.float16)).astype(np.float32)
    total: Array = (p + acc).astype(np.float16).astype(np.float32)
    return total


def _fused_in_float16(x: Array, w: Array, acc: Any) -> Array:
    p = x.astype(np.float16).astype(np.float64) * w.astype(np.float16)
    total: Array = (p + acc).astype(np.float16).astype(np.float32)
    return total


#: How a product is added to a sum.
MULTIPLY_ADDS: dict[str, MultiplyAdd] = {
    "multiply-adds that are fused": _fused,
    "products that are rounded": _plain,
    "multiply-adds that round toward zero": _toward_zero,
    "products and sums in float16": _in_float16,
    "multiply-adds in float16": _fused_in_float16,
}


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


def sums(x: Array, w: Array) -> Iterator[tuple[str, Array]]:
    """Sum the products of taps, x f32[P, T, K] (or [P, T, 1]) and w f32[T, K], in every way: words and f32[P, K].

    Ways that give the same bits are told together.

    Examples
    --------
    >>> x, w = np.ones((1, 3, 1), np.float32), np.array([[1], [2**-24], [2**-24]], np.float32)
    >>> for words, total in sums(x, w):
    ...     print(float(total[0, 0]) - 1, words[:44])
    0.0 multiply-adds that are fused, in one chain (
    1.1920928955078125e-07 multiply-adds that are fused, in one chain f
    """
    found: dict[bytes, tuple[list[str], Array]] = {}
    for words, multiply_add, chains in _ways(x.shape[1]):
        total = sum_by(x, w, multiply_add, chains)
        found.setdefault(total.tobytes(), ([], total))[0].append(words)
    for (first, *others), total in found.values():
        yield f"{first} ({listed(others, 2)}: the same bits here)" if others else first, total


def _ways(taps: int) -> Iterator[tuple[str, MultiplyAdd, list[Array]]]:
    """Every way to sum so many taps, the simplest order first, each division into chains once."""
    known: set[tuple[bytes, ...]] = set()
    for order in SUMMATION_ORDERS:
        chains = order.chains(taps)
        division = tuple(chain.tobytes() for chain in chains)
        if division in known:
            continue
        known.add(division)
        for words, multiply_add in MULTIPLY_ADDS.items():
            if "float16" not in words or len(chains) == 1:
                yield f"{words}, {order.words}", multiply_add, chains


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

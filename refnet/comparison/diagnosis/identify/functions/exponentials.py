"""Exponentials: what a port has in the place of exp, seen through the swish, sigmoid or softmax that is made of it."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator

import numpy as np

from refnet.arrays import Array
from refnet.comparison.diagnosis.identify.numbers import fit, nice, said_number

Curve = Callable[[Array], Array]
FEWEST = 32
BITS = 23  # of a float32's fraction
BIASES = (1064866805, 1064866808, 1065353216, 1064872507, 1065104896)  # of Schraudolph's trick, as people write it
DEGREES = range(1, 11)
SQUARINGS = range(1, 15)


def exponentials(x: Array, made: Array) -> Iterator[tuple[str, Curve]]:
    """What may have made numbers of x instead of exp(x): in words, and as a function."""
    there = np.isfinite(made) & (made > 0) & (np.abs(x) < 80)
    x, made = x[there], made[there]
    if len(x) < FEWEST:
        return
    yield from _by_bits(x, made)
    for degree in DEGREES:
        yield f"its Taylor polynomial of degree {degree}", _taylor(degree)
    for count in SQUARINGS:
        yield f"(1 + x / {2**count})^{2**count}: {count} squarings", _squared(count)
    for degree in DEGREES:
        words = f"2^n times the Taylor polynomial of degree {degree} of what is left (range reduction to nearest)"
        yield words, _reduced(degree, np.rint)
        words = f"2^n times the Taylor polynomial of degree {degree} of what is left (range reduction, floor)"
        yield words, _reduced(degree, np.floor)
    low, high = float(x[np.argmin(made)]), float(np.log(made.max()))
    for end in {nice(high, 1e-3), nice(-float(np.log(made.min())), 1e-3)}:
        if 0 < end < np.abs(x).max():
            yield f"exp of x bounded at ±{end:.6g}", lambda x, end=end: np.exp(np.clip(x, -end, end))  # type: ignore[misc]
            yield f"exp of x bounded at {end:.6g} from above", lambda x, end=end: np.exp(np.minimum(x, end))  # type: ignore[misc]
            yield f"exp of x bounded at {-end:.6g} from below", lambda x, end=end: np.exp(np.maximum(x, -end))  # type: ignore[misc]
    (slope, shift), _ = fit([x, np.ones_like(x)], np.log(made))
    slope, shift = nice(float(slope), 1e-4), nice(float(shift), 1e-4)
    if (slope, shift) != (1, 0) and low < high:
        words = f"exp({said_number(slope)} x)" if shift == 0 else f"exp({said_number(slope)} x + {shift:.6g})"
        yield words, lambda x: np.exp(slope * x + shift)


def _by_bits(x: Array, made: Array) -> Iterator[tuple[str, Curve]]:
    """A straight line whose whole part is read as the bits of a float: powers of two, with lines between them."""
    bits = made.astype(np.float32).view(np.int32).astype(np.float64)
    (slope, shift), left = fit([x, np.ones_like(x)], bits)
    if not left < 2.0 ** (BITS - 4):
        return
    words = f"Schraudolph's trick, {slope:.9g} x + {shift:.10g} read as the bits of a float"
    yield words, lambda x: _read_as_bits(slope * x + shift)
    for bias in sorted({int(np.rint(shift)) + more for more in (-1, 0, 1)}) + list(BIASES):
        words = f"Schraudolph's trick, {2**BITS / math.log(2):.9g} x + {bias} read as the bits of a float"
        yield words, lambda x, bias=bias: _read_as_bits(2**BITS / math.log(2) * x + bias)  # type: ignore[misc]


def _read_as_bits(line: Array) -> Array:
    whole = np.clip(line, 0, 0x7F7FFFFF).astype(np.int32)
    return whole.view(np.float32).astype(line.dtype)


def _taylor(degree: int) -> Curve:
    factors = [1 / math.factorial(power) for power in range(degree + 1)]
    return lambda x: np.polynomial.polynomial.polyval(x, np.asarray(factors, x.dtype))


def _squared(count: int) -> Curve:
    return lambda x: np.maximum(1 + x / x.dtype.type(2**count), 0) ** (2**count)


def _reduced(degree: int, turn: Callable[[Array], Array]) -> Curve:
    taylor = _taylor(degree)

    def exp(x: Array) -> Array:
        n = turn(x / x.dtype.type(math.log(2)))
        return np.asarray(np.exp2(n) * taylor(x - n * x.dtype.type(math.log(2))), x.dtype)

    return exp

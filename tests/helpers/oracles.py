"""The arithmetic of the bit contract in exact fractions, rounded by hand: no NumPy, no Numba, no CPU's fma.

Numbers are Python floats that are exact in the format (``float32`` or ``float64``) they belong to.
Results have no negative zero; where that matters a test has the bits typed in.
"""

import math
from fractions import Fraction
from itertools import product

import numpy as np

DIGITS_LOWEST_TOP = {"float32": (24, -149, 128), "float64": (53, -1074, 1024)}


def nearest(value, dtype):
    """The number of the format nearest to a fraction, ties to even, overflow to infinity."""
    digits, lowest, top = DIGITS_LOWEST_TOP[dtype]
    value = Fraction(value)
    magnitude = abs(value)
    exponent = magnitude.numerator.bit_length() - magnitude.denominator.bit_length()
    if magnitude < Fraction(2) ** exponent:
        exponent -= 1
    quantum = Fraction(2) ** max(exponent - digits + 1, lowest)
    rounded = round(value / quantum) * quantum
    if abs(rounded) >= Fraction(2) ** top:
        return math.inf if value > 0 else -math.inf
    return float(rounded)


def add(x, y, dtype):
    return nearest(Fraction(float(x)) + Fraction(float(y)), dtype)


def fma(x, y, z, dtype):
    return nearest(Fraction(float(x)) * Fraction(float(y)) + Fraction(float(z)), dtype)


def in_one_chain(dtype):
    """Sum of products as a depthwise convolution makes it: one fma after the other, from zero."""

    def total(taps):
        acc = 0.0
        for x, w in taps:
            acc = fma(x, w, acc, dtype)
        return acc

    return total


def in_blocks(dtype, size=32):
    """Sum of products as a convolution makes it: a chain for each block of taps, then the blocks in order."""

    def total(taps):
        first, *others = [in_one_chain(dtype)(taps[i : i + size]) for i in range(0, len(taps), size)]
        for block in others:
            first = add(first, block, dtype)
        return first

    return total


def exactly(taps):
    """Sum of products without any rounding."""
    return float(sum(Fraction(x) * Fraction(w) for x, w in taps))


def convolution(x, kernel, total, *, stride=1, pads=(0, 0, 0, 0)):
    """Convolution of x [N, H, W, C] with kernel [R, S, C, K], each output by itself; ``total`` sums its products."""
    R, S, C, K = kernel.shape
    N, H, W, _ = x.shape
    top, bottom, left, right = pads

    def pixel(n, h, w, c):
        inside = top <= h < top + H and left <= w < left + W
        return float(x[n, h - top, w - left, c]) if inside else 0.0

    y = np.empty((N, (top + H + bottom - R) // stride + 1, (left + W + right - S) // stride + 1, K))
    for n, h, w, k in np.ndindex(y.shape):
        y[n, h, w, k] = total(
            [
                (pixel(n, h * stride + ky, w * stride + kx, ci), float(kernel[ky, kx, ci, k]))
                for ky, kx, ci in product(range(R), range(S), range(C))
            ]
        )
    return y


def depthwise(x, kernel, total, *, stride=1, pads=(0, 0, 0, 0)):
    """Convolution of each channel of x [N, H, W, C] with its own kernel [R, S, C]."""
    channels = [
        convolution(x[..., [c]], kernel[:, :, [c], None], total, stride=stride, pads=pads)
        for c in range(kernel.shape[-1])
    ]
    return np.concatenate(channels, axis=-1)

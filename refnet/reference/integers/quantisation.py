"""Between real numbers and codes: quantise, dequantise, and from one scale to another."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, Literal

import numpy as np

from refnet.arrays import Array
from refnet.errors import InputError
from refnet.reference.integers.fixed_point import half_away
from refnet.reference.integers.policy import Policy

DType = Literal["int8", "uint8"]
Rounding = Literal["half-away", "half-even", "quotient-half-even"]
RANGES: Final[dict[DType, tuple[int, int]]] = {"int8": (-128, 127), "uint8": (0, 255)}


@dataclass(frozen=True)
class Quantisation:
    """How the codes of a tensor stand for real numbers: ``scale * (q - zero_point)``.

    Attributes
    ----------
    scale
        A positive float32.
    zero_point
        The code of 0.
    dtype
        Of the codes.

    Examples
    --------
    >>> Quantisation(np.float32(0.5), -128).limits
    (-128, 127)
    """

    scale: np.float32
    zero_point: int
    dtype: DType = "int8"

    def __post_init__(self) -> None:
        low, high = RANGES[self.dtype]
        if not (np.isfinite(self.scale) and self.scale > 0):
            raise InputError(f"a scale of {self.scale}: want a positive number")
        if not low <= self.zero_point <= high:
            raise InputError(f"a zero point of {self.zero_point}: want one of {self.dtype}, {low} to {high}")

    @property
    def limits(self) -> tuple[int, int]:
        """The least and the largest code."""
        return RANGES[self.dtype]

    def above_zero(self, q: Array) -> Array:
        """Codes as multiples of the scale: q - zero_point, int64."""
        return q.astype(np.int64) - self.zero_point

    def clamp(self, q: Array, limits: tuple[int, int] | None = None) -> Array:
        """Codes brought into the dtype's range, or into narrower limits."""
        return np.clip(q, *(self.limits if limits is None else limits)).astype(self.dtype)


def quantise(x: Array, to: Quantisation, rounding: Rounding = "half-away") -> Array:
    """Codes of float32 numbers.

    ``half-away``: the quotient x / scale as float32, rounded with a tie away from 0; plus the zero point; clamped.
    ``half-even``: the product x * (1 / scale), both as float32, rounded with a tie to the even one; likewise.
    ``quotient-half-even``: the quotient as float32, with a tie to the even one; likewise.

    Examples
    --------
    >>> q = Quantisation(np.float32(2), 10)
    >>> quantise(np.array([1, -1, 5, 1000], np.float32), q)
    array([ 11,   9,  13, 127], dtype=int8)
    >>> quantise(np.array([1, -1, 5, 1000], np.float32), q, "half-even")
    array([ 10,  10,  12, 127], dtype=int8)
    """
    if not np.isfinite(x).all():
        raise InputError("a number that is infinite or none at all has no code")
    x = x.astype(np.float32)
    if rounding == "half-away":
        whole = half_away(_within(x / to.scale))
    else:
        real = x / to.scale if rounding == "quotient-half-even" else x * (np.float32(1) / to.scale)
        whole = np.rint(_within(real)).astype(np.int64)
    return to.clamp(whole + to.zero_point)


def _within(x: Array) -> Array:
    """Far outside of any code, all numbers are alike: so that they become integers of int64."""
    return np.clip(x, np.float32(-(1 << 30)), np.float32(1 << 30))


def dequantise(q: Array, by: Quantisation) -> Array:
    """Real numbers of codes, as float32: one rounding of ``scale * (q - zero_point)``.

    Examples
    --------
    >>> dequantise(np.array([-128, 127], np.int8), Quantisation(np.float32(0.1), -128))
    array([ 0. , 25.5], dtype=float32)
    """
    result: Array = by.above_zero(q).astype(np.float32) * by.scale
    return result


def requantise(q: Array, by: Quantisation, to: Quantisation, policy: Policy) -> Array:
    """Codes of the same numbers under another scale, zero point or dtype; ``by.scale / to.scale`` is of float64.

    Examples
    --------
    >>> from refnet.reference.integers.policy import policy
    >>> picture = Quantisation(np.float32(1), 128, "uint8")
    >>> requantise(np.array([0, 255], np.uint8), picture, Quantisation(np.float32(1), 0), policy("double"))
    array([-128,  127], dtype=int8)
    """
    real = np.float64(by.scale) / np.float64(to.scale)
    return to.clamp(policy(by.above_zero(q), real) + to.zero_point)


def activation_limits(activation: str, to: Quantisation) -> tuple[int, int]:
    """The codes that an activation keeps: of 0 to 6 for ``relu6``, from 0 on for ``relu``, all for ``none``.

    Examples
    --------
    >>> activation_limits("relu6", Quantisation(np.float32(0.05), -100))
    (-100, 20)
    """
    low, high = to.limits
    ends = {"none": (None, None), "relu": (0, None), "relu6": (0, 6)}[activation]
    least, most = (
        limit if end is None else to.zero_point + int(half_away(np.float32(end) / to.scale))
        for end, limit in zip(ends, (low, high), strict=True)
    )
    return max(low, least), min(high, most)

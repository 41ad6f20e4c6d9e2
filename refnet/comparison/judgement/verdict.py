"""Judgement: is a port's tensor exact, merely rounded in another order, or wrong.

What a different order of roundings may do to a step is measured, not guessed: the same step is computed in float32 and
in float64, and their distance is the step's noise floor. Another float32 implementation of the same mathematics lies
within a small multiple of it; a mistake does not.

refnet adds in short blocks, others may add all terms one after the other, whose errors grow: n roundings of relative
size u, of partial sums on the way to the result, come to about u sqrt(n) / 3 of it, be the terms of one sign (a mean:
u / 3 sqrt(n)) or of both (a convolution: at most u sqrt(n / 6)). The floor is at least that.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal

import numpy as np

from refnet.architecture.step import Step
from refnet.arrays import Array
from refnet.comparison.judgement.pieces import dot, pieces

Verdict = Literal["exact", "rounded", "wrong"]

# How many times the noise floor other implementations may be away from float64: by the root mean square and at most.
# About three times what ONNX Runtime and PyTorch were measured to be: see tests/comparison/test_ports.py.
RMS_FACTOR = 8.0
MAX_FACTOR = 16.0

#: Half an ulp of 1: relative error of one rounding.
ROUNDING = {"float32": 2.0**-24, "float64": 2.0**-53, "float16": 2.0**-11, "bfloat16": 2.0**-8}


@dataclass(frozen=True)
class NoiseFloor:
    """How far float32 is from float64 in one tensor: by the root mean square, and at most."""

    rms: float
    largest: float


NO_FLOOR = NoiseFloor(0.0, 0.0)


@dataclass(frozen=True)
class Judgement:
    """A verdict, and what it rests on."""

    verdict: Verdict
    floor: NoiseFloor
    error: float  # rms of the port's tensor minus the truth; infinite where they cannot be subtracted
    size: float  # rms of the truth
    rms_ratio: float  # the distance from the truth in noise floors, by rms
    max_ratio: float  # the same, of the element that is farthest away


def rms(x: Array) -> float:
    """Root mean square, in float64; 0 of nothing.

    Examples
    --------
    >>> rms(np.array([3.0, 4.0], np.float32))
    3.5355339059327378
    """
    return _spread(x)[0]


def error_of(tensor: Array, truth: Array) -> NoiseFloor:
    """Measure how far a tensor is from the truth.

    Examples
    --------
    >>> error_of(np.array([1.0, 3.0]), np.array([1.0, 1.0]))
    NoiseFloor(rms=1.4142135623730951, largest=2.0)
    """
    return NoiseFloor(*_spread(tensor, truth))


def noise_floor(single: Array, truth: Array, dtype: str = "float32", terms: int = 1) -> NoiseFloor:
    """Measure the floor of a step from its results in float32, ``single``, and float64, ``truth``.

    It is never less than one rounding of each number in ``dtype``, that of the port, or than a sum of ``terms`` one
    after the other in float32.

    Examples
    --------
    >>> noise_floor(np.ones(2, np.float32), np.ones(2)) == NoiseFloor(2.0**-24, 2.0**-24)
    True
    """
    by, at_most = _spread(single, truth)
    size, largest = _spread(truth)
    rounding = max(ROUNDING[dtype], ROUNDING["float32"] * math.sqrt(terms) / 3)
    return NoiseFloor(max(by, size * rounding), max(at_most, largest * rounding))


def judge(
    actual: Array,
    single: Array,
    truth: Array,
    dtype: str = "float32",
    terms: int = 1,
    least: NoiseFloor = NO_FLOOR,
) -> Judgement:
    """Judge a port's tensor, in ``dtype``, by the same step's results in float32, ``single``, and float64, ``truth``.

    ``terms`` is the length of the longest sum on the way, see ``terms_added``; the noise floor is ``least`` at least.

    Examples
    --------
    >>> truth = np.linspace(1.0, 2.0, 100)
    >>> single = truth.astype(np.float32)
    >>> ports = (single, np.nextafter(single, np.float32(0)), single * 1.001)
    >>> [judge(port, single, truth).verdict for port in ports]
    ['exact', 'rounded', 'wrong']
    >>> truth = np.ones(4)
    >>> found = judge(np.full(4, 1 + 2.0**-23, np.float32), truth.astype(np.float32), truth)
    >>> found.rms_ratio, found.max_ratio
    (2.0, 2.0)
    """
    found, size = noise_floor(single, truth, dtype, terms), rms(truth)
    floor = NoiseFloor(max(found.rms, least.rms), max(found.largest, least.largest))
    if actual.shape != truth.shape or not np.isfinite(actual).all():
        return Judgement("wrong", floor, np.inf, size, np.inf, np.inf)
    error, largest = _spread(actual, truth)
    by, at_most = _ratio(error, floor.rms), _ratio(largest, floor.largest)
    if any(actual.dtype == same.dtype and np.array_equal(actual, same) for same in (single, truth)):
        return Judgement("exact", floor, error, size, by, at_most)
    verdict: Verdict = "rounded" if by <= RMS_FACTOR and at_most <= MAX_FACTOR else "wrong"
    return Judgement(verdict, floor, error, size, by, at_most)


def terms_added(step: Step) -> int:
    """How many terms a step adds up for one number.

    Examples
    --------
    >>> from refnet.architecture.variants import variant
    >>> from refnet.architecture.plan import make_plan
    >>> plan = make_plan(variant("b0"))
    >>> [terms_added(plan[name]) for name in ("stem", "block1a.depthwise", "block1a.squeeze", "logits")]
    [27, 9, 12544, 1280]
    """
    channels, pixels = step.in_shape[-1], math.prod(step.in_shape[:-1])
    return {
        "convolution": step.kernel**2 * channels,
        "depthwise": step.kernel**2,
        "mean": pixels,
        "gem": pixels,
        "dense": channels,
        "softmax": channels,
        "log_softmax": channels,
    }.get(step.op, 1)


def _ratio(error: float, floor: float) -> float:
    return (error / floor if floor else float("inf")) if error else 0.0


def _spread(x: Array, truth: Array | None = None) -> tuple[float, float]:
    """Root mean square and largest size of x, or of x minus the truth."""
    squares, largest = 0.0, 0.0
    for _, *piece in pieces(x) if truth is None else pieces(x, truth):
        values = piece[0].astype(np.float64) - (piece[1] if truth is not None else 0.0)
        squares += dot(values, values)
        largest = max(largest, float(np.max(np.abs(values))))
    return (float(np.sqrt(squares / x.size)), largest) if x.size else (0.0, 0.0)

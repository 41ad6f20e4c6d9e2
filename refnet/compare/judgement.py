"""Judgement: is a port's tensor exact, merely rounded in another order, or wrong.

What a different order of roundings may do to a step is measured, not guessed: the same step is computed in float32 and
in float64, and their distance is the step's noise floor. Another float32 implementation of the same mathematics lies
within a small multiple of it; a mistake does not.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[Any]
Verdict = Literal["exact", "rounded", "wrong"]

# How many times the noise floor other implementations may be away from float64: by the root mean square and at most.
# Measured: see tests/compare/test_ports.py.
RMS_FACTOR = 8.0
MAX_FACTOR = 32.0

#: Half an ulp of 1: relative error of one rounding.
ROUNDING = {"float32": 2.0**-24, "float64": 2.0**-53, "float16": 2.0**-11, "bfloat16": 2.0**-8}


@dataclass(frozen=True)
class NoiseFloor:
    """How far float32 is from float64 in one tensor: by the root mean square, and at most."""

    rms: float
    largest: float


def rms(x: Array) -> float:
    """Root mean square, in float64; 0 of nothing.

    Examples
    --------
    >>> rms(np.array([3.0, 4.0], np.float32))
    3.5355339059327378
    """
    return float(np.sqrt(np.mean(np.square(x, dtype=np.float64)))) if x.size else 0.0


def noise_floor(here: Array, truth: Array, dtype: str = "float32") -> NoiseFloor:
    """Measure the floor of a step from its results in float32, ``here``, and float64, ``truth``.

    It is never less than one rounding of each number in ``dtype``, that of the port.

    Examples
    --------
    >>> noise_floor(np.ones(2, np.float32), np.ones(2)) == NoiseFloor(2.0**-24, 2.0**-24)
    True
    """
    error = here - truth
    rounding = ROUNDING[dtype]
    largest = float(np.max(np.abs(truth), initial=0.0))
    return NoiseFloor(
        max(rms(error), rms(truth) * rounding), max(float(np.max(np.abs(error), initial=0.0)), largest * rounding)
    )


def judge(actual: Array, here: Array, truth: Array, dtype: str = "float32") -> Verdict:
    """Judge a port's tensor by the same step's results in float32, ``here``, and float64, ``truth``.

    Examples
    --------
    >>> truth = np.linspace(1.0, 2.0, 100)
    >>> here = truth.astype(np.float32)
    >>> [judge(port, here, truth) for port in (here, np.nextafter(here, np.float32(0)), here * 1.001)]
    ['exact', 'rounded', 'wrong']
    """
    if actual.shape != truth.shape or not np.isfinite(actual).all():
        return "wrong"
    if actual.dtype == here.dtype and np.array_equal(actual, here):
        return "exact"
    floor = noise_floor(here, truth, dtype)
    error = actual - truth
    within = rms(error) <= RMS_FACTOR * floor.rms and float(np.max(np.abs(error), initial=0.0)) <= (
        MAX_FACTOR * floor.largest
    )
    return "rounded" if within else "wrong"

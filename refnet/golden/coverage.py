"""Coverage: how much of its range a tensor uses, so that nothing is verified on an input that shows nothing."""

from __future__ import annotations

import math
from typing import NamedTuple, assert_never

import numpy as np

from refnet.architecture import names
from refnet.architecture.activations import Activation
from refnet.architecture.plan import Plan
from refnet.arrays import Array
from refnet.golden.dtypes import decode

#: An input with fewer different values hides mistakes.
FEW_VALUES = 32

#: Beyond this, swish and sigmoid are within 5e-5 of their limits: 0 or 1, and x for swish.
CURVED = 10.0
_CURVED_ARGUMENTS = {
    "swish": (-CURVED, CURVED),
    "sigmoid": (-CURVED, CURVED),
    "relu6": (0, 6),
    "relu": (0, math.inf),
    "tanh": (-CURVED / 2, CURVED / 2),
}

BLOCK = 1 << 20  # elements looked at together


class Coverage(NamedTuple):
    """What there is in one tensor, or in the part of it that is recorded, beside its range.

    Attributes
    ----------
    zeros
        Share of elements that are 0.
    regions
        Shares of elements in the regions of the activation, or None; see ``regions``.
    constant, channels
        Number of channels in which all elements are the same, of how many; none where a channel has one element.
    subnormals
        Number of elements too small to have all their digits.
    not_finite
        Number of elements that are infinite or NaN.
    """

    zeros: float
    regions: CurveRegions | None
    constant: int
    channels: int
    subnormals: int
    not_finite: int


class CurveRegions(NamedTuple):
    """Shares of elements below, inside and above where an activation is curved; ``low`` is None if not known."""

    low: float | None
    inside: float
    high: float


def coverage_of(tensor: Array, found: CurveRegions | None = None) -> Coverage:
    """Measure a tensor [..., C] whose elements are in the regions ``found``.

    Examples
    --------
    >>> x = np.array([[0, 6], [3, 6]], np.float32)
    >>> found = coverage_of(x, regions(x, "relu6"))
    >>> found.zeros, found.constant, found.regions
    (0.25, 1, CurveRegions(low=0.25, inside=0.25, high=0.5))
    """
    rows = tensor.reshape(-1, tensor.shape[-1])
    return Coverage(
        zeros=_share(tensor == 0),
        regions=found,
        constant=int(np.count_nonzero(rows.min(0) == rows.max(0))) if len(rows) > 1 else 0,
        channels=rows.shape[1],
        subnormals=_subnormals(tensor),
        not_finite=tensor.size - int(np.count_nonzero(np.isfinite(tensor))),
    )


def coverage_of_codes(codes: Array, limits: tuple[int, int] | None, zero_point: int) -> Coverage:
    """Measure codes, or sums, [..., C]: zeros are those of the real numbers, regions those at and between the limits.

    Examples
    --------
    >>> coverage_of_codes(np.array([[-128, 5], [0, 127]], np.int8), (-128, 127), 5).regions
    CurveRegions(low=0.25, inside=0.5, high=0.25)
    """
    rows, found = codes.reshape(-1, codes.shape[-1]), None
    if limits is not None:
        low, high = _share(codes <= limits[0]), _share(codes >= limits[1])
        found = CurveRegions(low, 1 - low - high, high)
    constant = int(np.count_nonzero(rows.min(0) == rows.max(0))) if len(rows) > 1 else 0
    return Coverage(_share(codes == zero_point), found, constant, rows.shape[1], 0, 0)


class RunCoverage:
    """Measures the tensors of a run one after the other, in execution order."""

    def __init__(self, plan: Plan) -> None:
        self._steps = {step.name: step for step in plan}
        self._argument: tuple[str, CurveRegions | None] = ("", None)  # of which step's activation, and where it lies

    def __call__(self, name: str, tensor: Array) -> Coverage:
        """Measure a tensor by its name: regions are those of the activation's argument, where that came before."""
        return coverage_of(tensor, self._regions(name, tensor))

    def _regions(self, name: str, tensor: Array) -> CurveRegions | None:
        whole, _, part = name.rpartition(".")
        if part == names.BN:
            self._argument = (whole, regions_of_argument(tensor, self._steps[whole].activation))
            return self._argument[1]
        step = self._steps.get(whole if part == names.ACT else name)
        if step is None:  # the input, or a sum
            return None
        known, found = self._argument
        return found if known == step.name else regions(tensor, step.activation)


def regions(tensor: Array, activation: Activation) -> CurveRegions | None:
    """Find the regions of an activation from what it made: None where there is none.

    Of ReLU6, at 0, between, at 6; of a sigmoid, arguments below -10, between, above 10. Of swish only what is above 10
    can be told: a small negative number may come from either end.

    Examples
    --------
    >>> regions(np.array([0, 1, 20, 20], np.float32), "swish")
    CurveRegions(low=None, inside=0.5, high=0.5)
    """
    match activation:
        case "none":
            return None
        case "swish":
            high = _share(tensor > CURVED)
            return CurveRegions(None, 1 - high, high)
        case "relu6":
            low, high = _share(tensor <= 0), _share(tensor >= 6)
        case "relu":
            low, high = _share(tensor <= 0), 0.0
        case "tanh":
            limit = math.tanh(CURVED / 2)
            low, high = _share(tensor < -limit), _share(tensor > limit)
        case "sigmoid":
            limit = 1 / (1 + math.exp(CURVED))
            low, high = _share(tensor < limit), _share(tensor > 1 - limit)
        case _:
            assert_never(activation)
    return CurveRegions(low, 1 - low - high, high)


def regions_of_argument(argument: Array, activation: Activation) -> CurveRegions | None:
    """Find the regions of an activation from what it is applied to.

    Examples
    --------
    >>> regions_of_argument(np.array([-20, 1, 20, 30], np.float32), "swish")
    CurveRegions(low=0.25, inside=0.25, high=0.5)
    """
    if activation == "none":
        return None
    least, largest = _CURVED_ARGUMENTS[activation]
    low, high = _share(argument < least), _share(argument > largest)
    return CurveRegions(low, 1 - low - high, high)


def _share(holds: Array) -> float:
    return float(np.count_nonzero(holds) / holds.size)


def _subnormals(tensor: Array) -> int:
    least = np.finfo(tensor.dtype).smallest_normal
    return int(np.count_nonzero((tensor < least) & (tensor > -least))) - int(np.count_nonzero(tensor == 0))


class StoredRange(NamedTuple):
    """Smallest and largest finite number, 0 where there is none, and how many different bit patterns there are."""

    minimum: float
    maximum: float
    distinct: int


def stored_range(words: Array, dtype: str) -> StoredRange:
    """Look at all words of a tensor; takes the memory of one copy.

    Examples
    --------
    >>> stored_range(np.array([1, -2, np.inf, 1], np.float32).view(np.uint32), "float32")
    StoredRange(minimum=-2.0, maximum=1.0, distinct=3)
    """
    flat = words.reshape(-1)
    least, largest = np.inf, -np.inf
    for start in range(0, flat.size, BLOCK):
        numbers = decode(flat[start : start + BLOCK], dtype)
        finite = numbers[np.isfinite(numbers)]
        if finite.size:
            least, largest = min(least, float(finite.min())), max(largest, float(finite.max()))
    return StoredRange(*((least, largest) if least <= largest else (0.0, 0.0)), _distinct(flat))


def _distinct(flat: Array) -> int:
    if flat.itemsize <= 2:
        return int(np.count_nonzero(np.bincount(flat, minlength=1))) if flat.size else 0
    ordered = np.sort(flat)  # np.unique takes twenty times as long
    found = min(flat.size, 1)
    for start in range(0, flat.size, BLOCK):
        block = ordered[start : start + BLOCK + 1]
        found += int(np.count_nonzero(block[1:] != block[:-1]))
    return found

"""How near an integer network comes to the float one it was made of: step by step, and in its answers.

Differences are counted in parts of the step's own scale, as whole numbers: the figures are the same on every machine.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field

import numpy as np

from refnet.architecture import names
from refnet.arrays import Array
from refnet.float_mode import default_mode
from refnet.network.quantised import QuantisedNetwork
from refnet.pipeline.source import Source
from refnet.quantisation.pictures import Pictures
from refnet.quantisation.quantise import Quantised
from refnet.quantisation.twin import Twin
from refnet.reference.integers.quantisation import Quantisation

PARTS = 256  # of a scale, that differences are counted in
FARTHEST = 1 << 12  # scales; what is farther counts as that


@dataclass
class StepNearness:
    """One tensor of an integer network beside the float one's.

    Attributes
    ----------
    name, kind
        Of the operation.
    codes
        How its codes stand for real numbers.
    low, high
        The least and the largest number of the float network.
    numbers, clipped
        How many numbers there were, and how many of them are beyond the codes' range.
    """

    name: str
    kind: str
    codes: Quantisation
    low: float = math.inf
    high: float = -math.inf
    numbers: int = 0
    clipped: int = 0
    _signal: int = field(default=0, repr=False)
    _noise: int = field(default=0, repr=False)

    @property
    def range(self) -> tuple[float, float]:
        """The least and the largest number that has a code."""
        least, most = ((q - self.codes.zero_point) * float(self.codes.scale) for q in self.codes.limits)
        return least, most

    @property
    def clipped_share(self) -> float:
        """The share of the numbers that are beyond the range."""
        return self.clipped / self.numbers if self.numbers else 0.0

    @property
    def snr(self) -> float:
        """Signal to noise, in dB: the float network's numbers beside how far the integers' are from them."""
        if not self._noise:
            return math.inf
        return 10 * math.log10(self._signal / self._noise) if self._signal else -math.inf

    def add(self, real: Array, q: Array, factors: Array | float = 1.0) -> None:
        """Compare the tensors of one more picture; codes stand for the real numbers times ``factors``."""
        in_scales = real.astype(np.float64) / np.float64(self.codes.scale)
        least, most = (limit - self.codes.zero_point for limit in self.codes.limits)
        scaled = in_scales if isinstance(factors, float) else in_scales * factors
        self.clipped += int(np.count_nonzero((scaled < least - 0.5) | (scaled > most + 0.5)))
        self.numbers += real.size
        self.low, self.high = min(self.low, float(real.min())), max(self.high, float(real.max()))
        self._signal += _sum_of_squares(in_scales)
        self._noise += _sum_of_squares(in_scales - self.codes.above_zero(q) / factors)


def _sum_of_squares(x: Array) -> int:
    parts = np.clip(x, -FARTHEST, FARTHEST)
    parts *= PARTS
    whole = np.rint(parts, out=parts).astype(np.int64)
    return int(np.vdot(whole, whole))


@dataclass(frozen=True)
class Nearness:
    """An integer network beside the float one, on some pictures.

    Attributes
    ----------
    steps
        Of each tensor that both have, in execution order.
    pictures
        How many there were.
    same
        On how many both have the same first class; None where the network has no classes.
    farthest
        The largest difference of a number of the answer.
    """

    steps: tuple[StepNearness, ...]
    pictures: int
    same: int | None
    farthest: float

    @property
    def same_share(self) -> float | None:
        """The share of the pictures on which both have the same first class."""
        return None if self.same is None else self.same / self.pictures


@default_mode()
def measure(quantised: Quantised, pictures: Source | Pictures) -> Nearness:
    """Compare an integer network with the float one on pictures.

    Examples
    --------
    >>> import refnet
    >>> from refnet.quantisation.quantise import quantise
    >>> found = quantise(refnet.load("lite0"), "refnet/data/chelsea.png")
    >>> nearness = measure(found, "refnet/data/chelsea.png")
    >>> nearness.same, nearness.steps[0].name, nearness.steps[0].clipped_share
    (1, 'stem', 0.0)
    """
    found = pictures if isinstance(pictures, Pictures) else Pictures(pictures)
    original, integers = quantised.original, QuantisedNetwork(quantised.weights, threads=quantised.original.threads)
    twin = Twin(original)
    steps = {
        each.name: StepNearness(each.name, each.kind, integers.codes[each.name])
        for each in quantised.weights.network.operations
        if each.name in twin.names
    }
    answers = _Answers(integers)
    for x in found.prepared(original, "comparing"):
        both = zip(twin.run(x, steps), integers.trace(x, list(steps)), strict=True)
        for (name, real), (_, q) in both:
            steps[name].add(real, q, _factors(quantised, name))
            answers.add(name, real, q)
    return Nearness(tuple(steps.values()), len(found), answers.same, answers.farthest)


def _factors(quantised: Quantised, name: str) -> Array | float:
    factors = quantised.factors
    return factors.get(name, factors.get(name.removesuffix(names.part_name("", names.CONV)), 1.0))


class _Answers:
    """Counts on how many pictures both answer the same."""

    def __init__(self, integers: QuantisedNetwork) -> None:
        self.integers = integers
        self.same: int | None = 0 if integers.plan.architecture.classes > 1 else None
        self.farthest = 0.0

    def add(self, name: str, real: Array, q: Array) -> None:
        if name != self.integers.plan.answer:
            return
        ours = self.integers.real(name, q)
        self.farthest = max(self.farthest, float(np.abs(ours - real).max()))
        if self.same is not None:
            self.same += int(ours.argmax() == real.argmax())

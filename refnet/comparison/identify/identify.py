"""Identify: what a step computed, from its numbers. Estimates become explanations, and these are verified.

Each estimator takes what the step should compute and the port's numbers, estimates what was computed instead, and
yields explanations: computations that can be run, with a sentence each. One counts if it gives the port's numbers.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

from refnet.comparison.diagnosis.mistakes import Mistake, Situation
from refnet.comparison.diagnosis.trial import Trial
from refnet.comparison.identify.borders import borders
from refnet.comparison.identify.curves import curves
from refnet.comparison.identify.gains import gains
from refnet.comparison.identify.grids import grids
from refnet.comparison.identify.moved import moved
from refnet.comparison.identify.operands import operands
from refnet.comparison.identify.orders import orders
from refnet.comparison.identify.parts import contents
from refnet.comparison.identify.reductions import reductions
from refnet.comparison.identify.scales import scales
from refnet.comparison.identify.shapes import shapes
from refnet.comparison.identify.taps import taps
from refnet.comparison.identify.terms import terms

#: In this order: of two explanations that give the same numbers, the first is told first.
ESTIMATORS: tuple[Callable[[Situation, Trial], Iterator[Mistake]], ...] = (
    contents,
    gains,
    borders,
    taps,
    reductions,
    curves,
    shapes,
    lambda s, _: orders(s),
    scales,
    lambda s, _: operands(s),
    moved,
    terms,
    grids,
)

"""Identify: what a step computed, from its numbers. Estimates become explanations, and these are verified.

Each estimator takes what the step should compute and the port's numbers, estimates what was computed instead, and
yields explanations: computations that can be run, with a sentence each. One counts if it gives the port's numbers.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

from refnet.comparison.diagnosis.identify.functions.compositions import compositions
from refnet.comparison.diagnosis.identify.functions.curves import curves
from refnet.comparison.diagnosis.identify.functions.orders import orders
from refnet.comparison.diagnosis.identify.functions.reductions import reductions
from refnet.comparison.diagnosis.identify.functions.scatters import scatters
from refnet.comparison.diagnosis.identify.functions.shapes import shapes
from refnet.comparison.diagnosis.identify.functions.terms import terms
from refnet.comparison.diagnosis.identify.grids.grids import grids
from refnet.comparison.diagnosis.identify.grids.narrow_operands import narrow_operands
from refnet.comparison.diagnosis.identify.grids.narrow_sums import narrow_sums
from refnet.comparison.diagnosis.identify.layers.borders import borders
from refnet.comparison.diagnosis.identify.layers.broadcasts import broadcasts
from refnet.comparison.diagnosis.identify.layers.gains import gains
from refnet.comparison.diagnosis.identify.layers.reads import reads
from refnet.comparison.diagnosis.identify.layers.scales import scales
from refnet.comparison.diagnosis.identify.layers.strips import strips
from refnet.comparison.diagnosis.identify.layers.taps import taps
from refnet.comparison.diagnosis.identify.layers.windows import windows
from refnet.comparison.diagnosis.identify.memory.carried import carried
from refnet.comparison.diagnosis.identify.memory.moved import moved
from refnet.comparison.diagnosis.identify.memory.operands import operands
from refnet.comparison.diagnosis.identify.memory.parts import contents
from refnet.comparison.diagnosis.identify.memory.pictures import pictures
from refnet.comparison.diagnosis.mistakes import Mistake, Situation
from refnet.comparison.diagnosis.trial import Trial

Estimator = Callable[[Situation, Trial], Iterator[Mistake]]

#: In this order: of two explanations that give the same numbers, the first is told first.
ESTIMATORS: tuple[Estimator, ...] = (
    contents,
    pictures,
    carried,
    gains,
    borders,
    lambda s, _: windows(s),
    strips,
    taps,
    reads,
    reductions,
    curves,
    compositions,
    grids,
    shapes,
    lambda s, _: orders(s),
    lambda s, _: broadcasts(s),
    scales,
    lambda s, _: operands(s),
    moved,
    terms,
    scatters,
    narrow_operands,
    narrow_sums,
)

#: Those that need no number of the port's in its place: they are asked where the shape is wrong.
OF_ANY_SHAPE: tuple[Estimator, ...] = (
    lambda s, _: windows(s),
    lambda s, _: orders(s),
    lambda s, _: operands(s),
)

"""Guesses: explanations that need no estimate, for steps whose own numbers are not known."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from itertools import chain

import numpy as np

from refnet.arrays import Array
from refnet.comparison.diagnosis.identify.functions.orders import orders
from refnet.comparison.diagnosis.identify.functions.reductions import other_means, other_softmaxes
from refnet.comparison.diagnosis.identify.functions.shapes import other_shapes
from refnet.comparison.diagnosis.identify.layers.borders import border_rules
from refnet.comparison.diagnosis.identify.layers.gains import tails_left_out, taps_left_out
from refnet.comparison.diagnosis.identify.layers.scales import moved_norms
from refnet.comparison.diagnosis.identify.layers.strips import usual_strips
from refnet.comparison.diagnosis.identify.layers.windows import windows
from refnet.comparison.diagnosis.identify.memory.carried import carried_over
from refnet.comparison.diagnosis.identify.memory.operands import operands
from refnet.comparison.diagnosis.mistakes import Mistake, Situation, mistakes

FILLS = (0.5, 1.0, -1.0, -0.25, 127.0, 128.0)
BOUNDS = (1.0, 2.0, 3.0, 4.0, 5.0, 8.0)


def usual(s: Situation) -> Iterator[Mistake]:
    """What goes wrong most."""
    return chain(
        mistakes(s), taps_left_out(s.right), tails_left_out(s.right), orders(s), other_means(s.right),
        other_softmaxes(s.right), border_rules(s.right), _fills(s), _bounds(s), usual_strips(s), _lost_rows(s),
    )  # fmt: skip


def unusual(s: Situation) -> Iterator[Mistake]:
    """What goes wrong more rarely."""
    return chain(windows(s), carried_over(s), moved_norms(s), operands(s), other_shapes(s))


def _fills(s: Situation) -> Iterator[Mistake]:
    if s.right.op in ("convolution", "depthwise") and any(s.right.pads):
        for fill in FILLS:
            words = f"around the picture stands {fill:g} instead of 0"
            yield Mistake("border-filled", words, replace(s.right, pad_value=fill))


def _bounds(s: Situation) -> Iterator[Mistake]:
    if s.right.activation == "relu6":
        for bound in BOUNDS:
            after = replace(s.right, activation="relu", after=lambda x, b=bound: np.minimum(x, x.dtype.type(b)))  # type: ignore[misc]
            yield Mistake("relu with a bound", f"min(max(x, 0), {bound:g}) instead of relu6", after)


def _lost_rows(s: Situation) -> Iterator[Mistake]:
    """The last row of each tile."""
    if len(s.step.shape) == 3:
        for rows in (2, 3, 4, 5, 6, 8, 16):
            if rows <= s.step.shape[0]:
                words = f"row {rows - 1} of every {rows} is 0: the last row of each tile of {rows} rows is not written"
                yield Mistake("rows-lost", words, replace(s.right, reorder=_without_rows(rows)))


def _without_rows(rows: int) -> Callable[[Array], Array]:
    def reorder(x: Array) -> Array:
        kept = np.array(x)
        kept[:, rows - 1 :: rows] = 0
        return kept

    return reorder

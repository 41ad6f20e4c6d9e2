"""Compositions: batch norm and activation in another order, or more or less often than once each."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from itertools import product

import numpy as np

from refnet.comparison.diagnosis.computation import Norm
from refnet.comparison.diagnosis.mistakes import Mistake, Situation
from refnet.comparison.diagnosis.trial import Trial

LONGEST = 4


def compositions(s: Situation, trial: Trial) -> Iterator[Mistake]:
    """Every sequence of batch norm (or bias) and activation, the shortest first."""
    c = s.right
    parts: list[tuple[str, Norm | str]] = [("batch norm", norm) for norm in c.norms]
    if c.bias is not None:
        one, zero = np.ones_like(c.bias), np.zeros_like(c.bias)
        parts.append(("bias", Norm(one, c.bias, zero, one, 0.0)))
    if c.activation != "none":
        parts.append((c.activation, c.activation))
    if len(parts) < 2:
        return
    for length in range(LONGEST + 1):
        for chosen in product(parts, repeat=length):
            if list(chosen) != parts:
                order = ", ".join(name for name, _ in chosen) or "nothing"
                words = f"after the sums follow, in this order: {order}; instead of {', '.join(n for n, _ in parts)}"
                words += ": both run twice" if list(chosen) == 2 * parts else ""
                tail = tuple(one for _, one in chosen)
                yield Mistake("order", words, replace(c, norms=(), bias=None, activation="none", tail=tail))

"""Mistakes of activation: any of those that are known, in place of the right one."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from refnet.comparison.diagnosis.activations import ACTIVATIONS, FORMULAS
from refnet.comparison.diagnosis.mistakes.mistake import Mistake, Situation


def activation(s: Situation) -> Iterator[Mistake]:
    """Another activation, or none."""
    c = s.right
    right = "no activation" if c.activation == "none" else c.activation
    for name in ACTIVATIONS:
        if name != c.activation:
            other = "no activation" if name == "none" else name
            formula = f" ({FORMULAS[name]})" if name in FORMULAS else ""
            yield Mistake(f"activation: {name}", f"{other}{formula} instead of {right}", replace(c, activation=name))

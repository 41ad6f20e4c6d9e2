"""Findings: what a comparison has to say beside its numbers."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

#: ``note`` is worth knowing; ``wrong`` makes the comparison fail; ``damaged`` makes it impossible to trust.
Weight = Literal["note", "wrong", "damaged"]


@dataclass(frozen=True)
class Finding:
    """One of them.

    Attributes
    ----------
    kind
        In one word or two: ``length``, ``shape``, ``not finite``, ``names``, …
    step
        Which tensor, or None for the whole set.
    text
        One sentence.
    weight
        What it means for the comparison.
    """

    kind: str
    step: str | None
    text: str
    weight: Weight = "note"


def listed(names: list[str], most: int = 4) -> str:
    """Name a few, and count the rest.

    Examples
    --------
    >>> listed(["a", "b", "c"], most=2)
    'a, b and 1 more'
    """
    rest = len(names) - most
    return ", ".join(names[:most]) + (f" and {rest} more" if rest > 0 else "")

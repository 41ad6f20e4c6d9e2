"""Truth: what a sentence must say to have named a planted mistake."""

from __future__ import annotations

import re
from typing import NamedTuple

_NUMBER = re.compile(r"(?<![\w.])[-−+]?(?:\d+\.?\d*|\.\d+)(?:e[-+]?\d+)?(?!\w)", re.IGNORECASE)

MISSING = (
    r"missing|left out|not (?:read|add|count|us|appl|subtract)|skip|ignor|without|zero|\b0\b|lack|absent|never|no "
)
SHIFTED = r"shift|offset|neighbou?r|next|previous|roll|\bc ?[+\-−±] ?\d|further|moved|\boff\b|behind|ahead|off-by"


def by_one_or(count: int) -> str:
    """How far something is shifted: a number, or for one another word."""
    number = rf"(?<!\d){abs(count)}\b"
    return rf"{number}|\bone\b|neighbou?r|next|previous|beside" if abs(count) == 1 else number


class Near(NamedTuple):
    """A number that must stand in the sentence, or one of several; to 2 % and to what is written of it."""

    values: tuple[float, ...]

    def found_in(self, text: str) -> bool:
        """Whether a number of the text is one of them."""
        found = [float(number.replace("−", "-")) for number in _NUMBER.findall(text)]
        return any(abs(number - value) <= 0.02 * abs(value) for number in found for value in self.values)


def near(*values: float) -> Near:
    """One of these numbers."""
    return Near(tuple(map(float, values)))


class Truth(NamedTuple):
    """Patterns and numbers, all of which an honest sentence contains, in whatever words."""

    parts: tuple[str | Near, ...]

    def matches(self, text: str) -> bool:
        """Whether a sentence says it."""
        return all(
            part.found_in(text) if isinstance(part, Near) else re.search(part, text, re.IGNORECASE)
            for part in self.parts
        )


def truth(*parts: str | Near) -> Truth:
    """All of these."""
    return Truth(parts)

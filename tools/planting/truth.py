"""Truth: what a sentence must say to have named a planted mistake."""

from __future__ import annotations

import re
from typing import NamedTuple

_NUMBER = re.compile(r"(?<![\w.])[-−+]?(?:\d+\.?\d*|\.\d+)(?:e[-+]?\d+)?(?!\w)", re.IGNORECASE)

ZERO = r"zero|\b(?:is|are|as|by|of|to|holds?|stays?) 0\b|\b0 stands"
MISSING = (
    r"missing|left out|not (?:read|add|count|us|appl|subtract)|skip|ignor|without|lack|absent|never|\bno (?!known)|"
    + ZERO
)
SAME_RESIZE = r"^(?!.*the resize is )"  # nothing false is said of the resize beside
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


class TimesTheMean(NamedTuple):
    """A factor, said as such or as the number that the sum of so many pixels is divided by."""

    factor: float

    def found_in(self, text: str) -> bool:
        """Whether a sentence says it."""
        divided = re.search(r"divided by ([\d.]+\d|\d)\b.*?\b([\d,]+) pixels", text)
        says_it = near(self.factor, 1 / self.factor).found_in(text)
        if says_it or not divided:
            return says_it
        return abs(float(divided[2].replace(",", "")) / float(divided[1]) - self.factor) <= 0.02 * self.factor


Part = str | Near | TimesTheMean


class Truth(NamedTuple):
    """Patterns and numbers, all of which an honest sentence contains, in whatever words."""

    parts: tuple[Part, ...]

    def matches(self, text: str) -> bool:
        """Whether a sentence says it."""
        return all(
            re.search(part, text, re.IGNORECASE) if isinstance(part, str) else part.found_in(text)
            for part in self.parts
        )


def truth(*parts: Part) -> Truth:
    """All of these."""
    return Truth(parts)

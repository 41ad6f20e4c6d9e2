"""Findings: what a comparison has to say beside its numbers."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal, get_args

#: ``damaged`` makes the comparison impossible to trust; ``wrong`` makes it fail; ``note`` is worth knowing.
Severity = Literal["damaged", "wrong", "note"]
OTHER_NETWORK = "other network"  # the kind of one from which all else follows
DUMP = "dump"  # the kind of one that says that a tensor was damaged when it was written
SEVERITIES: tuple[Severity, ...] = get_args(Severity)


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
    severity
        What it means for the comparison: ``note``, ``wrong`` or ``damaged``.
    """

    kind: str
    step: str | None
    text: str
    severity: Severity = "note"


def by_severity(findings: Iterable[Finding]) -> list[Finding]:
    """Put the gravest first, and keep the order of the others.

    Examples
    --------
    >>> [found.text for found in by_severity([Finding("names", None, "b"), Finding("shape", None, "a", "wrong")])]
    ['a', 'b']
    """
    return sorted(findings, key=lambda finding: SEVERITIES.index(finding.severity))


def listed(names: list[str], most: int = 4) -> str:
    """Name a few, and count the rest.

    Examples
    --------
    >>> listed(["a", "b", "c"], most=2)
    'a, b and 1 more'
    """
    rest = len(names) - most
    return ", ".join(names[:most]) + (f" and {rest} more" if rest > 0 else "")

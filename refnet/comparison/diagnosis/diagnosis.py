"""Diagnosis: what makes a port's tensor what it is, in plain words."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Diagnosis:
    """What makes a port's tensor what it is.

    Attributes
    ----------
    mistake
        Name of the known mistake that reproduces the numbers, or None.
    sentence
        The same in plain words.
    residual
        What the mistake, or the nearest one, leaves unexplained: root mean square, relative to that of the numbers.
    before
        The same of the right computation; infinite where the shapes differ.
    alternatives
        Other mistakes that reproduce the numbers as well: here they cannot be told apart.
    """

    mistake: str | None
    sentence: str
    residual: float
    before: float
    alternatives: tuple[Diagnosis, ...] = ()

"""Vectors: where the numbers of a vector that was estimated, one for each channel, come from."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from itertools import chain
from typing import NamedTuple

import numpy as np

from refnet.arrays import Array
from refnet.comparison.diagnosis.identify.indices import rules, told
from refnet.comparison.diagnosis.identify.numbers import fit, nice
from refnet.comparison.where.index_words import words_of

NEAR = 3e-3  # of the vector's size: between an estimate and what it is taken for
SMALL = 1e-3  # of its own vector's size: what is smaller may be 0
MOST = 0.9  # of the known channels must be near: where a scale is small, what is estimated by it is not known well
FEWEST = 4  # known channels, below which two numbers fit by chance
FAR = 64  # places that long vectors are shifted by at most


class Source(NamedTuple):
    """In words, what a vector is instead of what it should be ("" if it is that), and all its numbers."""

    words: str
    values: Array


def sources(found: Array, own: Array, others: Mapping[str, Array]) -> Iterator[Source]:
    """What the estimate ``found``, NaN where nothing is known, may be of its ``own`` vector, or which other one.

    Examples
    --------
    >>> own = np.array([1.0, 2.0, 4.0, 7.0, 5.0])
    >>> [source.words for source in sources(np.roll(own, 1), own, {})]
    ['that of the previous channel (shifted by -1), around the end']
    """
    known = np.isfinite(found)
    if known.sum() < min(FEWEST, len(own)):
        return

    least = SMALL * np.sqrt(np.square(own).mean())

    def near(values: Array) -> bool:
        size = max(np.sqrt(np.square(values[known]).mean()), least)
        return bool(np.quantile(np.abs(values - found)[known], MOST) <= NEAR * size)

    if near(own):
        yield Source("", own)
        return
    every = chain(_formulas(found, own, known), _elsewhere(own), _bounded(found, own, known), others.items())
    plain = [Source(words, values) for words, values in every if len(values) == len(own) and near(values)]
    yield from plain
    yield from _in_places(found, own, known)
    if known.all() and not plain:
        yield from _mapped(found, own)


def _formulas(found: Array, own: Array, known: Array) -> Iterator[tuple[str, Array]]:
    """One number for all, or a formula of its own vector."""
    one = nice(float(np.median(found[known])), 1e-5)
    mean = float(own.mean())
    yield ("0" if one == 0 else f"{one:.6g} in all channels"), np.full_like(own, one)
    yield "the same in all channels: the mean over channels", np.full_like(own, mean)
    yield "negated", -own
    yield "its absolute value", np.abs(own)
    (factor,), _ = fit([own[known]], found[known])
    factor = nice(float(factor), 1e-4)
    yield f"{factor:.6g} times what it should be", own * factor
    (one,), _ = fit([np.ones(known.sum())], (found - own)[known])
    more = nice(float(one), 1e-5)
    yield f"what it should be {'+' if more > 0 else '-'} {abs(more):.6g}", own + more
    with np.errstate(all="ignore"):
        yield from (
            ("squared", own**2),
            ("its square root", np.sqrt(np.abs(own))),
            ("its reciprocal", 1 / own),
            ("exp of it", np.exp(own)),
            ("log of it", np.log(np.abs(own))),
        )


def _elsewhere(own: Array) -> Iterator[tuple[str, Array]]:
    """Its own numbers in other channels."""
    for words, index in rules(len(own), shifts=range(1, len(own) if len(own) <= 8 * FAR else FAR)):
        yield f"that of {words}", own[index]


def _bounded(found: Array, own: Array, known: Array) -> Iterator[tuple[str, Array]]:
    """No number of it above, or below, a bound."""
    least, largest = float(found[known].min()), float(found[known].max())
    yield f"at least {nice(least, 1e-4):.6g}: smaller numbers are raised to that", np.maximum(own, least)
    yield f"at most {nice(largest, 1e-4):.6g}: larger numbers are cut to that", np.minimum(own, largest)


def _in_places(found: Array, own: Array, known: Array) -> Iterator[Source]:
    """One number in some channels, while the others are right."""
    size = np.sqrt(np.square(own).mean())
    odd = known & (np.abs(found - own) > NEAR * size)
    if not 0 < odd.sum() <= known.sum() // 2:
        return
    value = nice(float(np.median(found[odd])), 1e-4)
    if np.abs(found - value)[odd].max() <= NEAR * max(abs(value), size):
        where = words_of(np.flatnonzero(odd), len(own), "channel")
        yield Source(f"{value:.6g} in {where}", np.where(odd, value, own))


def _mapped(found: Array, own: Array) -> Iterator[Source]:
    """Each number from some channel, by no rule that programs have."""
    distance = np.abs(found[:, None] - own)
    index = distance.argmin(1)
    index[distance[np.arange(len(own)), np.arange(len(own))] <= distance.min(1) * 2] = -1
    index = np.where(index < 0, np.arange(len(own)), index)
    limit = NEAR * np.sqrt(np.square(own).mean())
    if (distance.min(1) <= limit / 30).all():
        yield Source(f"that of {told(index)}", own[index])

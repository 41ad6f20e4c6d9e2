"""Indices: which place each place along an axis is taken from, by rules that programs have, in words."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import NamedTuple

import numpy as np

from refnet.arrays import Array

SIZES = (2, 3, 4, 8, 16, 32)
SHIFTS = (1, 2, 3, 4, 8, 16)


class Rule(NamedTuple):
    """Words for what is taken, and the place that each place takes."""

    words: str
    places: Array


def beside(noun: str, by: int) -> str:
    """Say how far something is shifted.

    Examples
    --------
    >>> beside("channel", -1), beside("row", 2)
    ('the previous channel (shifted by -1)', 'the row 2 places further (shifted by +2)')
    """
    if abs(by) == 1:
        return f"the {'next' if by > 0 else 'previous'} {noun} (shifted by {by:+d})"
    return f"the {noun} {abs(by)} places {'further' if by > 0 else 'before'} (shifted by {by:+d})"


def rules(length: int, noun: str = "channel", shifts: Sequence[int] = SHIFTS) -> Iterator[Rule]:
    """Flips, shifts, one for all, orders of pairs, and, of channels, of larger groups; none that changes nothing."""
    every = np.arange(length)
    for words, places in _rules(length, noun, shifts):
        if (places != every).any():
            yield Rule(words, places)


def _rules(length: int, noun: str, shifts: Sequence[int]) -> Iterator[tuple[str, Array]]:
    every = np.arange(length)
    yield f"{noun}s in reverse order (flipped)", every[::-1]
    for signed in (sign * by for by in shifts if by < length for sign in (1, -1)):
        side = beside(noun, signed)
        if 2 * abs(signed) <= length:
            yield f"{side}, around the end", (every + signed) % length
        yield f"{side}, at the end the last one again", np.clip(every + signed, 0, length - 1)
    yield f"{noun} 0 in place of all {noun}s", 0 * every
    yield f"the last {noun} in place of all {noun}s", 0 * every + length - 1
    yield from _of_pairs(length, noun)
    if noun.endswith("channel"):
        yield from _of_groups(length, noun)


def _of_pairs(length: int, noun: str) -> Iterator[tuple[str, Array]]:
    every = np.arange(length)
    yield f"{noun}s swapped in pairs (k ± 1)", np.minimum(every ^ 1, length - 1)
    yield f"the first {noun} of each 2 in place of both", every // 2 * 2
    yield f"{noun} k // 2: each twice", every // 2
    yield f"even {noun}s first, then odd ones", np.append(every[::2], every[1::2])
    if length % 2 == 0:
        yield f"the halves of the {noun}s swapped", np.roll(every, length // 2)
        yield f"{noun}s of both halves in turn (interleaved)", every.reshape(2, -1).T.reshape(-1)


def _of_groups(length: int, noun: str) -> Iterator[tuple[str, Array]]:
    every = np.arange(length)
    yield f"only the first 2 {noun}s, over and over ({noun} k mod 2)", every % 2
    for size in (size for size in SIZES[1:] if size < length):
        yield f"the first {noun} of each {size} in place of all {size}", every // size * size
        yield f"only the first {size} {noun}s, over and over ({noun} k mod {size})", every % size
        yield f"{noun} k // {size}: each {size} times", every // size
        flipped = every // size * size + size - 1 - every % size
        yield f"{noun}s in groups of {size}, each in reverse", np.where(flipped < length, flipped, every)
        if length % size == 0:
            yield f"{noun}s shuffled: {size} groups in turn", every.reshape(size, -1).T.reshape(-1)
            yield f"{noun}s shuffled: groups of {size} in turn", every.reshape(-1, size).T.reshape(-1)


def told(index: Array, noun: str = "channel") -> str:
    """Say which place each takes: by a rule, if there is one, else by examples.

    Examples
    --------
    >>> told(np.array([1, 2, 3, 0])), told(np.array([0, 1, 2, 3, 7, 5, 6, 7]), "row")
    ('the next channel (shifted by +1), around the end', 'row 7 in place of row 4')
    """
    length = len(index)
    for rule in rules(length, noun, range(1, length)):
        if np.array_equal(rule.places, index):
            return rule.words
    odd = np.flatnonzero(index != np.arange(length))
    said = ", ".join(f"{noun} {index[place]} in place of {noun} {place}" for place in odd[:4])
    return f"{said}, … ({len(odd)} of {length})" if len(odd) > 4 else said

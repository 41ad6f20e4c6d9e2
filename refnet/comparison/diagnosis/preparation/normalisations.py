"""Normalisations: which one takes levels of 0..255 by given factors and offsets, in words."""

from __future__ import annotations

from collections.abc import Iterator
from functools import lru_cache
from typing import NamedTuple

import numpy as np

from refnet.arrays import Array
from refnet.comparison.diagnosis.preparation.colours import NAMES
from refnet.preprocessing.normalise import NORMALISATIONS, Normalisation, normalise

UNKNOWN = "unknown normalisation"
SAME = 1e-4  # distance of two normalisations that are the same, relative
OWN = 2e-3  # the same, of statistics of the input itself
_CLIP = (0.48145466, 0.4578275, 0.40821073), (0.26862954, 0.26130258, 0.27577711)
_CIFAR = (0.4914, 0.4822, 0.4465), (0.2470, 0.2435, 0.2616)
_MINUS = (-1.0,) * 3
_CAFFE = (123.68, 116.779, 103.939)


class Scaling(NamedTuple):
    """For each channel, a factor and an offset: f64[3]."""

    factor: Array
    offset: Array

    @classmethod
    def of(cls, operations: Normalisation) -> Scaling:
        """What a normalisation does to levels of 0..255."""
        ends = np.array([[[0.0] * 3, [255.0] * 3]], np.float32)
        black, white = normalise(ends, operations)[0].astype(np.float64)
        return cls((white - black) / 255, black)


class _Table(NamedTuple):
    """Normalisations that ports have, the recipe's own first: words, and what each does, f64[n, 3]."""

    words: tuple[str, ...]
    factor: Array
    offset: Array

    def near(self, found: Scaling) -> Array:
        """Which make nearly the same of 0..255."""
        scale = np.abs(self.offset).max(1) + 255 * np.abs(self.factor).max(1)
        far = np.abs(found.offset - self.offset).max(1) + 255 * np.abs(found.factor - self.factor).max(1)
        return np.asarray(far <= SAME * scale)

    def ordered(self, order: tuple[int, ...]) -> _Table:
        """Those of other channels."""
        return _Table(self.words, self.factor[:, order], self.offset[:, order])

    def negative(self) -> _Table:
        """Those of 255 minus the level."""
        return _Table(self.words, -self.factor, self.offset + 255 * self.factor)


@lru_cache(4)
def _table(own: Normalisation) -> _Table:
    every = [(own, ""), *_normalisations(own)]
    scalings = [Scaling.of(operations) for operations, _ in every]
    return _Table(tuple(words for _, words in every), *(np.stack(numbers) for numbers in zip(*scalings, strict=True)))


def name_normalisation(
    found: Scaling, own: Normalisation, order: tuple[int, ...] | None, wanted: Array, picture: Array | None
) -> tuple[dict[str, str], Scaling]:
    """Name what takes the levels to an input; with it, the numbers exactly, where they are known.

    ``order`` is where each channel comes from, if it comes from one; a normalisation may come before or after.
    """
    table, later = _table(own), order or (0, 1, 2)
    mixed = later != (0, 1, 2)
    ways = [(table.ordered(later), _plainly), (table if mixed else table.ordered((2, 1, 0)), _misordered)]
    ways.append((table.negative(), _negatively))
    hits = [(int(near.argmax()), way) for way, (known, _) in enumerate(ways) if (near := known.near(found)).any()]
    if hits:
        place, way = min(hits)
        known, say = ways[way]
        return say(known.words[place], in_words(own), later), Scaling(known.factor[place], known.offset[place])
    said = _by_itself(wanted, picture, found)
    if said:
        return {"normalisation": f"the normalisation is {said} instead of {in_words(own)}"}, found
    return unknown(found, own), found


def _plainly(words: str, right: str, order: tuple[int, ...]) -> dict[str, str]:
    return {"normalisation": f"the normalisation is {words} instead of {right}"} if words else {}


def _misordered(words: str, right: str, order: tuple[int, ...]) -> dict[str, str]:
    if order == (0, 1, 2):
        return {"normalisation": f"the normalisation, {words or 'else right,'} has red and blue swapped"}
    swapped = "red and blue are swapped" if order == (2, 1, 0) else "the channels are put in that order"
    return {"normalisation": f"the normalisation, {words or 'else right,'} comes after {swapped}"}


def _negatively(words: str, right: str, order: tuple[int, ...]) -> dict[str, str]:
    more = f", and the normalisation is {words} instead of {right}" if words else ""
    return {"negative": f"the picture is a negative: 255 - x{more}"}


def unknown(found: Scaling, own: Normalisation) -> dict[str, str]:
    """Say a normalisation by its numbers."""
    factors, offsets = (", ".join(f"{number:.6g}" for number in numbers) for numbers in found)
    told = f"the normalisation is pixel * ({factors}) + ({offsets})"
    with np.errstate(all="ignore"):
        mean, std = -found.offset / found.factor, 1 / found.factor
    if np.isfinite([mean, std]).all():
        means, stds = (", ".join(f"{number:.5g}" for number in numbers) for numbers in (mean, std))
        told += f", which is (pixel - ({means})) / ({stds}),"
    return {UNKNOWN: f"{told} instead of {in_words(own)}"}


def _by_itself(wanted: Array, picture: Array | None, found: Scaling) -> str:
    """Whether it takes its numbers from the picture: its mean and deviation, or its smallest and largest level."""
    y = wanted.reshape(-1, wanted.shape[-1])
    for axis, each in ((0, "each channel"), (None, "the whole input")):
        mean, std = y.mean(axis), y.std(axis)
        if np.all(np.abs(mean) < OWN) and np.all(np.abs(std - 1) < OWN):
            return f"by the mean and deviation of {each} itself (per-image standardisation)"
        low, high = y.min(axis), y.max(axis)
        for bottom, top in ((0, 1), (-1, 1)):
            if np.all(np.abs(low - bottom) < 1e-6) and np.all(np.abs(high - top) < 1e-6):
                return f"by the smallest and largest value of {each}, which become {bottom} and {top},"
    return ""


def _normalisations(own: Normalisation) -> Iterator[tuple[Normalisation, str]]:
    """Normalisations that ports have instead of their own, with their names."""
    yield (), "none: pixels of 0..255"
    yield (("divide", (255.0,) * 3),), "pixels / 255 alone: 0..1"
    for name, operations in NORMALISATIONS.items():
        yield operations, f"that of {name}, {in_words(operations)},"
    torch = NORMALISATIONS["torch-imagenet"]
    (_, mean), (_, std) = torch[1:]
    for operations, of in ((own, "its own"), (torch, "that of torch-imagenet")):
        for left_out in range(len(operations)):
            rest = operations[:left_out] + operations[left_out + 1 :]
            yield rest, f"{of} without '{in_words(operations[left_out : left_out + 1])}'"
        for at, (kind, numbers) in enumerate(operations):
            if len(set(numbers)) > 1:
                for c, number in enumerate(numbers):
                    one = (*operations[:at], (kind, (number,) * 3), *operations[at + 1 :])
                    yield one, f"{of} with the number of {NAMES[c]} for all in '{in_words(operations[at : at + 1])}'"
                back = (*operations[:at], (kind, numbers[::-1]), *operations[at + 1 :])
                yield back, f"{of} with red and blue swapped in '{in_words(operations[at : at + 1])}' alone,"
        if all(len(set(numbers)) > 1 for _, numbers in operations[-2:]):
            for c in range(3):
                one = tuple((kind, (numbers[c],) * 3) for kind, numbers in operations)
                yield one, f"{of} with the numbers of {NAMES[c]} for all,"
    yield own + own, "its own, twice,"
    yield from _others(mean, std)


def _others(mean: tuple[float, float, float], std: tuple[float, float, float]) -> Iterator[tuple[Normalisation, str]]:
    by_255: Normalisation = (("divide", (255.0,) * 3),)
    yield (("divide", (127.5,) * 3), ("subtract", (1.0,) * 3)), "pixels / 127.5 - 1: -1..1"
    yield (("divide", (256.0,) * 3),), "pixels / 256"
    yield (("subtract", (128.0,) * 3),), "pixels - 128"
    yield (("subtract", (128.0,) * 3), ("divide", (128.0,) * 3)), "(pixels - 128) / 128"
    yield (("subtract", _CAFFE),), "Caffe's: pixels - (123.68, 116.779, 103.939)"
    yield (("subtract", _CAFFE[::-1]),), "Caffe's, with its numbers for blue, green, red,"
    yield (*by_255, ("subtract", std), ("divide", mean)), "with mean and deviation exchanged"
    yield (*by_255, ("subtract", mean), ("multiply", std)), "multiplied by the deviation, not divided,"
    yield (*by_255, ("subtract", mean), ("divide", std), ("divide", std)), "divided by the variance, not the deviation,"
    yield (*by_255, ("divide", std), ("subtract", mean)), "divided by the deviation before the mean is subtracted,"
    yield (("divide", std), ("subtract", mean)), "divided by the deviation before the mean is subtracted, of 0..255,"
    yield (
        (*by_255, ("multiply", _MINUS), ("subtract", mean), ("divide", std), ("multiply", _MINUS)),
        "with the mean added",
    )
    of_255: Normalisation = (*by_255, ("subtract", mean), ("multiply", (255.0,) * 3), ("divide", std))
    yield of_255, "divided by the deviation of 0..1, though pixels are of 0..255,"
    for name, (other_mean, other_std) in {"CLIP": _CLIP, "CIFAR-10": _CIFAR}.items():
        yield (*by_255, ("subtract", other_mean), ("divide", other_std)), f"that of {name}"


def in_words(operations: Normalisation) -> str:
    """Its operations in their order."""
    return ", ".join(f"{name} {' '.join(f'{number:.6g}' for number in numbers)}" for name, numbers in operations)

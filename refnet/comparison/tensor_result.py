"""What a comparison found out about one tensor."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal

import numpy as np

from refnet.architecture.step import Shape
from refnet.arrays import Array
from refnet.comparison.judgement.distance import Distance
from refnet.comparison.judgement.verdict import Judgement
from refnet.comparison.where import Where

#: ``differs`` is said where nothing tells a rounding from a mistake.
Outcome = Literal["exact", "rounded", "wrong", "differs", "not compared"]

RIGHT: tuple[Outcome, ...] = ("exact", "rounded")

MAP_SIDE = 64  # most pixels a side of a map of errors
STRIP = 512  # most channels of a strip


@dataclass(frozen=True)
class Deviation:
    """How far a port's tensor is from one computation of the same step, in numbers, and what that means."""

    distance: Distance
    judgement: Judgement | None  # None where there is no float64 truth
    of_codes: bool = False  # of integers, which are equal or wrong

    @property
    def relative(self) -> float:
        """Rms of the error relative to that of the tensor: from float64 where it is known; infinite of no numbers."""
        if self.distance.nan or self.distance.infinite:
            return math.inf
        found = self.judgement
        if found is None:
            return self.distance.rel_rms
        return found.error / found.size if found.size else found.error

    @property
    def noise(self) -> float | None:
        """The noise floor, relative to the tensor in the same way."""
        found = self.judgement
        return None if found is None else (found.floor.rms / found.size if found.size else found.floor.rms)

    @property
    def outcome(self) -> Outcome:
        """In one word."""
        if self.judgement is not None:
            return self.judgement.verdict
        if self.distance.equal == self.distance.elements:
            return "exact"
        return "wrong" if self.of_codes else "differs"

    @property
    def words(self) -> str:
        """How much it is, in words."""
        found = self.distance
        if self.of_codes:
            return (
                f"{found.elements - found.equal:,} of {found.elements:,} codes differ, by at most {found.max_abs:.0f}"
            )
        text = f"relative error {self.relative:.2g}"
        return f"{text}, where rounding explains {self.noise:.1g}" if self.noise is not None else text


@dataclass(frozen=True)
class Heat:
    """Where the error is: its rms over channels as a small picture (empty of vectors), and over pixels per channel."""

    picture: Array
    channels: Array


@dataclass(frozen=True)
class TensorResult:
    """One tensor of the golden, and what the port made of it.

    Attributes
    ----------
    name, theirs
        The golden's name and the port's.
    outcome
        What became of it: by itself where the port's own tensors before it are there, else end to end.
    shape, part
        Of what was compared, in refnet's axes; bounds within the whole tensor if it is a piece.
    dtype
        Of the port's numbers.
    order, how
        Axes of the port's tensor from the slowest to the fastest, and how that is known.
    by_itself
        How far it is from what the step makes of the port's own tensors ``run_from``; None where these are missing.
    end_to_end
        How far it is from the golden's.
    run_from
        Names of those tensors.
    follows
        The earlier part of the same step that is wrong already, or the first tensor that holds NaN or infinities, if
        this one is made from it; else empty.
    holds
        The later tensor that it holds, since its memory was used again; else empty.
    heat
        Where the error is, if it is wrong, as pictures.
    where
        The same in words, if no earlier tensor explains it.
    """

    name: str
    theirs: str
    outcome: Outcome
    shape: Shape = ()
    part: tuple[tuple[int, int], ...] = ()
    dtype: str = ""
    order: str = ""
    how: str = ""
    by_itself: Deviation | None = None
    end_to_end: Deviation | None = None
    run_from: tuple[str, ...] = ()
    follows: str = ""
    holds: str = ""
    heat: Heat | None = None
    where: Where | None = None

    @property
    def decisive(self) -> Deviation | None:
        """What the outcome rests on."""
        return self.by_itself or self.end_to_end


def heat_of(actual: Array, reference: Array) -> Heat:
    """Average the error of a tensor [N, H, W, C] or [N, C] over channels, and over everything else.

    Examples
    --------
    >>> found = heat_of(np.ones((1, 2, 2, 3)), np.zeros((1, 2, 2, 3)))
    >>> found.picture.shape, found.channels.tolist()
    ((2, 2), [1.0, 1.0, 1.0])
    """
    channels = actual.shape[-1]
    by_channel = np.zeros(channels)
    pictures = actual.ndim == 4
    height, width = actual.shape[1:3] if pictures else (0, 0)
    by_pixel = np.zeros((height, width))
    with np.errstate(over="ignore", invalid="ignore"):
        for ours, theirs in zip(reference, actual, strict=True):
            for y in range(height) if pictures else [slice(None)]:
                squares = np.square(theirs[y].astype(np.float64) - ours[y]).reshape(-1, channels)
                squares = np.nan_to_num(squares, nan=1e38, posinf=1e38)
                by_channel += squares.sum(0)
                if pictures:
                    by_pixel[y] += squares.mean(1)
        pixels = actual.size // channels
        return Heat(
            _shrunk(np.sqrt(by_pixel / len(actual)), MAP_SIDE, MAP_SIDE),
            _shrunk(np.sqrt(by_channel / pixels)[None], 1, STRIP)[0],
        )


def _shrunk(image: Array, height: int, width: int) -> Array:
    """Take the largest of neighbours until an image has no more than so many rows and columns."""
    for axis, most in enumerate((height, width)):
        length = image.shape[axis]
        if length > most:
            image = np.maximum.reduceat(image, np.arange(most) * length // most, axis=axis)
    return image

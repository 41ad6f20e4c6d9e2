"""Shifts: an input whose rows and columns are those of the right one, some places further."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np

from refnet.arrays import Array

MOST = 8  # of a side, in parts of one: how far a shift is looked for
OUTSIDE = ("what leaves on one side comes in on the other", "the border's numbers go on", "there are zeros")


class Shift(NamedTuple):
    """Rows and columns, and what stands where nothing moves in: one of ``OUTSIDE``, or "" for another part of it."""

    down: int
    right: int
    outside: str

    @property
    def words(self) -> str:
        """In plain words."""
        what = f"the picture is shifted: at (y, x) is what should be at (y {self.down:+}, x {self.right:+})"
        return f"{what}; at the border, {self.outside}" if self.outside else f"{what}: another crop?"

    def apply(self, x: Array) -> Array:
        """Shift [..., H, W, C]."""
        rolled = np.roll(x, (-self.down, -self.right), (-3, -2))
        if self.outside == OUTSIDE[0] or not self.outside:
            return rolled
        rows, columns = (np.arange(x.shape[axis]) + by for axis, by in ((-3, self.down), (-2, self.right)))
        if self.outside == OUTSIDE[1]:
            return x[..., np.clip(rows, 0, x.shape[-3] - 1)[:, None], np.clip(columns, 0, x.shape[-2] - 1), :]
        inside = ((rows >= 0) & (rows < x.shape[-3]))[:, None] & ((columns >= 0) & (columns < x.shape[-2]))
        return np.asarray(np.where(inside[..., None], rolled, 0.0))

    def inner(self, shape: tuple[int, ...]) -> tuple[slice, slice]:
        """Rows and columns into which the right input's moved."""
        return _inner(self.down, shape[-3]), _inner(self.right, shape[-2])


def _inner(by: int, side: int) -> slice:
    return slice(max(-by, 0), side - max(by, 0))


def shifts(x: Array, wanted: Array) -> Iterator[Shift]:
    """The shift at which an input is most like the right one, by the correlation of both; with each border."""
    ours, theirs = (_plane(a) for a in (x, wanted))
    spectrum = np.fft.rfft2(ours) * np.conj(np.fft.rfft2(theirs))
    size = np.abs(spectrum)
    likeness = np.fft.irfft2(spectrum / np.maximum(size, 1e-6 * size.max() + 1e-30), ours.shape)
    place = np.unravel_index(int(np.abs(likeness).argmax()), ours.shape)
    down, right = (int((p + side // 2) % side - side // 2) for p, side in zip(place, ours.shape, strict=True))
    if (down or right) and max(abs(down) * MOST / ours.shape[0], abs(right) * MOST / ours.shape[1]) <= 2:
        for outside in (*OUTSIDE, ""):
            yield Shift(down, right, outside)


def _plane(x: Array) -> Array:
    plane: Array = x.reshape(-1, *x.shape[-3:])[0].mean(-1)
    return np.asarray(plane - plane.mean())

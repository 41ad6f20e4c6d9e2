"""What a value of an ONNX graph is while the graph is read: which node makes it, and what its axes are.

An axis is ``N`` (pictures), ``C`` (channels), ``H``, ``W``, or ``1`` (of length one). So a transposition is known for
what it is, and a reshape for whether it moves numbers.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from refnet.arrays import Array

PICTURE = ("N", "C", "H", "W")
POINT = ("N", "C", "1", "1")
VECTOR = ("N", "C")
Side = int | str


@dataclass(frozen=True)
class Value:
    """A value that depends on the picture; ``axes`` is None where they are not known.

    ``sizes`` has the length of each axis by its letter, a text where any comes.
    """

    node: str
    axes: tuple[str, ...] | None
    sizes: dict[str, Side]

    def shape(self) -> tuple[Side, ...]:
        """Length of each axis."""
        return tuple(1 if axis == "1" else self.sizes[axis] for axis in self.axes or ())

    def index(self, axis: int) -> str:
        """What an axis is, counted from the end where negative."""
        axes = self.axes or ()
        return axes[axis] if -len(axes) <= axis < len(axes) else ""

    def transposed(self, order: Sequence[int] | None) -> Value | None:
        """With its axes in another order."""
        if self.axes is None:
            return None
        order = tuple(order) if order is not None else tuple(range(len(self.axes)))[::-1]
        if sorted(order) != list(range(len(self.axes))):
            return None
        return replace(self, axes=tuple(self.axes[i] for i in order))

    def squeezed(self, axes: Sequence[int] | None) -> Value | None:
        """Without axes of length one; which, must be said, for the batch may have one picture too."""
        if self.axes is None or axes is None or any(self.index(axis) != "1" for axis in axes):
            return None
        gone = {axis % len(self.axes) for axis in axes}
        return replace(self, axes=tuple(each for i, each in enumerate(self.axes) if i not in gone))

    def unsqueezed(self, axes: Sequence[int] | None) -> Value | None:
        """With more axes of length one."""
        if self.axes is None or axes is None:
            return None
        rank = len(self.axes) + len(axes)
        new = {axis % rank for axis in axes if -rank <= axis < rank}
        if len(new) != len(axes):
            return None
        rest = iter(self.axes)
        return replace(self, axes=tuple("1" if i in new else next(rest) for i in range(rank)))

    def reshaped(self, sides: Sequence[Side], *, zero_copies: bool = True) -> Value | None:
        """With axes of length one elsewhere; None if numbers may move, or it is not certain that they do not."""
        if self.axes is None:
            return None
        has, wanted = self.shape(), list(sides)
        if zero_copies:
            wanted = [has[i] if side == 0 and i < len(has) else side for i, side in enumerate(wanted)]
        rest = [(axis, self.sizes[axis]) for axis in self.axes if axis != "1"]
        unknown = wanted.count(-1)
        axes: list[str] = []
        for side in wanted:
            if rest and (side == rest[0][1] or side == -1):
                axes.append(rest.pop(0)[0])
            elif side == 1:
                axes.append("1")
            else:
                return None
        if rest and all(size == 1 for _, size in rest):  # one picture, or one channel, without an axis of its own
            return None
        return replace(self, axes=tuple(axes)) if unknown <= 1 and not rest else None

    def flattened(self, axis: int) -> Value | None:
        """Made a matrix: pictures, and all that follows; only where that is one axis."""
        if self.axes is None or axis not in (1, 1 - len(self.axes)) or self.index(0) != "N":
            return None
        rest = [each for each in self.axes[1:] if each != "1"]
        return replace(self, axes=VECTOR) if rest == ["C"] else None


def along_channels(constant: Array, axes: tuple[str, ...]) -> Array | None:
    """A constant that is one number, or one for each channel of a value with these axes; None of any other."""
    if constant.size == 1 and constant.ndim <= len(axes):
        return constant.reshape(())
    if constant.ndim > len(axes):
        return None
    behind = axes[len(axes) - constant.ndim :]
    if any(side != 1 and axis != "C" for side, axis in zip(constant.shape, behind, strict=True)):
        return None
    return np.ascontiguousarray(constant.reshape(-1))

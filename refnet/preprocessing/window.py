"""Window: the part of a picture that is computed, and the other words that crops and resizes share."""

from __future__ import annotations

from typing import NamedTuple, Protocol

import numpy as np
from numpy.typing import NDArray

Picture = NDArray[np.uint8]  # [H,W,3] RGB
Pixels = NDArray[np.float32]  # [H,W,3] RGB in units of 0..255


class Window(NamedTuple):
    """A rectangle of a picture, in pixels.

    Examples
    --------
    >>> Window(top=1, left=5, height=2, width=3).columns
    range(5, 8)
    """

    top: int
    left: int
    height: int
    width: int

    @property
    def rows(self) -> range:
        """Its rows."""
        return range(self.top, self.top + self.height)

    @property
    def columns(self) -> range:
        """Its columns."""
        return range(self.left, self.left + self.width)


class Resize(Protocol):
    """A way to bring a picture to another size."""

    def __call__(self, picture: Picture, height: int, width: int, window: Window | None = None) -> Pixels:
        """Resize u8[H,W,3] to height x width; compute and return what lies in the window, by default all.

        A pixel has the same bits in every window that shows it.
        """

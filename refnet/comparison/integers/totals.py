"""Totals: what a step adds up before anything is rounded, at some pixels and channels, as a port may do it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Any, NamedTuple, Protocol

import numpy as np

from refnet.architecture.padding import Pads
from refnet.arrays import Array


class Places(NamedTuple):
    """Where a tensor is looked at: pixels, counted through all pictures, times channels."""

    pixels: Array
    channels: Array

    def of(self, tensor: Array) -> Array:
        """What stands there: [pixels, channels]."""
        found: Array = tensor.reshape(-1, tensor.shape[-1])[np.ix_(self.pixels, self.channels)]
        return found


class Total(Protocol):
    """Something that can be added up at places: [pixels, channels], or with one more axis for two summands."""

    def at(self, places: Places) -> Array:
        """Its exact integers there, int64."""
        ...


#: Adds taps [pixels, taps, 1 or channels] times weights [taps, channels] to a bias; ``zero`` is still to be subtracted.
Adder = Callable[[Array, Array, Array, int], Array]


def exactly(taps: Array, weights: Array, bias: Array, zero: int) -> Array:
    """As every engine does: whole numbers in float64, each partial sum below 2**53."""
    x, w = taps.astype(np.float64) - zero, weights.astype(np.float64)
    summed = x[..., 0] @ w if x.shape[-1] == 1 else np.einsum("ptk,tk->pk", x, w)
    return summed.astype(np.int64) + bias


@dataclass(frozen=True)
class Products:
    """Sums of products: a convolution, a depthwise one, or a dense layer as a convolution of one pixel.

    Attributes
    ----------
    x
        Codes [N, H, W, C].
    kernel
        [R, S, C, K], or [R, S, C] of each channel alone.
    bias
        int64[K].
    stride, pads, shape
        Where taps fall: the result has N pictures of ``shape``.
    zero
        What is subtracted from each code.
    fill
        Which code stands around the picture.
    adder
        How the products are added.
    skipped
        Taps (ky, kx, c) that are left out at the end of the loop over channels.
    """

    x: Array
    kernel: Array
    bias: Array
    stride: int
    pads: Pads
    shape: tuple[int, int]
    zero: int
    fill: int
    adder: Adder = exactly
    skipped: int = 0
    _cache: dict[Any, Array] = field(default_factory=dict, repr=False, compare=False)

    def change(self, **fields: Any) -> Products:
        """The same but for some fields; nothing that was gathered is kept where it no longer holds."""
        keep = self._cache if {"x", "stride", "pads", "fill"}.isdisjoint(fields) else {}
        return replace(self, **fields, _cache=keep)

    def at(self, places: Places) -> Array:
        """Add up the taps of these pixels."""
        depthwise = self.kernel.ndim == 3
        key = (places.pixels.tobytes(), depthwise and places.channels.tobytes())
        if key not in self._cache:
            self._cache.clear()
            self._cache[key] = self._taps(places, depthwise)
        kernel = self.kernel[..., places.channels].astype(np.int64)
        if self.skipped and not depthwise:
            kernel = kernel.copy()
            kernel[..., self.kernel.shape[2] - self.skipped :, :] = 0
        weights = kernel.reshape(-1, len(places.channels))
        return self.adder(self._cache[key], weights, self.bias[places.channels], self.zero)

    def _taps(self, places: Places, depthwise: bool) -> Array:
        """The codes under the taps: [pixels, taps, 1], or [pixels, taps, channels] of a depthwise kernel."""
        H, W = self.x.shape[1:3]
        R, S = self.kernel.shape[:2]
        n, rest = np.divmod(places.pixels, self.shape[0] * self.shape[1])
        row, column = np.divmod(rest, self.shape[1])
        h = (row * self.stride - self.pads.top)[:, None, None] + np.arange(R)[:, None]
        w = (column * self.stride - self.pads.left)[:, None, None] + np.arange(S)
        inside = (h >= 0) & (h < H) & (w >= 0) & (w < W)
        x = self.x[..., places.channels] if depthwise else self.x
        taps = x[n[:, None, None], np.clip(h, 0, H - 1), np.clip(w, 0, W - 1)]
        taps = np.where(inside[..., None], taps, self.fill)
        count = len(places.pixels)
        return taps.reshape(count, R * S, -1) if depthwise else taps.reshape(count, -1, 1)


@dataclass(frozen=True)
class Operands:
    """Two tensors of codes, or a tensor and a number for each of its channels."""

    x: Array
    y: Array
    zeros: tuple[int, int]
    is_product: bool

    def at(self, places: Places) -> Array:
        """Their product, or both of them on a last axis."""
        a, b = (
            places.of(tensor).astype(np.int64) - zero
            for tensor, zero in zip((self.x, self._wide), self.zeros, strict=True)
        )
        return a * b if self.is_product else np.stack([a, b], -1)

    @property
    def _wide(self) -> Array:
        y = self.y if self.y.ndim == self.x.ndim else self.y[:, None, None, :]
        return np.broadcast_to(y, self.x.shape)


@dataclass(frozen=True)
class Pixels:
    """All pixels of a picture: one sum for each channel."""

    x: Array
    zero: int

    @property
    def count(self) -> int:
        """How many pixels there are."""
        return int(self.x.shape[1] * self.x.shape[2])

    def at(self, places: Places) -> Array:
        """Add them up."""
        codes = self.x[..., places.channels].astype(np.int64) - self.zero
        found: Array = codes.sum((1, 2))[places.pixels]
        return found


@dataclass(frozen=True)
class Codes:
    """The codes of one tensor."""

    x: Array

    def at(self, places: Places) -> Array:
        """As they are."""
        return places.of(self.x).astype(np.int64)


@dataclass(frozen=True)
class Rows:
    """Whole rows of codes, which a softmax needs."""

    x: Array

    def at(self, places: Places) -> Array:
        """All channels of these rows, whichever are asked for."""
        return self.x.reshape(-1, self.x.shape[-1])[places.pixels].astype(np.int64)

"""Inverse: from a port's results back to what stood before the activation, and to the sums before the batch norm."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np

from refnet.arrays import Array
from refnet.comparison.diagnosis.computation import Computation, finish
from refnet.comparison.diagnosis.trial import Trial

STEEP = 0.02  # a swish is inverted above this, where it grows; sigmoid and tanh this far from their bounds
NEWTON = 12


class Inside(NamedTuple):
    """What stood inside a port's step, as far as its results tell: [N, H, W, K] or [N, K] in float64.

    ``known`` marks where; ``right`` is what should have stood there.
    """

    values: Array
    known: Array
    right: Array


def before_activation(trial: Trial, activation: str = "") -> Inside | None:
    """What stood before the activation; None if nothing can be known of it."""
    c, seen = trial.sample, trial.seen.astype(np.float64)
    right = _normed(trial)
    if right.shape != seen.shape or c.activation_first:
        return None
    values, known = invert(activation or c.activation, seen)
    known &= np.isfinite(values) & np.isfinite(right)
    if trial.asked is not None:
        known &= trial.asked
    return Inside(values, known, right) if known.any() else None


def sums(trial: Trial) -> Inside | None:
    """The sums before batch norm and bias."""
    inside = before_activation(trial)
    if inside is None or trial.total.shape != inside.right.shape:
        return None
    scale, shift = affine(trial.sample)
    known = inside.known & (np.abs(scale) > 1e-12)
    with np.errstate(all="ignore"):
        return Inside((inside.values - shift) / scale, known, trial.total)


def levels(trial: Trial) -> Iterator[tuple[str, str, Inside]]:
    """What stood before the activation, and the sums: their places in a ``Precision``, words, and numbers."""
    c = trial.sample
    if c.activation != "none" and (normed := before_activation(trial)) is not None:
        yield "normed", "the numbers before the activation", normed
    if (c.norms or c.bias is not None) and (summed := sums(trial)) is not None:
        yield "sums", "the sums", summed


def affine(c: Computation) -> tuple[Array, Array]:
    """Scale and shift [K] from the sums to what stands before the activation."""
    bare = _bare(c)
    channels = np.zeros((1, c.channels))
    shift = finish(bare, channels, np.float64)[0]
    return finish(bare, channels + 1, np.float64)[0] - shift, shift


def _bare(c: Computation) -> Computation:
    return Computation("none", c.inputs, bias=c.bias, norms=c.norms)


def _normed(trial: Trial) -> Array:
    with np.errstate(all="ignore"):
        return finish(_bare(trial.sample), trial.total, np.float64)


def invert(activation: str, y: Array) -> tuple[Array, Array]:
    """Undo an activation where it grows: the values, and where they are known.

    Examples
    --------
    >>> values, known = invert("swish", np.array([0.73105858, -0.2]))
    >>> values.round(6).tolist()[0], known.tolist()
    (1.0, [True, False])
    """
    with np.errstate(all="ignore"):
        if activation == "relu6":
            return y, (y > 0) & (y < 6)
        if activation == "relu":
            return y, y > 0
        if activation == "sigmoid":
            return np.log(y) - np.log1p(-y), (y > STEEP / 4) & (y < 1 - STEEP / 4)
        if activation == "tanh":
            return np.arctanh(y), np.abs(y) < 1 - STEEP / 4
        if activation == "swish":
            return _unswished(y), y > STEEP
        return y, np.ones(y.shape, bool)


def _unswished(y: Array) -> Array:
    x: Array = y + 0.5
    for _ in range(NEWTON):
        gate = 1 / (1 + np.exp(-x))
        x = x - (x * gate - y) / (gate + x * gate * (1 - gate))
    return x

"""Gains: how often each tap, and each channel that is read, counts in the sums: once if all is right.

One factor is shared by all channels of the result, so few pixels are enough.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import NamedTuple

import numpy as np

from refnet.arrays import Array
from refnet.comparison.diagnosis.computation import Computation
from refnet.comparison.diagnosis.identify.inverse import Inside, sums
from refnet.comparison.diagnosis.identify.numbers import listed, nice
from refnet.comparison.diagnosis.mistakes import Mistake, Situation
from refnet.comparison.diagnosis.operations import padded
from refnet.comparison.diagnosis.trial import Trial

PIXELS = 320
CHANNELS = 32  # of the result
MOST = 700  # unknown factors
FITS = 0.02  # of the error, that may be left


class Pixels(NamedTuple):
    """Some pixels of a result: their places, what they read, the sums that a port has there, and the right ones."""

    at: tuple[Array, Array, Array]  # n, h, w
    read: Array  # [P, R, S, C]
    seen: Array  # [P, K]
    known: Array  # [P, K]
    right: Array  # [P, K]


def gains(s: Situation, trial: Trial) -> Iterator[Mistake]:
    """Taps or channels left out, counted twice, or with the other sign."""
    inside = sums(trial)
    c = trial.sample
    if inside is None or c.kernel is None:
        return
    yield from (one for one in tails_left_out(s.right) if one.name == "groups")
    pixels = pixels_of(c, inside)
    if c.op == "depthwise":
        yield from _of_taps(s, pixels, (pixels.read * c.kernel)[..., : pixels.seen.shape[1]])
        return
    kernel = c.kernel if c.op == "convolution" else c.kernel[None, None]
    kernel = kernel[..., : pixels.seen.shape[1]].astype(np.float64)
    R, S, C, _ = kernel.shape
    if R * S > 1:
        parts = np.einsum("prsc,rsck->prsk", pixels.read, kernel)
        yield from _of_taps(s, pixels, parts)
    yield from _tails(s, pixels, kernel)
    if C <= MOST and pixels.known.sum() >= 1.2 * C:
        parts = (
            np.einsum("prsc,rsck->pck", pixels.read, kernel)
            if R * S > 1
            else pixels.read[:, 0, 0, :, None] * kernel[0, 0]
        )
        yield from _of_channels(s, pixels, parts)


def pixels_of(c: Computation, inside: Inside, reach: int = 0, channels: int = CHANNELS, most: int = PIXELS) -> Pixels:
    """Take the pixels whose sums are most wrong, and others at random; ``reach`` widens what they read."""
    K = min(channels, inside.values.shape[-1])
    shape = inside.values.shape
    flat = [part.reshape(-1, shape[-1])[:, :K] for part in inside]
    values, known, right = flat
    off = np.where(known, np.abs(values - right), 0).sum(1)
    order = np.argsort(-off, kind="stable")[: most // 2]
    others = np.random.default_rng(0).permutation(len(off))[: most - len(order)]
    chosen = np.union1d(order, others)
    if len(shape) == 2:
        x = c.inputs[0][chosen].astype(np.float64)[:, None, None]
        n = chosen
        return Pixels((n, 0 * n, 0 * n), x, values[chosen], known[chosen], right[chosen])
    n, h, w = np.unravel_index(chosen, shape[:3])
    return Pixels((n, h, w), read_at(c, (n, h, w), reach), values[chosen], known[chosen], right[chosen])


def read_at(c: Computation, at: tuple[Array, Array, Array], reach: int = 0) -> Array:
    """What some pixels of a convolution read, and ``reach`` pixels around it: f64[P, R, S, C]."""
    assert c.kernel is not None
    pads, stride, (R, S) = c.pads, c.stride, c.kernel.shape[:2]
    around = pads._replace(
        top=pads.top + reach, left=pads.left + reach, bottom=pads.bottom + reach + R, right=pads.right + reach + S
    )
    x = padded(c.inputs[0], around)
    n, h, w = at
    rows = h[:, None] * stride + np.arange(R + 2 * reach)
    columns = w[:, None] * stride + np.arange(S + 2 * reach)
    read: Array = x[n[:, None, None], rows[:, :, None], columns[:, None, :]].astype(np.float64)
    return read


def solve(parts: Array, pixels: Pixels) -> Array | None:
    """Factors of the parts [P, G, K] whose sums come nearest to what was seen; None if they do not come near."""
    columns = np.moveaxis(parts, 1, 2)[pixels.known]
    wanted, right = pixels.seen[pixels.known], pixels.right[pixels.known]
    matrix = columns.T @ columns
    matrix += np.eye(len(matrix)) * 1e-12 * (np.trace(matrix) / len(matrix) or 1.0)
    factors: Array = np.linalg.solve(matrix, columns.T @ wanted)
    left, before = wanted - columns @ factors, wanted - right
    return factors if np.square(left).sum() <= FITS**2 * np.square(before).sum() else None


def _of_taps(s: Situation, pixels: Pixels, parts: Array) -> Iterator[Mistake]:
    """Parts [P, R, S, K]."""
    P, R, S, K = parts.shape
    factors = solve(parts.reshape(P, R * S, K), pixels)
    if factors is None:
        return
    changed = _snapped(factors)
    odd = [(*divmod(tap, S), value) for tap, value in enumerate(changed) if value != 1]
    kernel = s.right.kernel
    assert kernel is not None
    gain = changed.reshape(R, S)[(...,) + (None,) * (kernel.ndim - 2)]
    if odd:
        words = _said([f"({row}, {column})" for row, column, _ in odd], [value for *_, value in odd], "tap")
        yield Mistake("tap-gains", words, replace(s.right, kernel=(kernel * gain).astype(np.float32)))


def _of_channels(s: Situation, pixels: Pixels, parts: Array) -> Iterator[Mistake]:
    factors = solve(parts, pixels)
    if factors is None:
        return
    changed = _snapped(factors)
    odd = np.flatnonzero(changed != 1)
    if not len(odd):
        return
    words = _said(_runs(odd, len(changed)), changed[odd].tolist(), "input channel")
    kernel = s.right.kernel
    assert kernel is not None
    yield Mistake("channel-gains", words, replace(s.right, kernel=(kernel * changed[:, None]).astype(np.float32)))


def _snapped(factors: Array) -> Array:
    return np.array([nice(float(value), 0.02) for value in factors])


def _said(places: list[str], values: list[float], noun: str) -> str:
    kinds = sorted(set(values))
    many = len(values) > 1
    subject = f"{noun}{'s' if many else ''} {listed(places)}"
    if kinds == [0.0]:
        return f"{subject} {'are' if many else 'is'} missing: left out of the sums"
    if kinds == [2.0]:
        return f"{subject} {'count' if many else 'counts'} twice (added two times)"
    if kinds == [-1.0]:
        return f"{subject} {'have' if many else 'has'} the other sign"
    factors = ", ".join(f"{value:.3g}" for value in kinds[:4])
    return f"{subject} {'count' if many else 'counts'} {factors} times instead of once"


def _runs(places: Array, length: int) -> list[str]:
    """Runs of numbers: 3–7; the last says of how many."""
    runs = np.split(places, np.flatnonzero(np.diff(places) > 1) + 1)
    said = [f"{run[0]}–{run[-1]}" if len(run) > 1 else f"{run[0]}" for run in runs]
    return [*said[:-1], f"{said[-1]} of {length}"]


def _tails(s: Situation, pixels: Pixels, kernel: Array) -> Iterator[Mistake]:
    """Input channels from some place on, or up to it, that are not read."""
    C = kernel.shape[-2]
    if C < 4:
        return
    some = slice(0, 48)
    parts = np.einsum("prsc,rsck->pck", pixels.read[some], kernel[..., :8], optimize=True)
    known = pixels.known[some, :8]
    if not known.any():
        return
    wanted = pixels.seen[some, :8][known]
    upto = np.moveaxis(np.cumsum(parts, 1), 1, 2)[known]  # [M, C]: sums of channels 0..c
    total = upto[:, -1:]
    before = np.square(wanted - pixels.right[some, :8][known]).sum()
    for words, sums_ in (("{first}–{last} of {C} are not read", upto), ("0–{stop} of {C} are not read", total - upto)):
        left = np.square(wanted[:, None] - sums_).sum(0)
        at = int(np.argmin(left))
        if at < C - 1 and left[at] <= FITS**2 * before:
            first = words.startswith("{first}")
            text = "input channels " + words.format(first=at + 1, last=C - 1, stop=at, C=C)
            keep = np.arange(C) <= at if first else np.arange(C) > at
            assert s.right.kernel is not None
            kept = (s.right.kernel * keep[:, None]).astype(np.float32)
            yield Mistake("input-tail-missing", text, replace(s.right, kernel=kept))


def taps_left_out(c: Computation) -> Iterator[Mistake]:
    """Each tap in turn."""
    if c.kernel is None or c.kernel.ndim < 3 or c.kernel.shape[0] == 1:
        return
    for row, column in np.ndindex(c.kernel.shape[:2]):
        kernel = np.array(c.kernel)
        kernel[row, column] = 0
        yield Mistake("tap-gains", f"tap ({row}, {column}) is missing: left out of the sums", replace(c, kernel=kernel))


def tails_left_out(c: Computation) -> Iterator[Mistake]:
    """The last input channels: as many as fill no vector, or a few; and those of another group."""
    if c.kernel is None or c.kernel.ndim == 3:
        return
    C, K = c.kernel.shape[-2:]
    for missing in sorted({*range(1, 9), C % 8, C % 16, C % 32, C % 64, 16, 32} - {0}):
        if missing < C:
            words = f"input channels {C - missing}–{C - 1} of {C} are not read (the last {missing})"
            kernel = np.array(c.kernel)
            kernel[..., -missing:, :] = 0
            yield Mistake("input-tail-missing", words, replace(c, kernel=kernel))
    for groups in (2, 4, 8):
        if C % groups == 0 and K % groups == 0:
            same = np.arange(C)[:, None] // (C // groups) == np.arange(K) // (K // groups)
            words = f"it is computed in {groups} groups instead of one: each reads its own part of the channels"
            yield Mistake("groups", words, replace(c, kernel=np.where(same, c.kernel, np.float32(0))))
            if groups == 2:
                words = "each half of its channels reads the other half of its input alone: 2 groups, crossed"
                yield Mistake("groups", words, replace(c, kernel=np.where(same, np.float32(0), c.kernel)))

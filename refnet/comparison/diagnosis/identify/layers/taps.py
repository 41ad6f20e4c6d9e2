"""Taps: the kernel that a port applied, fitted over a wider window, and matched with the true one's taps."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import replace

import numpy as np

from refnet.arrays import Array
from refnet.comparison.diagnosis.computation import Computation
from refnet.comparison.diagnosis.identify.inverse import sums
from refnet.comparison.diagnosis.identify.layers.gains import FITS, PIXELS, Pixels, pixels_of
from refnet.comparison.diagnosis.identify.numbers import listed, nice
from refnet.comparison.diagnosis.mistakes import Mistake, Situation
from refnet.comparison.diagnosis.trial import Trial

REACH = 1  # pixels that the window is wider on each side
SOME = 12  # channels that are fitted
MATCH = 0.05  # of a tap's size, between it and a fitted one
UNKNOWN = 1300  # entries of a table that are solved for at once
ROOM = 1.3  # times as many equations
SMALL = 0.02  # of a kernel's size: a fitted tap that is none

_Taps = dict[tuple[int, int], tuple[int, int, float]]  # place in the wide window: row and column of the tap, factor


def taps(s: Situation, trial: Trial) -> Iterator[Mistake]:
    """Taps of a depthwise convolution, or of one with few channels, in other places."""
    c = trial.sample
    if c.kernel is None or c.op not in ("depthwise", "convolution") or c.kernel.shape[0] == 1:
        return
    if c.op == "convolution" and c.kernel.shape[2] > 4:
        return
    inside = sums(trial)
    if inside is None:
        return
    pixels = pixels_of(c, inside, REACH, SOME, 3 * PIXELS)
    true = c.kernel.astype(np.float64)[..., :SOME]
    fitted = _fitted(pixels, depthwise=c.op == "depthwise")
    fitted, true = fitted.reshape(*fitted.shape[:2], -1), true.reshape(*true.shape[:2], -1)
    there = np.isfinite(fitted).all((0, 1))
    found = _matched(fitted[..., there], true[..., there]) if there.sum() >= 3 else {}
    if not found and c.op == "depthwise":
        found = _of_all_channels(c, pixels_of(c, inside, REACH, c.kernel.shape[-1], PIXELS))
    if found:
        kernel = _placed(s.right, found)
        pads = s.right.pads
        wide = pads._replace(
            top=pads.top + REACH, left=pads.left + REACH, bottom=pads.bottom + REACH, right=pads.right + REACH
        )
        yield Mistake("taps-elsewhere", _said(found, true.shape[0]), replace(s.right, kernel=kernel, pads=wide))


def _fitted(pixels: Pixels, *, depthwise: bool) -> Array:
    """Kernels by least squares, [R, S, K] or [R, S, C, K]; NaN where they do not fit."""
    _, R, S, C = pixels.read.shape
    K = pixels.seen.shape[1]
    made = np.full((R, S, K) if depthwise else (R, S, C, K), np.nan)
    for k in range(K):
        known = pixels.known[:, k]
        read = pixels.read[known][..., k] if depthwise else pixels.read[known]
        rows, wanted = read.reshape(len(read), made[..., k].size), pixels.seen[known, k]
        if len(rows) < 1.3 * rows.shape[1]:
            continue
        matrix = rows.T @ rows
        matrix += np.eye(len(matrix)) * 1e-11 * (np.trace(matrix) / len(matrix) or 1.0)
        kernel = np.linalg.solve(matrix, rows.T @ wanted)
        if np.square(wanted - rows @ kernel).sum() <= 1e-4 * np.square(wanted - wanted.mean()).sum():
            made[..., k] = kernel.reshape(made.shape[:-1])
    return made


def _of_all_channels(c: Computation, pixels: Pixels) -> _Taps:
    """Which tap each place has, where channels have few pixels: one table of places by taps, shared by all channels."""
    assert c.kernel is not None
    true = c.kernel.astype(np.float64)[..., : pixels.seen.shape[1]]
    places, taps_ = pixels.read.shape[1:3], true.shape[:2]
    unknown = int(np.prod(places) * np.prod(taps_))
    p, k = np.nonzero(pixels.known)
    if len(p) < ROOM * unknown or unknown > UNKNOWN:
        return {}
    some = np.random.default_rng(0).permutation(len(p))[: 2 * unknown]
    p, k = p[some], k[some]
    read, weights = (
        pixels.read.reshape(len(pixels.read), -1, pixels.read.shape[-1])[p, :, k],
        true.reshape(-1, true.shape[-1])[:, k].T,
    )
    columns = (read[:, :, None] * weights[:, None]).reshape(len(p), -1)
    matrix, wanted = columns.T @ columns, pixels.seen[p, k]
    matrix += np.eye(unknown) * 1e-11 * np.trace(matrix) / unknown
    table = np.linalg.solve(matrix, columns.T @ wanted)
    if np.square(wanted - columns @ table).sum() > FITS**2 * np.square(wanted - pixels.right[p, k]).sum():
        return {}
    table = table.reshape(-1, int(np.prod(taps_)))
    blind = {(i, j) for i, j in np.ndindex(places) if not read.reshape(len(p), *places)[:, i, j].any()}
    found: _Taps = {
        (i + REACH, j + REACH): (i, j, 1.0) for i, j in np.ndindex(taps_) if (i + REACH, j + REACH) in blind
    }
    for place, row in enumerate(table):
        (held,) = np.nonzero(np.abs(row) > MATCH)
        if len(held) > 1:
            return {}
        for tap in held:
            at, which = divmod(place, places[1]), divmod(int(tap), taps_[1])
            found[at] = (*which, nice(float(row[tap]), 0.02))
    return found


def _matched(fitted: Array, true: Array) -> _Taps:
    """Which tap of the true kernel each place of the fitted one holds; empty if some hold none of them."""
    size = float(np.sqrt(np.square(true).mean()))
    found: _Taps = {}
    for i, j in np.ndindex(fitted.shape[:2]):
        here = fitted[i, j]
        if np.sqrt(np.square(here).mean()) < SMALL * size:
            continue
        factors = (true * here).sum(-1) / np.square(true).sum(-1)
        left = np.sqrt(np.square(here - factors[..., None] * true).mean(-1))
        row, column = np.unravel_index(int(np.argmin(left)), left.shape)
        if left[row, column] > MATCH * max(size, abs(factors[row, column]) * size):
            return {}
        found[i, j] = int(row), int(column), nice(float(factors[row, column]), 0.02)
    return found


def _placed(c: Computation, found: _Taps) -> Array:
    """The true kernel's taps in the wide window."""
    assert c.kernel is not None
    R, S = c.kernel.shape[:2]
    kernel = np.zeros((R + 2 * REACH, S + 2 * REACH, *c.kernel.shape[2:]), np.float32)
    for place, (row, column, factor) in found.items():
        kernel[place] = c.kernel[row, column] * factor
    return kernel


def _said(found: _Taps, size: int) -> str:
    moves = Counter((i - REACH - row, j - REACH - column) for (i, j), (row, column, _) in found.items())
    (dy, dx), count = moves.most_common(1)[0]
    used = {(row, column) for row, column, _ in found.values()}
    missing = [(row, column) for row, column in np.ndindex(size, size) if (row, column) not in used]
    odd = [(row, column, f) for row, column, f in found.values() if f != 1]
    said = []
    if count == len(found) and (dy, dx) != (0, 0):
        said.append(f"the window is shifted by {dy:+d} rows and {dx:+d} columns")
    elif count < len(found):
        elsewhere = [
            f"({i - REACH}, {j - REACH}) has the weight of ({row}, {column})"
            for (i, j), (row, column, _) in found.items()
            if (i - REACH - row, j - REACH - column) != (0, 0)
        ]
        said.append(f"taps are in other places: tap {listed(elsewhere, 4)}")
    if missing:
        said.append(f"{'taps' if len(missing) > 1 else 'tap'} {listed(missing)} missing")
    said += [f"tap ({row}, {column}) counts {factor:.3g} times" for row, column, factor in odd[:4]]
    return "; ".join(said) or "its taps are those of the kernel"

"""Reads: which channels a pointwise convolution or a dense layer read for its own, found from its sums."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import numpy as np

from refnet.arrays import Array
from refnet.comparison.diagnosis.identify.indices import told
from refnet.comparison.diagnosis.identify.inverse import sums
from refnet.comparison.diagnosis.identify.layers.gains import FITS, Pixels, pixels_of
from refnet.comparison.diagnosis.mistakes import Mistake, Situation
from refnet.comparison.diagnosis.trial import Trial

PIXELS = 48
MOST = 512  # channels that are solved for at once
FEW = 8  # channels that are looked for one by one
FEWEST = 3  # pixels in which they are looked for
ROOM = 1.2  # times as many equations as unknowns
SAME = 1e-3  # of a channel's size: between what was read and the channel that it is taken for


def reads(s: Situation, trial: Trial) -> Iterator[Mistake]:
    """Few input channels, or all, that hold what other channels hold."""
    c = trial.sample
    if c.kernel is None or c.op not in ("convolution", "dense") or s.step.kernel != 1:
        return
    inside = sums(trial)
    if inside is None:
        return
    pixels = pixels_of(c, inside, channels=inside.values.shape[-1], most=PIXELS)
    x = pixels.read[:, 0, 0]
    w = c.kernel.reshape(c.kernel.shape[-2:]).astype(np.float64)[:, : pixels.seen.shape[1]]
    found = _all(pixels, x, w)
    every = [_sources(found, x) if found is not None else None]
    known, columns = _known_block(pixels.known)
    if known is not None:
        few = Pixels(pixels.at, pixels.read, *(part[np.ix_(known, columns)] for part in pixels[2:]))
        every += [*_few(few, x[known], w[:, columns]), *_pairs(few, x[known], w[:, columns])]
    for source in every:
        if source is not None:
            words = f"of {s.reads[0]} it reads {told(source, 'input channel')}"
            yield Mistake("channels-read", words, replace(s.right, inputs=(s.right.inputs[0][..., source],)))


def _known_block(known: Array) -> tuple[Array | None, Array]:
    """Pixels, and results that are known in all of them: as many pixels as leave enough results."""
    chosen, columns = [], np.ones(known.shape[1], bool)
    for place in np.argsort(-known.sum(1), kind="stable"):
        if (columns & known[place]).sum() >= 2 * FEW:
            chosen.append(place)
            columns &= known[place]
    return (np.array(chosen), np.flatnonzero(columns)) if len(chosen) >= FEWEST else (None, columns)


def _few(pixels: Pixels, x: Array, w: Array) -> Iterator[Array]:
    """Few channels that hold others: the error is made of their rows of the kernel alone."""
    space = _space(pixels)
    if space is None:
        return
    error, sizes = pixels.seen - pixels.right, np.square(w).sum(1) + 1e-30
    inside = np.flatnonzero(1 - np.square(w @ space.T).sum(1) / sizes < FITS)
    if not len(inside):
        return
    cosines = (w[inside] @ w[inside].T) / np.sqrt(np.outer(sizes[inside], sizes[inside]))
    alike = np.abs(cosines) > 1 - FITS  # rows of one direction cannot be told apart by the sums
    firsts = np.flatnonzero(alike.argmax(1) == np.arange(len(inside)))
    if len(firsts) != len(space):
        return
    more = np.stack([_solved(w[inside[firsts]], row, np.ones(len(row), bool)) for row in error])
    source = np.arange(len(w))
    for first, change in zip(firsts, more.T, strict=True):
        for place in np.flatnonzero(alike[first]):
            read = x[:, inside[place]] + change * np.sign(cosines[first, place])
            near = _nearest(read, x)
            if near is not None:
                source[inside[place]] = near
                break
        else:
            return
    yield source


def _pairs(pixels: Pixels, x: Array, w: Array) -> Iterator[Array]:
    """Two channels that are swapped: the error is made of the difference of their rows."""
    space = _space(pixels)
    if space is None or len(space) > 1:
        return
    products, onto = w @ w.T, w @ space[0]
    sizes = np.diag(products)[:, None] + np.diag(products) - 2 * products
    alike = np.square(onto[:, None] - onto) / np.where(sizes > 1e-12, sizes, np.inf)
    for a, b in np.argwhere(np.triu(alike > 1 - FITS**2))[:FEW]:
        change = (pixels.seen - pixels.right) @ (w[a] - w[b]) / sizes[a, b]
        if _nearest(x[:, a] + change, x) == b:
            source = np.arange(len(w))
            source[[a, b]] = b, a
            yield source


def _space(pixels: Pixels) -> Array | None:
    """The few directions among the results in which errors lie; None if they are many."""
    _, sizes, directions = np.linalg.svd(pixels.seen - pixels.right, full_matrices=False)
    rank = int((sizes > FITS / 2 * sizes[0]).sum())
    found: Array = directions[:rank]
    return found if 0 < rank <= min(FEW, len(sizes) // 2) else None


def _nearest(read: Array, x: Array) -> int | None:
    """The channel of x that was read."""
    squares = np.square(read[:, None] - x).sum(0)
    place = int(squares.argmin())
    return place if squares[place] <= SAME**2 * np.square(x).sum() / x.shape[1] else None


def _solved(w: Array, wanted: Array, known: Array) -> Array:
    """The inputs [C] whose sums over the kernel [C, K] come nearest to the known ones of what is wanted."""
    found: Array = np.linalg.lstsq(w[:, known].T, wanted[known], rcond=None)[0]
    return found


def _all(pixels: Pixels, x: Array, w: Array) -> Array | None:
    """What was read in all channels, where there are more results than inputs; NaN in pixels of which less is known."""
    C = len(w)
    there = pixels.known.sum(1) >= ROOM * C
    if C > MOST or not there.any():
        return None
    found = np.full_like(x, np.nan)
    for place in np.flatnonzero(there):
        known = pixels.known[place]
        found[place] = _solved(w, pixels.seen[place], known)
        left = pixels.seen[place, known] - found[place] @ w[:, known]
        if np.square(left).sum() > FITS**2 * np.square(pixels.seen[place] - pixels.right[place])[known].sum():
            return None
    return found


def _sources(found: Array, x: Array) -> Array | None:
    """The channel of x that each found one is; None if one is none of them, or all are their own."""
    there = np.isfinite(found).all(1)
    y, x = found[there], x[there]
    if len(y) < 3:
        return None
    squares = np.square(y).sum(0)[:, None] + np.square(x).sum(0) - 2 * y.T @ x
    every = np.arange(x.shape[1])
    own = squares[every, every]
    limit = SAME**2 * np.square(x).sum() / x.shape[1]
    source = np.where(own <= limit, every, squares.argmin(1))
    if (squares[every, source] > limit).any() or (source == every).all():
        return None
    return source

"""Moved numbers: places of the result that hold what belongs to other places, found by looking for it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace

import numpy as np

from refnet.arrays import Array
from refnet.comparison.diagnosis.computation import Computation, evaluate
from refnet.comparison.diagnosis.identify.indices import told
from refnet.comparison.diagnosis.mistakes import Mistake, Situation
from refnet.comparison.diagnosis.trial import Trial

LOOKED = 48  # wrong places that are looked for
PIXELS = 64  # by which channels are compared
NEAR = 1e-4  # relative, of numbers that are taken for the same
LARGEST = 1 << 23  # numbers of a result that is put together whole


def moved(s: Situation, trial: Trial) -> Iterator[Mistake]:
    """Channels, pixels or stretches of memory that hold what belongs elsewhere."""
    if trial.actual.size > LARGEST or s.right.reorder is not None:
        return
    right = evaluate(s.right, np.float32)
    if right.shape != trial.actual.shape:
        return
    mask = np.ones(right.shape, bool) if trial.part is None else trial.part
    yield from _channels(s.right, trial.actual, right, mask)
    if right.ndim == 4:
        yield from _pixels(s.right, trial.actual, right, mask)
    yield from _memory(s.right, trial.actual, right, mask)


def _channels(c: Computation, actual: Array, right: Array, mask: Array) -> Iterator[Mistake]:
    """Which channel of the right result each channel holds."""
    K = actual.shape[-1]
    pixels = np.random.default_rng(0).permutation(actual.size // K)[:PIXELS]
    there = mask.reshape(-1, K)[pixels]
    y, t = (np.where(there, x.reshape(-1, K)[pixels], 0.0).astype(np.float64) for x in (actual, right))
    if len(pixels) < 6 or not there.all(1).any():
        return
    t = right.reshape(-1, K)[pixels].astype(np.float64)
    whole = there.all(1)
    y, t = y[whole], t[whole]
    squares = np.square(y).sum(0)[:, None] + np.square(t).sum(0)[None] - 2 * y.T @ t
    source = np.argmin(squares, 1)
    size = np.square(t).sum() / K
    if (squares[np.arange(K), source] > 1e-6 * size + 1e-9 * np.square(y).sum(0)).any() or (
        source == np.arange(K)
    ).all():
        return
    words = f"the result holds numbers of other channels: {told(source)}"
    yield Mistake("channels-moved", words, replace(c, reorder=lambda x: x[..., source]))


def _pixels(c: Computation, actual: Array, right: Array, mask: Array) -> Iterator[Mistake]:
    """Which pixel of the right result each pixel holds, if it is always the one at the same distance or mirrored."""
    N, H, W, K = actual.shape
    some = np.linspace(0, K - 1, min(K, 12)).astype(int)
    y, t = (x[..., some].reshape(-1, len(some)).astype(np.float64) for x in (actual, right))
    inside = mask[..., some].reshape(-1, len(some)).all(1)
    scale = np.sqrt(np.square(t).mean()) or 1.0
    wrong = np.flatnonzero(inside & (np.abs(y - t).max(1) > NEAR * scale))
    if len(wrong) < 2:
        return
    chosen = wrong[np.linspace(0, len(wrong) - 1, min(LOOKED, len(wrong))).astype(int)]
    pairs = []
    for place in chosen:
        far = np.abs(t - y[place]).max(1)
        near = np.flatnonzero(far < NEAR * scale)
        if len(near) == 1:
            pairs.append((place, near[0]))
    if len(pairs) < max(2, len(chosen) // 2):
        return
    (n, h, w), (m, i, j) = (np.array(np.unravel_index([pair[side] for pair in pairs], (N, H, W))) for side in (0, 1))
    sources = [
        ("picture", _rule(n, m, N)),
        ("row", _rule(h, i, H)),
        ("column", _rule(w, j, W)),
    ]
    if any(rule is None for _, rule in sources):
        return
    said = [rule[0].format(noun) for noun, rule in sources if rule and rule[0]]
    pick = [rule[1] for _, rule in sources if rule]
    if said:
        words = f"the result holds numbers of other places: {', '.join(said)}"
        where = np.ix_(*pick)
        yield Mistake("pixels-moved", words, replace(c, reorder=lambda x: x[where]))


def _rule(places: Array, sources: Array, length: int) -> tuple[str, Array] | None:
    """Where the numbers of an axis come from: words and the source of each index."""
    return next(_rules(places, sources, length), None)


def _rules(places: Array, sources: Array, length: int) -> Iterator[tuple[str, Array]]:
    every = np.arange(length)
    by = sources - places
    if not by.any():
        yield "", every
    if (by == by[0]).all():
        yield f"{{}} {by[0]:+d} (shifted)", np.clip(every + by[0], 0, length - 1)
    if (by % length == by[0] % length).all():
        yield f"{{}} {by[0]:+d} (shifted), around the end", (every + by[0]) % length
    if (sources == sources[0]).all():
        yield f"{{}} {sources[0]} for all", np.full(length, sources[0])
    if (places + sources == length - 1).all():
        yield "{}s in reverse order (flipped)", every[::-1]
    for size in (2, 4, 8, 16):
        if (sources == places // size * size).all():
            yield f"the first {{}} of each {size}", every // size * size
        if (sources == np.minimum(places // size * size + size - 1 - places % size, length - 1)).all():
            yield (
                f"{{}}s in reverse within each {size}",
                np.minimum(every // size * size + size - 1 - every % size, length - 1),
            )


def _memory(c: Computation, actual: Array, right: Array, mask: Array) -> Iterator[Mistake]:
    """A stretch of memory that holds what lies some numbers further, in NHWC or NCHW."""
    for order in ("NHWC", "NCHW") if actual.ndim == 4 else ("NHWC",):
        flat_y, flat_t, flat_m = (
            np.ascontiguousarray(x.transpose(0, 3, 1, 2) if order == "NCHW" else x).reshape(-1)
            for x in (actual, right, mask)
        )
        scale = np.sqrt(np.square(flat_t, dtype=np.float64).mean()) or 1.0
        wrong = np.flatnonzero(flat_m & (np.abs(flat_y - flat_t) > NEAR * scale))
        if len(wrong) < 16:
            continue
        place = _telling(flat_y, wrong)
        run = flat_y[place : place + 8]
        starts = np.flatnonzero(np.abs(flat_t[: len(flat_t) - 8] - run[0]) < 1e-5 * scale)
        for start in starts[:64]:
            if len(run) == 8 and np.abs(flat_t[start : start + 8] - run).max() < 1e-5 * scale and start != place:
                by = int(start) - place
                words = (
                    f"in memory ({order}) the result lies {abs(by)} numbers {'before' if by > 0 else 'after'} its place"
                )
                yield Mistake("memory-offset", words, replace(c, reorder=_rolled(order, by)))
                break


def _telling(flat: Array, wrong: Array) -> int:
    """A wrong place from which on eight numbers are as different as any, so that they are found again."""
    places = wrong[np.linspace(0, len(wrong) - 1, min(LOOKED, len(wrong))).astype(int)]
    places = np.minimum(places, len(flat) - 8)
    kinds = [len(np.unique(flat[place : place + 8])) + (np.count_nonzero(flat == flat[place]) == 1) for place in places]
    return int(places[int(np.argmax(kinds))])


def _rolled(order: str, by: int) -> Callable[[Array], Array]:
    def reorder(x: Array) -> Array:
        if order == "NCHW":
            x = x.transpose(0, 3, 1, 2)
        rolled = np.roll(np.ascontiguousarray(x).reshape(-1), -by).reshape(x.shape)
        return rolled.transpose(0, 2, 3, 1) if order == "NCHW" else rolled

    return reorder

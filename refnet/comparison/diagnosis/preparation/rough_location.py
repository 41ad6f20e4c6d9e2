"""Rough location: which part of a picture an input may show, by means over cells of both."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import cached_property

import numpy as np

from refnet.arrays import Array
from refnet.comparison.diagnosis.preparation.resampling import Along, Line
from refnet.comparison.diagnosis.preparation.sample import Place

CELLS = 12  # of rows and of columns that are compared
CLEAR = 0.15  # share of the variance left, up to which a known place is taken for the right one
SHARES = np.geomspace(1.0, 0.2, 10)  # of the picture, in windows that are looked through
STARTS = 16  # places of such a window along each axis


class Means:
    """A picture whose means over cells are asked for."""

    def __init__(self, picture: Array) -> None:
        self.picture = picture

    @cached_property
    def _sums(self) -> Array:
        sums = np.zeros((self.picture.shape[0] + 1, self.picture.shape[1] + 1, self.picture.shape[2]))
        np.cumsum(np.cumsum(self.picture, 0, dtype=np.float64), 1, out=sums[1:, 1:])
        return sums

    def over(self, rows: Array, columns: Array) -> Array:
        """Means between T sets of edges of rows and L of columns, i64[T, n+1] and [L, n+1]: f64[T, n, L, n, C]."""
        (top, bottom), (left, right) = (
            _between(edges, side) for edges, side in zip((rows, columns), self.picture.shape, strict=False)
        )
        s, area = self._sums, (bottom - top).ravel()[:, None] * (right - left).ravel()
        b, t, r, m = (edge.ravel() for edge in (bottom, top, right, left))
        total = s[b[:, None], r] - s[t[:, None], r] - s[b[:, None], m] + s[t[:, None], m]
        means: Array = (total / area[..., None]).reshape(*top.shape, *left.shape, -1)
        return means

    def of_each(self, rows: Array, columns: Array) -> Array:
        """Means over the cells of M windows, whose edges are i64[M, n+1] and [M, m+1]: f64[M, n, m, C]."""
        (top, bottom), (left, right) = (
            _between(edges, side) for edges, side in zip((rows, columns), self.picture.shape, strict=False)
        )
        s, b, t, r, m = self._sums, bottom[..., None], top[..., None], right[:, None], left[:, None]
        means: Array = (s[b, r] - s[t, r] - s[b, m] + s[t, m]) / ((b - t) * (r - m))[..., None]
        return means


def _between(edges: Array, side: int) -> tuple[Array, Array]:
    """Beginnings and ends of cells, at least a pixel each, inside the picture."""
    low = np.clip(edges[:, :-1], 0, side - 1)
    return low, np.clip(np.maximum(edges[:, 1:], low + 1), 1, side)


def unlike(ours: Array, theirs: Array) -> Array:
    """The share of the variance of one thumbnail, f64[n, C], that straight lines of others leave, [M, n, C]: f64[M]."""
    a, y = ours - ours.mean(-2, keepdims=True), theirs - theirs.mean(-2)
    normal = np.einsum("mnc,mnd->mcd", a, a)
    normal += np.eye(a.shape[-1]) * (1e-9 * np.trace(normal, axis1=1, axis2=2)[:, None, None] + 1e-12)
    right = np.einsum("mnc,nk->mck", a, y)
    explained = (np.linalg.solve(normal, right) * right).sum((1, 2))
    left: Array = 1 - explained / (np.square(y).sum() + 1e-30)
    return left


def at_known(
    means: Means, wanted: Array, inner: tuple[slice, slice], known: Sequence[tuple[Along, Along]]
) -> list[Place]:
    """How like the picture is at known places, the most like first."""
    if not known:
        return []
    cells, theirs = _thumbnail(wanted, inner)
    edges = (
        np.stack([_edges(lines[axis].positions()[0], lines[axis].scale, cells[axis]) for lines in known])
        for axis in (0, 1)
    )
    ours = means.of_each(*edges).reshape(len(known), len(theirs), -1)
    found = []
    for (rows, columns), left in zip(known, unlike(ours, theirs), strict=True):
        down, across = (
            Line(along.positions()[0], along.scale, along.outputs, 0, side)
            for along, side in zip((rows, columns), means.picture.shape, strict=False)
        )
        found.append(Place(down, across, float(left)))
    return sorted(found, key=lambda place: place.residual)


def anywhere(means: Means, wanted: Array, inner: tuple[slice, slice]) -> Place:
    """Slide windows of many sizes over the picture, of the input's shape and of the picture's; the most like."""
    cells, theirs = _thumbnail(wanted, inner)
    rows, columns = (Line(0.0, 1.0, wanted.shape[axis], 0, means.picture.shape[axis]) for axis in (0, 1))
    best = Place(rows, columns, np.inf)
    for scales in _scales(means.picture.shape[:2], inner):
        origins = [
            _origins(side, scale, part) for side, scale, part in zip(means.picture.shape, scales, inner, strict=False)
        ]
        edges = [
            np.stack([_edges(origin, scale, cell) for origin in some])
            for some, scale, cell in zip(origins, scales, cells, strict=True)
        ]
        ours = means.over(*edges).transpose(0, 2, 1, 3, 4).reshape(-1, len(theirs), means.picture.shape[2])
        left = unlike(ours, theirs)
        if left.min() < best.residual:
            y, x = divmod(int(left.argmin()), len(origins[1]))
            rows = rows._replace(origin=origins[0][y], scale=scales[0])
            columns = columns._replace(origin=origins[1][x], scale=scales[1])
            best = Place(rows, columns, float(left.min()))
    return best


def _thumbnail(wanted: Array, inner: tuple[slice, slice]) -> tuple[list[Array], Array]:
    """Edges of the cells along both axes, and the input's means over them, f64[n, C]."""
    cells = [
        np.unique(np.linspace(part.start, part.stop, min(CELLS, part.stop - part.start) + 1).astype(np.int64))
        for part in inner
    ]
    means = Means(wanted).over(*(cell[None] for cell in cells))
    return cells, means.reshape(-1, wanted.shape[2])


def _edges(origin: float, scale: float, cells: Array) -> Array:
    edges: Array = np.rint(origin + scale * (cells - 0.5) + 0.5).astype(np.int64)
    return edges


def _scales(picture: tuple[int, ...], inner: tuple[slice, slice]) -> Iterator[tuple[float, float]]:
    tall, wide = (side / (part.stop - part.start) for side, part in zip(picture, inner, strict=True))
    for share in SHARES:
        yield min(tall, wide) * share, min(tall, wide) * share
        if abs(tall - wide) > 0.02 * tall:
            yield tall * share, wide * share


def _origins(side: int, scale: float, part: slice) -> Array:
    """Where the first output may lie, if all of a part lie inside the picture."""
    window = scale * (part.stop - part.start)
    room = max(side - window, 0.0)
    count = min(int(room / (window / CELLS)) + 2, STARTS) if room else 1
    return np.asarray(np.linspace(0, room, count) + (scale - 1) / 2 - part.start * scale)

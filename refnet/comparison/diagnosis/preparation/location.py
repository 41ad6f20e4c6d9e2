"""Location: which part of a picture an input shows, at what scale, to thousandths of a pixel.

By Gauss and Newton: the colours are fitted by straight lines on the way, so that they need not be known.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from refnet.arrays import Array
from refnet.comparison.diagnosis.preparation.kernels import BILINEAR
from refnet.comparison.diagnosis.preparation.resampling import Along, Kind, Line, Listed, resample
from refnet.comparison.diagnosis.preparation.rough_location import unlike
from refnet.comparison.diagnosis.preparation.sample import Place, Sample, colours, spread_of

STEPS = 12  # of Gauss and Newton
NUDGE = 1e-3  # pixels, for derivatives
SHIFTS = np.arange(-5, 5.1, 0.5)  # pixels by which a rough location may be off


#: (rows, columns, which of them) -> pixels, f64[i, j, C]
View = Callable[[Along, Along, tuple[Array, Array]], Array]


def refined(view: View, place: Place, sample: Sample, steps: int = STEPS) -> Place:
    """Move a location to where a view of the picture leaves the least error."""
    rows, columns = place.rows, place.columns
    if not steps:
        return place._replace(residual=_left(view(rows, columns, (sample.i, sample.j)), sample)[0])
    best, kept = np.inf, place
    damping = 1e-4
    for _ in range(steps + 1):
        step = _step(view, rows, columns, sample, damping)
        if step is None:
            break
        residual, moved = step
        if residual < best:
            gain, best, kept, ahead = best / max(residual, 1e-300), residual, Place(rows, columns, residual), moved
            damping = max(damping / 8, 1e-9)
            if gain < 1.0003:
                break
        else:
            damping *= 32
            if damping > 10:
                break
            rows, columns = kept.rows, kept.columns
            again = _step(view, rows, columns, sample, damping)
            ahead = again[1] if again else ahead
        rows, columns = (
            line._replace(origin=line.origin + by[0], scale=line.scale + by[1])
            for line, by in ((kept.rows, ahead[:2]), (kept.columns, ahead[2:]))
        )
        if min(rows.scale, columns.scale) <= 0:
            break
    return kept


def _left(pixels: Array, sample: Sample) -> tuple[float, Array, Array]:
    """The error that the best colours leave, relative; these, and what they leave."""
    found, rest = colours(pixels, sample.wanted)
    return float(np.sqrt(np.square(rest).mean())) / spread_of(sample.wanted), found, rest


def _step(view: View, rows: Line, columns: Line, sample: Sample, damping: float) -> tuple[float, Array] | None:
    """The error at a location, relative, and by how much origins and scales are to be changed."""
    at = sample.i, sample.j
    here = view(rows, columns, at)
    residual, found, rest = _left(here, sample)
    if not np.isfinite(residual):
        return None
    h = NUDGE
    down = (view(rows._replace(origin=rows.origin + h), columns, at) - here) / h
    across = (view(rows, columns._replace(origin=columns.origin + h), at) - here) / h
    mix = found[:3]
    i, j = np.meshgrid(sample.i - sample.i.mean(), sample.j - sample.j.mean(), indexing="ij")
    gradients = [(down @ mix), (down @ mix) * i[..., None], (across @ mix), (across @ mix) * j[..., None]]
    flat = here.reshape(-1, here.shape[-1])
    linear = np.column_stack([flat / 128, np.ones(len(flat))])
    base = np.linalg.qr(linear)[0]
    free = []
    for gradient in gradients:  # what colours can not make up for
        g = gradient.reshape(len(flat), -1)
        free.append((g - base @ (base.T @ g)).ravel())
    a = np.stack(free, 1)
    sizes = np.sqrt(np.square(a).sum(0)) + 1e-30
    a = a / sizes
    normal = a.T @ a
    by = np.linalg.solve(normal + damping * np.eye(4), a.T @ rest.ravel()) / sizes
    by[0] -= by[1] * sample.i.mean()
    by[2] -= by[3] * sample.j.mean()
    return residual, by


def nudged(picture: Array, place: Place, sample: Sample) -> Place:
    """Move a location by whole and half pixels to where it is most like: for pictures without smooth areas."""
    few = Sample(sample.i[::2], sample.j[::2], sample.wanted[::2, ::2])
    down, across = (
        Listed((SHIFTS[:, None] + line.positions()[index]).ravel(), line.scale, line.start, line.size)
        for line, index in ((place.rows, few.i), (place.columns, few.j))
    )
    shape = len(SHIFTS), len(few.i), len(SHIFTS), len(few.j), picture.shape[2]
    pixels = resample(picture, Kind(BILINEAR), down, across).reshape(shape)
    left = unlike(pixels.transpose(0, 2, 1, 3, 4).reshape(len(SHIFTS) ** 2, -1, shape[-1]), few.flat)
    y, x = divmod(int(left.argmin()), len(SHIFTS))
    rows = place.rows._replace(origin=place.rows.origin + SHIFTS[y])
    columns = place.columns._replace(origin=place.columns.origin + SHIFTS[x])
    return Place(rows, columns, float(left.min()))

"""Bands: some rows of a result, and the computation of these rows alone."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import fields, replace
from typing import NamedTuple

import numpy as np

from refnet.arrays import Array
from refnet.comparison.diagnosis.computation import Computation

ENOUGH = 1 << 13  # numbers of a picture's rows that a first look takes
PLACES = 4  # where these rows are
ROW_BY_ROW = ("none", "add", "excite", "batch_norm", "identity")  # operations of one pixel each
OF_THE_WHOLE = ("int8", "int8_by_channel")  # formats whose scale depends on all numbers


class Band(NamedTuple):
    """Rows from the first to before the last."""

    first: int
    last: int


def bands_of(errors: Array, row: int) -> tuple[Band, ...]:
    """Rows at the top, in the middle, at the bottom and where errors [H] are largest; none if that is nearly all.

    ``row`` is how many numbers there are of each row.

    Examples
    --------
    >>> bands_of(np.eye(100)[20], 1024)
    (Band(first=0, last=2), Band(first=19, last=21), Band(first=49, last=51), Band(first=98, last=100))
    """
    H = len(errors)
    height = max(-(-ENOUGH // (PLACES * row)), 2)
    if 2 * PLACES * height > H:
        return ()
    worst = min(max(int(np.argmax(errors)) - height // 2, 0), H - height)
    firsts = sorted({0, H // 2 - height // 2, H - height, worst})
    found: list[Band] = []
    for first in firsts:
        if found and first < found[-1].last:
            found[-1] = Band(found[-1].first, first + height)
        else:
            found.append(Band(first, first + height))
    return tuple(found)


def of_rows(c: Computation, band: Band, H: int) -> Computation | None:
    """The computation of some rows of a result [N, H, W, K]; None if these cannot be computed without the others."""
    if c.combine is not None or c.reorder is not None or any(_whole(c)) or any(x.ndim not in (2, 4) for x in c.inputs):
        return None
    c = replace(c, plus=tuple((factor, _rows(x, band, H)) for factor, x in c.plus))
    if c.op in ROW_BY_ROW:
        return replace(c, inputs=tuple(_rows(x, band, H) for x in c.inputs))
    if c.op not in ("convolution", "depthwise") or c.kernel is None or min(c.pads) < 0:
        return None
    R, x = c.kernel.shape[0], c.inputs[0]
    if (x.shape[1] + c.pads.top + c.pads.bottom - R) // c.stride + 1 != H:
        return None
    begin, end = band.first * c.stride - c.pads.top, (band.last - 1) * c.stride + R - c.pads.top
    pads = c.pads._replace(top=max(-begin, 0), bottom=max(end - x.shape[1], 0))
    cut = x[:, max(begin, 0) : max(end, 0)]
    around = max(pads.top, pads.bottom)
    if c.pad_mode != "constant" and around and (c.pad_mode == "wrap" or cut.shape[1] <= around):
        return None
    return replace(c, inputs=(cut,), pads=pads)


def _whole(c: Computation) -> Iterator[bool]:
    """Whether any number of a computation depends on all rows."""
    norms = (*c.norms, *(one for one in c.tail if not isinstance(one, str)))
    yield any(norm.statistics != "given" for norm in norms)
    yield any(getattr(c.precision, place.name) in OF_THE_WHOLE for place in fields(c.precision))


def _rows(x: Array, band: Band, H: int) -> Array:
    return x[:, band.first : band.last] if x.ndim == 4 and x.shape[1] == H else x

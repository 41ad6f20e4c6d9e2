"""Classes that a file names of one picture: which of them is its answer, and what numbers they have."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any, NamedTuple

from refnet.errors import InputError
from refnet.evaluation.columns import SHARE_HEADS

Found = list[tuple[str, float]]  # classes as the file calls them, most probable first, with their numbers


class Row(NamedTuple):
    """One class of a picture; its rank is None, and its value NaN, where they are not known."""

    name: str
    value: float
    rank: float | None


def best_first(file: str, rows: Sequence[Row]) -> Found:
    """Order a picture's classes by their ranks, or else by their values: a file may be sorted by anything."""
    rows = list(dict.fromkeys(rows))  # a picture that was named twice
    ranks = [row.rank for row in rows if row.rank is not None]
    if len(rows) > 1 and len(ranks) == len(rows):
        if len(set(ranks)) < len(ranks):
            raise InputError(f"{file}: several classes have the same rank; want the answers of one model")
        rows.sort(key=lambda row: row.rank or 0)
    elif len(rows) > 1:
        if any(math.isnan(row.value) for row in rows):
            raise InputError(
                f"{file}: {len(rows)} classes, and nothing says which one is the answer; want a column rank or "
                "probability"
            )
        rows.sort(key=lambda row: -row.value)
    return [(row.name, row.value) for row in rows]


def read_value(written: Any, file: str, head: str) -> float:
    """Read the number in a column of that head; NaN if there is none."""
    value = _number(written, file)
    if value > 1.001 and head in SHARE_HEADS:  # a softmax in float32 may add up to a little more than 1
        raise InputError(
            f"{file}: {head} {written} is over 1; want it between 0 and 1, or written as 66.3%; a number that is "
            "none of these is called score"
        )
    return value


def read_rank(written: Any, file: str) -> float | None:
    """Read a rank, the best one the smallest; None if there is none."""
    rank = _number(written, file)
    return None if math.isnan(rank) else rank


def _number(written: Any, file: str) -> float:
    if written in (None, ""):
        return math.nan
    try:
        if isinstance(written, str) and written.endswith("%"):
            return float(f"{written[:-1].strip()}e-2")
        value = float(written)
    except (TypeError, ValueError, OverflowError):
        raise InputError(f"{file}: {written!r} is no number") from None
    return math.nan if math.isnan(value) else value  # the one that is equal to itself in a set

"""Suspicion: tensors so far off that something else than arithmetic is to blame, and what that may be."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence

import numpy as np

from refnet.arrays import Array
from refnet.comparison.findings import Finding
from refnet.comparison.outcome import Row
from refnet.comparison.port.orders import Orders, distance
from refnet.comparison.port.sides import Golden, Port
from refnet.errors import RefnetError
from refnet.golden import FLOATS
from refnet.golden.dtypes import decode, encode

FAR = 0.1  # relative distance from which something else is looked for
NEARER = 5  # times nearer it must be to be found
MOST = 16  # tensors looked into: where all are wrong, the first ones tell


def suspect(rows: Sequence[Row], golden: Golden, port: Port) -> Iterator[Finding]:
    """Look into the tensors that nothing of the golden's explains: reversed bytes, shuffled names."""
    for row in [row for row in rows if _is_far(row)][:MOST]:
        try:
            array = port.source.read(port.partners[row.name].name).array
            most = FAR if row.end_to_end is None else min(FAR, row.end_to_end.relative / NEARER)
            yield from _bytes_reversed(row, array, golden, most)
            yield from _another(row, array, golden, most)
        except (RefnetError, OSError):
            continue  # said where it was read


def _is_far(row: Row) -> bool:
    if row.outcome not in ("wrong", "differs"):
        return False
    found = row.end_to_end
    return found is None or not found.relative < FAR


def _bytes_reversed(row: Row, array: Array, golden: Golden, most: float) -> Iterator[Finding]:
    if row.dtype not in FLOATS or row.part:
        return
    with np.errstate(invalid="ignore"):
        swapped = decode(encode(array, row.dtype).byteswap(), row.dtype)
    if _fits(swapped, row.name, golden, most):
        yield Finding(
            "byte order", row.name, "its numbers are the golden's with the bytes reversed: big-endian?", "wrong"
        )


def _another(row: Row, array: Array, golden: Golden, most: float) -> Iterator[Finding]:
    """Look among the golden's other tensors of as many elements, steps before their parts."""
    for name in sorted(golden.entries, key=len):
        if name != row.name and _fits(array, name, golden, most):
            yield Finding(
                "names",
                row.name,
                f"holds what the golden calls {name}: are names shuffled, or was it overwritten in place?",
                "wrong",
            )
            return


def _fits(array: Array, name: str, golden: Golden, most: float) -> bool:
    entry = golden.entries[name]
    if math.prod(entry.shape) != array.size:
        return False
    tensor = golden.read(name)
    found = Orders().read(name, array, entry.axes, tensor).tensor
    if found is None or not np.isfinite(found).all() or not tensor.any():
        return False
    return distance(found, tensor) < most

"""Codes: what a port's file holds where the golden has integers, however they are written."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import NamedTuple

import numpy as np

from refnet.arrays import Array
from refnet.golden.dtypes import WHOLE
from refnet.golden.manifest import OperationEntry

NEAR = 1e-2  # of a code: how far a real number may be from one that it stands for


class Form(NamedTuple):
    """One way to write codes: what is told of it, and how they are got back, int64; of what is none, None."""

    words: str
    codes: Callable[[Array], Array | None]


def as_they_are(array: Array) -> Array | None:
    """Whole numbers, also as floats."""
    if array.dtype.kind == "f" and not (np.isfinite(array).all() and (np.rint(array) == array).all()):
        return None
    found: Array = array.astype(np.int64)
    return found


SAME = Form("", as_they_are)


def form_of(
    array: Array, dtype: str, golden: Array, by: OperationEntry | None, *, is_typed: bool = True
) -> Form | None:
    """How a port wrote a tensor of codes, or of sums: what comes nearest to the golden's, whatever the order of axes.

    Where the file says no type (``is_typed``), bytes and words are the golden's own: nothing is to be told of them.

    Examples
    --------
    >>> golden = np.array([-128, 0, 127], np.int8)
    >>> form_of(np.array([255, 0, 128], np.uint8), "uint8", golden, None).words
    'uint8, 128 more than int8'
    >>> form_of(np.array([127, 0, 128], np.uint8), "uint8", golden, None).words
    "uint8 with the bits of int8, two's complement"
    """
    forms = [form for form in _forms(dtype, golden.dtype.name, by, is_typed) if form.codes(array) is not None]
    if not forms or array.size != golden.size:
        return forms[0] if forms else None
    wanted = np.sort(golden.astype(np.int64), axis=None)

    def distance(form: Form) -> float:
        codes = form.codes(array)
        assert codes is not None
        return float(np.abs(np.sort(codes, axis=None) - wanted).mean())

    return min(forms, key=distance)


def _forms(dtype: str, wanted: str, by: OperationEntry | None, is_typed: bool) -> Iterator[Form]:
    """The ways that there are in this format, the plainest first."""
    if dtype == wanted:
        yield SAME
    elif dtype in WHOLE and dtype != "uint8":
        yield Form(dtype, as_they_are)
    if dtype == "uint8" and wanted == "int8":
        words = "uint8 with the bits of int8, two's complement" if is_typed else ""
        yield Form(words, lambda x: x.view(np.int8).astype(np.int64))
        yield Form("uint8, 128 more than int8", lambda x: x.astype(np.int64) - 128)
    if dtype not in WHOLE:
        yield Form(f"{dtype} that are whole numbers", as_they_are)
    if dtype == "float32":
        yield Form("words of 32 bits, two's complement" if is_typed or wanted != "int32" else "", _bits)
    if dtype not in WHOLE:
        yield Form(f"{dtype} that are whole numbers, 128 more than int8", lambda x: _less(as_they_are(x), 128))
        if by is not None and wanted == "int8":
            yield Form(f"{dtype}, the real numbers that codes stand for", lambda x: _quantised(x, by))


def _bits(x: Array) -> Array | None:
    """Words that are small as whole numbers: as floats they are next to nothing, or none at all."""
    bits = np.ascontiguousarray(x, np.float32).view(np.int32).astype(np.int64)
    return bits if np.abs(bits).max(initial=0) < 1 << 30 else None


def _less(codes: Array | None, offset: int) -> Array | None:
    return None if codes is None else codes - offset


def _quantised(x: Array, by: OperationEntry) -> Array | None:
    """Codes of the numbers that they stand for; None if these are no such numbers."""
    if not np.isfinite(x).all():
        return None
    multiples = x.astype(np.float64) / by.scale
    whole = np.rint(multiples)
    if np.abs(multiples - whole).max(initial=0) > NEAR or np.abs(whole).max(initial=0) > 1 << 16:
        return None
    found: Array = whole.astype(np.int64) + by.zero_point
    return found

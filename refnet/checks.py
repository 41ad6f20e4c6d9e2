"""Checks of arguments: what is accepted comes back in one form, the rest is an error that says what would be right."""

from __future__ import annotations

import operator
from typing import Any

import numpy as np
import numpy.typing as npt

from refnet.engine.team import available_cores
from refnet.errors import InputError

MAX_THREADS = 256
MAX_BATCH = 4096
MAX_CLASSES = 1 << 20


def whole_number(name: str, value: int, largest: int) -> int:
    """Check a number of something, at least 1; NumPy's whole numbers are welcome.

    Raises
    ------
    InputError
        If it is not a whole number from 1 to ``largest``.

    Examples
    --------
    >>> whole_number("batch", np.int32(4), 10)
    4
    """
    try:
        checked = operator.index(value)
    except TypeError:
        checked = 0
    if isinstance(value, bool) or not 1 <= checked <= largest:
        raise InputError(f"{name}={value!r}: want a whole number from 1 to {largest}")
    return checked


def thread_count(threads: int | None) -> int:
    """Check a number of threads; None means one for each core.

    Raises
    ------
    InputError
        If it is not a whole number from 1 to 256.

    Examples
    --------
    >>> thread_count(3)
    3
    """
    return min(available_cores(), MAX_THREADS) if threads is None else whole_number("threads", threads, MAX_THREADS)


def float_dtype(dtype: npt.DTypeLike) -> np.dtype[Any]:
    """Check the dtype of a run.

    Raises
    ------
    InputError
        If it is neither float32 nor float64.

    Examples
    --------
    >>> float_dtype(np.float64)
    dtype('float64')
    """
    try:
        checked = np.dtype(object if dtype is None else dtype)
    except (TypeError, ValueError):
        checked = np.dtype(object)
    if checked not in (np.float32, np.float64):
        raise InputError(f"dtype {dtype!r}: want float32 or float64")
    return checked

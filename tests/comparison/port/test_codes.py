"""Codes in a port's file: which of the ways to write them it is, told by the numbers, whatever the order of axes."""

from __future__ import annotations

import numpy as np
import pytest

from refnet.comparison.port.codes import form_of
from refnet.golden.manifest import OperationEntry

GOLDEN = np.random.default_rng(0).integers(-100, 120, (1, 4, 5, 6)).astype(np.int8)
BY = OperationEntry("stem", "convolution", (), float(np.float32(0.037)), -3, (-128, 127), "double")
REAL = (GOLDEN.astype(np.float32) + np.float32(3)) * np.float32(0.037)

WAYS = {
    "": GOLDEN,
    "int32": GOLDEN.astype(np.int32),
    "uint8 with the bits of int8, two's complement": GOLDEN.view(np.uint8),
    "uint8, 128 more than int8": (GOLDEN.astype(np.int64) + 128).astype(np.uint8),
    "words of 32 bits, two's complement": GOLDEN.astype(np.int32).view(np.float32),
    "float32 that are whole numbers": GOLDEN.astype(np.float32),
    "float32 that are whole numbers, 128 more than int8": GOLDEN.astype(np.float32) + 128,
    "float32, the real numbers that codes stand for": REAL,
}


@pytest.mark.parametrize("words", WAYS)
def test_each_way(words):
    array = np.ascontiguousarray(WAYS[words].transpose(0, 3, 1, 2))
    form = form_of(array, array.dtype.name, GOLDEN, BY)
    assert form.words == words
    assert (form.codes(array).transpose(0, 2, 3, 1) == GOLDEN).all()


@pytest.mark.parametrize("array", [REAL + np.float32(0.01), np.full(GOLDEN.shape, np.nan, np.float32)])
def test_what_are_no_codes(array):
    assert form_of(array, "float32", GOLDEN, BY) is None


def test_sums():
    golden = GOLDEN.astype(np.int32) * 1000
    assert form_of(golden, "int32", golden, None).words == ""
    assert form_of(golden.astype(np.float64), "float64", golden, None).words == "float64 that are whole numbers"

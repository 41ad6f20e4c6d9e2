"""The machine code of the pointwise tiles of integers: the CPU's own sum of four products, and no register spilled."""

from __future__ import annotations

import re

import pytest
from numba import int64, types

from refnet.kernels.integers.machine import IntegerTiles, dot, integer_tiles
from refnet.kernels.integers.pointwise import Operands, picture_strip_of_2, strip_of_2

BYTES = types.Array(types.uint8, 1, "C")
SIGNATURE = types.void(
    BYTES,
    BYTES,
    types.NamedUniTuple(int64, len(Operands._fields), Operands),
    int64,
    types.NamedUniTuple(int64, len(IntegerTiles._fields), IntegerTiles),
)


@pytest.mark.skipif(dot() != "vnni512", reason="reads code for AVX-512 VNNI")
@pytest.mark.parametrize("strip", [strip_of_2, picture_strip_of_2], ids=["blocked", "picture"])
def test_sums_stay_in_registers(strip) -> None:
    if SIGNATURE.args not in strip.overloads:
        strip.compile(SIGNATURE)
    lines = strip.inspect_asm(SIGNATURE.args).splitlines()
    tiles = integer_tiles()
    sums = 2 * (tiles.pixels + tiles.half + 1)  # of the three tiles
    assert sum("vpdpbusd" in line for line in lines) >= sums
    spilled = [line for line in lines if re.search(r"zmm.*\(%r[sb]p\)|\(%r[sb]p\).*zmm", line)]
    assert not spilled

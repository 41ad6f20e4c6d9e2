"""The machine code of the tiles: LLVM spills registers without a word, and the tile is then half as fast."""

from __future__ import annotations

import platform
import re
from collections.abc import Sequence
from typing import Any

import numba
import numpy as np
import pytest

from refnet.compiler_lock import COMPILER_LOCK
from refnet.kernels import pointwise
from refnet.kernels.epilogue import Epilogue
from refnet.kernels.machine import LANES, TileShapes, registers, tile_shapes

pytestmark = pytest.mark.skipif(platform.machine() not in ("x86_64", "AMD64"), reason="reads x86 assembly")


RECORDS = (pointwise.Operands, pointwise.Output, Epilogue, TileShapes)


def compile_strip(dtype: np.dtype[Any], records: Sequence[Any]) -> Any:
    """Compile a strip of the widest tiles for records of these types."""
    blocks = tile_shapes(dtype.itemsize).blocks
    function = numba.njit(nogil=True, error_model="numpy")(pointwise._strip_of(blocks, pointwise.BLOCKED).py_func)
    array = numba.types.Array(numba.from_dtype(dtype), 1, "C")
    *before, tiles = (numba.types.NamedUniTuple(numba.int64, len(record._fields), record) for record in records)
    with COMPILER_LOCK:
        function.compile((array, array, *before, numba.int64, tiles))
    return function


@pytest.fixture(scope="module", params=["float32", "float64"])
def strip(request: pytest.FixtureRequest) -> tuple[np.dtype[Any], str]:
    """The assembly of a strip, and its dtype."""
    dtype = np.dtype(request.param)
    return dtype, next(iter(compile_strip(dtype, RECORDS).inspect_asm().values()))


@pytest.mark.parametrize("i", range(len(RECORDS) - 1))
def test_a_record_in_the_place_of_another_is_not_compiled(i: int) -> None:
    swapped = [*RECORDS[:i], RECORDS[i + 1], RECORDS[i], *RECORDS[i + 2 :]]
    with pytest.raises(numba.TypingError, match="attribute"):
        compile_strip(np.dtype("float32"), swapped)


def loops(assembly: str) -> list[list[str]]:
    """The bodies of innermost loops: from a label to a jump back to it, with no label between."""
    bodies, label, body = [], "", []
    for line in assembly.splitlines():
        found = re.match(r"(\.L\w+):", line)
        if found:
            label, body = found[1], []
        elif re.match(rf"\s+j\w+\s+{re.escape(label)}$", line) and label:
            bodies.append(body)
        else:
            body.append(line)
    return bodies


def test_the_inner_loop_is_all_multiply_adds_and_touches_no_stack(strip: tuple[np.dtype[Any], str]) -> None:
    dtype, assembly = strip
    tiles = tile_shapes(dtype.itemsize)
    vectors = max(1, LANES * dtype.itemsize // registers().size) * tiles.pixels * tiles.blocks
    if "vfmadd" not in assembly:
        pytest.skip("this CPU has no fma: the sums call a function")
    bodies = {sum("vfmadd" in line for line in body): body for body in loops(assembly)}
    assert vectors in bodies, sorted(bodies)
    assert not [line for line in bodies[vectors] if "(%rsp" in line or "(%rbp" in line]


def test_spilled_registers_lie_on_cache_lines(strip: tuple[np.dtype[Any], str]) -> None:
    assert re.search(r"andq\s+\$-64, %rsp", strip[1])

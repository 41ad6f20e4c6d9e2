"""A strip of the widest tiles, compiled by itself so that its assembly can be read.

python tests/helpers/strips.py TRIPLE CPU prints, as JSON, the assembly that another machine would get, by dtype.
"""

from __future__ import annotations

import importlib.util
import json
import sys
from collections.abc import Sequence
from typing import Any

import numpy as np

DTYPES = ("float32", "float64")


def records() -> tuple[Any, ...]:
    """What a strip takes beside the arrays."""
    from refnet.kernels import pointwise
    from refnet.kernels.epilogue import Epilogue
    from refnet.kernels.machine import TileShapes

    return pointwise.Operands, pointwise.Output, Epilogue, TileShapes


def compile_strip(dtype: str, records: Sequence[Any]) -> Any:
    """Compile a strip of the widest tiles for records of these types."""
    import numba

    from refnet.compiler_lock import COMPILER_LOCK
    from refnet.kernels import pointwise
    from refnet.kernels.machine import tile_shapes

    blocks = tile_shapes(np.dtype(dtype).itemsize).blocks
    function = numba.njit(nogil=True, error_model="numpy")(pointwise._strip_of(blocks, pointwise.BLOCKED).py_func)
    array = numba.types.Array(numba.from_dtype(np.dtype(dtype)), 1, "C")
    *before, tiles = (numba.types.NamedUniTuple(numba.int64, len(record._fields), record) for record in records)
    with COMPILER_LOCK:
        function.compile((array, array, *before, numba.int64, tiles))
    return function


def main(triple: str, cpu: str) -> None:
    from helpers.places import ROOT

    spec = importlib.util.spec_from_file_location("cross_kernels", ROOT / "tools" / "cross_kernels.py")
    cross_kernels = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(cross_kernels)
    cross_kernels.compile_for(triple, cpu)
    print(json.dumps({dtype: cross_kernels.assembly_of(compile_strip(dtype, records())) for dtype in DTYPES}))


if __name__ == "__main__":
    main(*sys.argv[1:])

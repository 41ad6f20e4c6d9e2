"""Mix-ups: tensors so far off that not arithmetic is to blame, but reversed bytes or shuffled names."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence

import numpy as np

from refnet.arrays import Array
from refnet.comparison.findings import Finding
from refnet.comparison.golden_tensors import GoldenTensors
from refnet.comparison.port.axis_orders import read_axes, relative_error
from refnet.comparison.port.port_tensors import PortTensors
from refnet.comparison.tensor_result import TensorResult
from refnet.errors import RefnetError
from refnet.golden import FLOATS
from refnet.golden.dtypes import decode, encode

FAR = 0.1  # relative distance from which something else is looked for
NEARER = 5  # times nearer it must be to be found
MOST = 16  # tensors looked into: where all are wrong, the first ones tell


def find_mixups(results: Sequence[TensorResult], golden: GoldenTensors, port: PortTensors) -> Iterator[Finding]:
    """Look into the tensors that nothing of the golden's explains: reversed bytes, shuffled names."""
    for result in [result for result in results if _is_far(result)][:MOST]:
        try:
            array = port.recording.read(port.partners[result.name].name).array
            most = FAR if result.end_to_end is None else min(FAR, result.end_to_end.relative / NEARER)
            yield from _bytes_reversed(result, array, golden, most)
            yield from _another(result, array, golden, most)
        except (RefnetError, OSError):
            continue  # said where it was read


def _is_far(result: TensorResult) -> bool:
    if result.outcome not in ("wrong", "differs"):
        return False
    found = result.end_to_end
    return found is None or not found.relative < FAR


def _bytes_reversed(result: TensorResult, array: Array, golden: GoldenTensors, most: float) -> Iterator[Finding]:
    if result.dtype not in FLOATS or result.part:
        return
    with np.errstate(invalid="ignore"):
        swapped = decode(encode(array, result.dtype).byteswap(), result.dtype)
    if _fits(swapped, result.name, golden, most):
        yield Finding(
            "byte order", result.name, "its numbers are the golden's with the bytes reversed: big-endian?", "wrong"
        )


def _another(result: TensorResult, array: Array, golden: GoldenTensors, most: float) -> Iterator[Finding]:
    """Look among the golden's other tensors of as many elements, steps before their parts."""
    for name in sorted(golden.entries, key=len):
        if name != result.name and _fits(array, name, golden, most):
            yield Finding(
                "names",
                result.name,
                f"holds what the golden calls {name}: are names shuffled, or was it overwritten in place?",
                "wrong",
            )
            return


def _fits(array: Array, name: str, golden: GoldenTensors, most: float) -> bool:
    entry = golden.entries[name]
    if math.prod(entry.shape) != array.size:
        return False
    tensor = golden.read(name)
    found = read_axes(name, array, entry.axes, tensor).tensor
    if found is None or not np.isfinite(found).all() or not tensor.any():
        return False
    return relative_error(found, tensor) < most

"""Mix-ups: tensors so far off that not arithmetic is to blame, but reversed bytes, axes or names."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from contextlib import suppress
from typing import Literal, NamedTuple

import numpy as np

from refnet.arrays import Array
from refnet.comparison.findings import Finding, listed
from refnet.comparison.golden_tensors import GoldenTensors
from refnet.comparison.port.axis_orders import read_axes, relative_error
from refnet.comparison.port.port_tensors import PortTensors
from refnet.comparison.tensor_result import TensorResult
from refnet.errors import RefnetError
from refnet.golden import FLOATS
from refnet.golden.dtypes import decode, encode

FAR = 0.1  # relative distance from which something else is looked for
NEARER = 5  # times nearer it must be to be found
MOST = 16  # tensors that are looked into and fit nothing


class Mixup(NamedTuple):
    """What a tensor holds: its own numbers with reversed bytes or in another order of axes, or another's."""

    kind: Literal["bytes", "axes", "names"]
    other: str = ""  # the order, or the other name


def find_mixups(results: Sequence[TensorResult], golden: GoldenTensors, port: PortTensors) -> dict[str, Mixup]:
    """Find tensors that hold numbers of the golden's, up to the arithmetic, that lie otherwise or belong elsewhere."""
    found, misses = dict[str, Mixup](), 0
    for result in filter(_is_far, results):
        with suppress(RefnetError, OSError):  # said where it was read
            array = port.recording.read(port.partners[result.name].name).array
            most = FAR if result.end_to_end is None else min(FAR, result.end_to_end.relative / NEARER)
            held = _held(result, array, golden, most)
            found |= {} if held is None else {result.name: held}
        misses += result.name not in found
        if misses == MOST:
            break
    return found


def about_mixups(mixups: Mapping[str, Mixup]) -> list[Finding]:
    """Say it: of a single tensor, or of all together."""
    findings = []
    reversed_ = [name for name, held in mixups.items() if held.kind == "bytes"]
    if reversed_:
        text = f"the numbers are the golden's with the bytes reversed, big-endian: {listed(reversed_)}"
        findings.append(Finding("byte order", None, text, "wrong"))
    for order in sorted({held.other for held in mixups.values() if held.kind == "axes"}):
        there = [name for name, held in mixups.items() if held == Mixup("axes", order)]
        text = f"the numbers lie in the order {order}, though the files' shapes say another: {listed(there)}"
        findings.append(Finding("order", None, text, "wrong"))
    renamed = [
        f"{name} holds what the golden calls {held.other}" for name, held in mixups.items() if held.kind == "names"
    ]
    if renamed:
        text = f"{listed(renamed)}: are names shuffled, or was it overwritten in place?"
        findings.append(Finding("names", None, text, "wrong"))
    return findings


def explained(mixups: Mapping[str, Mixup]) -> set[str]:
    """Tensors of which nothing else needs to be asked: one that holds a right one's numbers may be a step left out.

    Examples
    --------
    >>> held = {"stem": Mixup("bytes"), "a": Mixup("names", "b"), "b": Mixup("names", "a"), "add": Mixup("names", "c")}
    >>> sorted(explained(held))
    ['a', 'b', 'stem']
    """
    return {name for name, held in mixups.items() if held.kind != "names" or held.other in mixups}


def _is_far(result: TensorResult) -> bool:
    if result.holds or result.outcome not in ("wrong", "differs"):
        return False
    found = result.end_to_end
    return found is None or not found.relative < FAR


def _held(result: TensorResult, array: Array, golden: GoldenTensors, most: float) -> Mixup | None:
    """Look at the same numbers in other orders of bytes and axes, then among the golden's others, steps first."""
    if result.dtype in FLOATS and not result.part:
        with np.errstate(invalid="ignore"):
            swapped = decode(encode(array, result.dtype).byteswap(), result.dtype)
        if _fits(swapped, result.name, golden, most):
            return Mixup("bytes")
        order = _fits(array.reshape(-1), result.name, golden, most)
        if order and array.ndim > 1:
            return Mixup("axes", order)
    others = (name for name in sorted(golden.entries, key=len) if name != result.name)
    name = next((name for name in others if _fits(array, name, golden, most)), None)
    return None if name is None else Mixup("names", name)


def _fits(array: Array, name: str, golden: GoldenTensors, most: float) -> str:
    """In which order of axes an array is nearly a tensor of the golden's; "" if it is not."""
    entry = golden.entries[name]
    if math.prod(entry.shape) != array.size:
        return ""
    tensor = golden.read(name)
    reading = read_axes(name, array, entry.axes, tensor)
    found = reading.tensor
    if found is None or not np.isfinite(found).all() or not tensor.any():
        return ""
    return reading.order if relative_error(found, tensor) < most else ""

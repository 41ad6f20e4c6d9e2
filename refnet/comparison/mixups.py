"""Mix-ups: tensors so far off that not arithmetic is to blame, but reversed bytes or shuffled names."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from contextlib import suppress

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
MOST = 16  # tensors looked into: where all are wrong, the first ones tell


REVERSED = ""  # in place of the other's name: its own numbers, with their bytes reversed


def find_mixups(results: Sequence[TensorResult], golden: GoldenTensors, port: PortTensors) -> dict[str, str]:
    """What tensors hold that nothing of the golden's explains, by name: another of the golden's, or ``REVERSED``."""
    found = dict[str, str]()
    for result in [result for result in results if _is_far(result)][:MOST]:
        with suppress(RefnetError, OSError):  # said where it was read
            array = port.recording.read(port.partners[result.name].name).array
            most = FAR if result.end_to_end is None else min(FAR, result.end_to_end.relative / NEARER)
            held = _held(result, array, golden, most)
            found |= {} if held is None else {result.name: held}
    return found


def about_mixups(mixups: Mapping[str, str]) -> list[Finding]:
    """Say it: of a single tensor, or of all together."""
    reversed_ = [name for name, other in mixups.items() if other == REVERSED]
    shuffled = [f"{name} holds what the golden calls {other}" for name, other in mixups.items() if other != REVERSED]
    findings = []
    if reversed_:
        text = f"the numbers are the golden's with the bytes reversed, big-endian: {listed(reversed_)}"
        findings.append(Finding("byte order", None, text, "wrong"))
    if shuffled:
        text = f"{listed(shuffled)}: are names shuffled, or was it overwritten in place?"
        findings.append(Finding("names", None, text, "wrong"))
    return findings


def shuffled(mixups: Mapping[str, str]) -> set[str]:
    """Tensors of which nothing else needs to be asked: one that holds a right one's numbers may be a step left out.

    Examples
    --------
    >>> sorted(shuffled({"stem": "", "a": "b", "b": "a", "excite": "depthwise"}))
    ['a', 'b', 'stem']
    """
    return {name for name, other in mixups.items() if other == REVERSED or other in mixups}


def _is_far(result: TensorResult) -> bool:
    if result.holds or result.outcome not in ("wrong", "differs"):
        return False
    found = result.end_to_end
    return found is None or not found.relative < FAR


def _held(result: TensorResult, array: Array, golden: GoldenTensors, most: float) -> str | None:
    """Look at the same numbers in the other byte order, then among the golden's other tensors, steps before parts."""
    if result.dtype in FLOATS and not result.part:
        with np.errstate(invalid="ignore"):
            swapped = decode(encode(array, result.dtype).byteswap(), result.dtype)
        if _fits(swapped, result.name, golden, most):
            return REVERSED
    others = (name for name in sorted(golden.entries, key=len) if name != result.name)
    return next((name for name in others if _fits(array, name, golden, most)), None)


def _fits(array: Array, name: str, golden: GoldenTensors, most: float) -> bool:
    entry = golden.entries[name]
    if math.prod(entry.shape) != array.size:
        return False
    tensor = golden.read(name)
    found = read_axes(name, array, entry.axes, tensor).tensor
    if found is None or not np.isfinite(found).all() or not tensor.any():
        return False
    return relative_error(found, tensor) < most

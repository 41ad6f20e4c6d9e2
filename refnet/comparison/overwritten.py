"""Overwritten: tensors that hold what a later step of the port wrote, since their memory was used again.

Two results of a network never have the same bits by chance. So a wrong tensor that equals a later one was written to
its file too late; what the port went on with was another thing.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from contextlib import suppress

import numpy as np

from refnet.arrays import Array
from refnet.comparison.findings import Finding, listed
from refnet.comparison.port.port_tensors import PortTensors
from refnet.comparison.tensor_result import RIGHT, TensorResult
from refnet.errors import RefnetError

SAMPLED = 256  # elements that are looked at first

_Key = tuple[int, str, bytes]  # number of elements, their dtype, some of them


def find_overwritten(results: Sequence[TensorResult], port: PortTensors) -> dict[str, str]:
    """Which later tensor a wrong one holds, bit for bit, by the golden's names."""
    wrong = [result for result in results if _is_wrong(result)]
    sizes = {math.prod(result.shape) for result in wrong}
    alike: dict[_Key, list[TensorResult]] = {}
    for result in results:
        if math.prod(result.shape) in sizes:
            with suppress(RefnetError, OSError):  # said where it was compared
                alike.setdefault(_key(_stored(result, port)), []).append(result)
    found = dict[str, str]()
    for key, group in alike.items():
        if len(group) > 1 and not _is_constant(key):
            *earlier, last = group
            found |= {one.name: last.name for one in earlier if _is_held_by(one, last, port)}
    return found


def about_overwritten(overwritten: Mapping[str, str]) -> list[Finding]:
    """Say all of it once."""
    if not overwritten:
        return []
    named = listed([f"{name} holds {later}" for name, later in overwritten.items()])
    count = "1 tensor holds" if len(overwritten) == 1 else f"{len(overwritten)} tensors hold"
    text = (
        f"{count}, bit for bit, what a later step wrote: {named}. The memory was used again before it was dumped; "
        "dump a tensor as soon as it is computed. Nothing is judged by what stands there"
    )
    return [Finding("overwritten", None, text, "wrong")]


def confirmed(overwritten: Mapping[str, str], results: Sequence[TensorResult]) -> dict[str, str]:
    """Keep those whose later tensor is right, now that it is judged without them."""
    right = {result.name for result in results if result.outcome in RIGHT}
    return {name: later for name, later in overwritten.items() if later in right}


def _is_wrong(result: TensorResult) -> bool:
    return result.outcome in ("wrong", "differs") and result.decisive is not None


def _is_held_by(one: TensorResult, last: TensorResult, port: PortTensors) -> bool:
    """Whether a wrong tensor equals a later one that does not merely hand it on."""
    handed_on = last.by_itself is not None and last.by_itself.outcome in RIGHT and one.name in last.run_from
    is_right = last.end_to_end is not None and last.end_to_end.outcome in RIGHT
    if not _is_wrong(one) or (handed_on and not is_right):
        return False
    return np.array_equal(_stored(one, port), _stored(last, port), equal_nan=True)


def _stored(result: TensorResult, port: PortTensors) -> Array:
    return port.recording.read(result.theirs).array.reshape(-1)


def _key(array: Array) -> _Key:
    return array.size, array.dtype.name, array[:: max(1, array.size // SAMPLED)].tobytes()


def _is_constant(key: _Key) -> bool:
    _, dtype, sample = key
    numbers = np.frombuffer(sample, dtype)
    return bool((numbers == numbers[:1]).all())

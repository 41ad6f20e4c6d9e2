"""Find the tensors by name in what a checkpoint file holds, whichever framework wrote it.

People save a state dict by itself or beside other things, with a moving average of the weights or without,
and with the names of wrappers in front of all names. What was found and done is part of the result.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from refnet.arrays import Array
from refnet.errors import CheckpointError
from refnet.weights.releases.release import Averaging

# NumPy has no bfloat16; a reader hands out the bits under this type.
BFLOAT16 = np.dtype([("bfloat16", "<u2")])

AVERAGED = ("state_dict_ema", "model_ema", "ema")
PLAIN = ("state_dict", "model", "model_state_dict")
# Of PyTorch: DataParallel and averaged models, Lightning, compiled models; moving averages; parts of own models.
AVERAGED_PREFIXES = ("ema.", "ema_model.")
PREFIXES = ("module.", "model.", "_orig_mod.", *AVERAGED_PREFIXES, "backbone.", "net.")
MAX_NESTED = 8
MAX_NAME = 1 << 10
# A network has hundreds of tensors; a loss or a metric beside it has a few.
MANY, FEW = 100, 10
COUNTER = "n_averaged"
COUNTER_DROPPED = "counts the steps of the moving average; inference does not use it"


@dataclass(frozen=True)
class StateDict:
    """The tensors of one network by name.

    Attributes
    ----------
    tensors
        Name to array, in the file's order.
    averaging
        ``ema`` if a moving average of the weights was taken by its name, else ``unknown``: many publish the
        average under a plain name.
    found_under
        The name under which it was found; empty if it was all there is.
    prefix
        What was taken off the front of every name.
    widened
        Names of tensors that came in a 16-bit float type and are float32 now, which is exact.
    dropped
        Name and reason for each tensor that was left out.
    """

    tensors: dict[str, Array] = field(repr=False)
    averaging: Averaging = "unknown"
    found_under: str = ""
    prefix: str = ""
    widened: tuple[str, ...] = ()
    dropped: tuple[tuple[str, str], ...] = ()


def find_state_dict(content: Mapping[str, object]) -> StateDict:
    """Pick the state dict from the content of a checkpoint file; of several, the moving average.

    Examples
    --------
    >>> import numpy as np
    >>> weight = {"module.fc.weight": np.float32([[1, 2]])}
    >>> found = find_state_dict({"epoch": 3, "state_dict": weight, "state_dict_ema": weight})
    >>> found.tensors
    {'fc.weight': array([[1., 2.]], dtype=float32)}
    >>> found
    StateDict(averaging='ema', found_under='state_dict_ema', prefix='module.', widened=(), dropped=())
    """
    taken, state = _choose(content)
    arrays = _arrays(state, taken)
    counted = arrays.pop(COUNTER, None) is not None
    wrappers = _wrappers(arrays)
    prefix = "".join(wrappers)
    named = {name.removeprefix(prefix): array for name, array in arrays.items() if name.startswith(prefix)}
    _check_precision(named)
    wide = {name: widen(array) for name, array in named.items()}
    dropped = [(name, f"outside {prefix!r}, where the network is") for name in arrays if not name.startswith(prefix)]
    return StateDict(
        tensors=wide,
        averaging="ema" if taken in AVERAGED or not set(wrappers).isdisjoint(AVERAGED_PREFIXES) else "unknown",
        found_under=taken,
        prefix=prefix,
        widened=tuple(name for name, array in named.items() if wide[name] is not array),
        dropped=(*([(COUNTER, COUNTER_DROPPED)] if counted else []), *dropped),
    )


def widen(array: Array) -> Array:
    """Make float32 of float16 and bfloat16, exactly; any other array is returned itself."""
    if array.dtype == BFLOAT16:
        bits = array["bfloat16"].astype(np.uint32) << np.uint32(16)
        return bits.view(np.float32)
    return array.astype(np.float32) if array.dtype == np.float16 else array


def _choose(content: Mapping[str, object]) -> tuple[str, Mapping[Any, object]]:
    """Find the name and the state dict under it; the name is empty if the content itself is one."""
    for names in (AVERAGED, PLAIN):
        found = {name: value for name in names if isinstance(value := content.get(name), Mapping)}
        if len(found) > 1:
            raise CheckpointError(f"several state dicts, and no telling which is meant: {', '.join(found)}")
        if found:
            return found.popitem()
    if any(isinstance(value, np.ndarray) for value in content.values()):
        return "", content
    there = [str(name)[:80] for name in content]
    wanted = ", ".join((*AVERAGED, *PLAIN))
    raise CheckpointError(f"no state dict: neither tensors by name nor one of {wanted}, but {there!r:.300}")


def _arrays(state: Mapping[Any, object], taken: str) -> dict[str, Array]:
    arrays = {name: value for name, value in state.items() if isinstance(name, str) and isinstance(value, np.ndarray)}
    others = [str(name)[:80] for name in state if name not in arrays]
    if others or arrays.keys() <= {COUNTER}:
        what = f"more than tensors by name: {others!r:.300}" if others else "nothing"
        raise CheckpointError(f"{repr(taken) if taken else 'the checkpoint'} holds {what}")
    longest = max(arrays, key=len)
    if len(longest) > MAX_NAME:
        raise CheckpointError(f"a tensor's name has {len(longest)} letters, more than {MAX_NAME}: {longest[:80]!r}…")
    return arrays


def _wrappers(arrays: Mapping[str, Array]) -> list[str]:
    """Find what wrappers put in front of the network's names, the outermost first; they may be nested."""
    found: list[str] = []
    while len(found) < MAX_NESTED:
        inside = (prefix for prefix in PREFIXES if _is_network("".join(found) + prefix, arrays))
        more = next(inside, None)
        if more is None:
            break
        found.append(more)
    return found


def _is_network(prefix: str, arrays: Mapping[str, Array]) -> bool:
    """Whether all names begin so, or so many that the rest is a loss or a metric; a kernel may be the classifier."""
    outside = [array for name, array in arrays.items() if not name.startswith(prefix)]
    inside = len(arrays) - len(outside)
    if not outside:
        return inside > 0
    return inside >= MANY and len(outside) < FEW and all(array.ndim < 2 for array in outside)


def _check_precision(arrays: Mapping[str, Array]) -> None:
    """Refuse a network of doubles as one, not tensor by tensor."""
    floats = {name: array.dtype for name, array in arrays.items() if array.dtype.kind == "f"}
    if set(floats.values()) == {np.dtype(np.float64)}:
        raise CheckpointError(
            f"{len(floats)} tensors are float64, such as {next(iter(floats))!r}; "
            "a weight file holds float32: with PyTorch, save model.float().state_dict()"
        )

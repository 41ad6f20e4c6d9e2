"""One tensor by two names: the publisher's and ours, with the order of its axes; and what does not fit.

Each publisher's map is a function from an architecture to such pairs, one for each weight of its plan. It follows
from names and shapes alone, so it is total and one-to-one, whatever the order of a file.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from refnet.architecture.step import Shape
from refnet.errors import FEW, VERBOSE, CheckpointError, first_few, shortened

Arrays = Mapping[str, npt.NDArray[Any]]


@dataclass(frozen=True)
class Pair:
    """One tensor by both names; our axis i is their axis ``axes[i]``, their axes of length 1 left out.

    Examples
    --------
    >>> kernel = Pair("reduce/kernel", (3, 2), "reduce.weight", (2, 3, 1, 1), (1, 0))
    >>> kernel.to_ours(np.zeros((2, 3, 1, 1), np.float32)).shape
    (3, 2)
    """

    ours: str
    our_shape: Shape
    theirs: str
    their_shape: Shape
    axes: tuple[int, ...]

    def to_ours(self, array: npt.NDArray[Any]) -> npt.NDArray[np.float32]:
        """Reorder their axes to ours; C-contiguous."""
        without_ones = [self.our_shape[self.axes.index(i)] for i in range(len(self.axes))]
        return np.ascontiguousarray(array.reshape(without_ones).transpose(self.axes))

    def to_theirs(self, array: npt.NDArray[Any]) -> npt.NDArray[np.float32]:
        """Reorder our axes to theirs; C-contiguous."""
        order = [self.axes.index(i) for i in range(len(self.axes))]
        return np.ascontiguousarray(array.transpose(order).reshape(self.their_shape))


def to_ours(
    theirs: Arrays, pairs: Iterable[Pair], spare: Collection[str], network: str
) -> dict[str, npt.NDArray[np.float32]]:
    """Rename and reorder the tensors of a checkpoint, bits as they are; all that does not fit is in one error."""
    every = list(pairs)
    _check(theirs, {pair.theirs: pair.their_shape for pair in every}, spare, network)
    return {pair.ours: pair.to_ours(theirs[pair.theirs]) for pair in every}


def to_theirs(ours: Arrays, pairs: Iterable[Pair], network: str) -> dict[str, npt.NDArray[np.float32]]:
    """Undo ``to_ours``; without what was spare."""
    every = list(pairs)
    _check(ours, {pair.ours: pair.our_shape for pair in every}, (), network)
    return {pair.theirs: pair.to_theirs(ours[pair.ours]) for pair in every}


def differences(found: Mapping[str, str], wanted: Mapping[str, str], spare: Collection[str] = ()) -> list[str]:
    """All that keeps tensors from being the wanted ones, in words; both map a name to what that tensor is.

    Examples
    --------
    >>> differences({"a": "float64[3]", "b": "float32[2]"}, {"a": "float32[2]", "c": "float32[1]"})
    ['c is missing', 'a is float64[3], not float32[2]', "'b' is unknown"]
    """
    wrong = [f"{name} is missing" for name in wanted if name not in found]
    for name, what in found.items():
        if name in wanted and what != wanted[name]:
            wrong.append(f"{name} is {what}, not {wanted[name]}")
        elif name not in wanted and name not in spare:
            wrong.append(f"{name!r} is unknown")
    return wrong


def in_short(wrong: Sequence[str]) -> str:
    """Say what ``differences`` found: how much is missing, different and unknown, and the first of each.

    Examples
    --------
    >>> in_short(["a is missing"])
    'a is missing'
    >>> in_short([f"{letter} is missing" for letter in "abcdef"] + ["'x' is unknown"])
    "6 are missing: a, b, …; 1 is unknown: 'x'; --verbose lists all"
    """
    if len(wrong) <= FEW:
        return first_few(wrong)
    kinds: dict[str, list[str]] = {" is missing": [], "": [], " is unknown": []}
    for text in wrong:
        ending = next(ending for ending in (*filter(None, kinds), "") if text.endswith(ending))
        kinds[ending].append(text.removesuffix(ending))
    parts = [_counted(ending.removeprefix(" is ") or "different", texts) for ending, texts in kinds.items() if texts]
    return "; ".join([*parts, f"{VERBOSE} lists all"])


def _counted(what: str, texts: list[str]) -> str:
    """How many are so, and the first two of them."""
    shown = [*map(shortened, texts[:2]), *(["…"] if len(texts) > 2 else [])]
    return f"{len(texts)} {'is' if len(texts) == 1 else 'are'} {what}: {', '.join(shown)}"


def _check(arrays: Arrays, wanted: Mapping[str, Shape], spare: Collection[str], network: str) -> None:
    found = {name: f"{array.dtype}{list(array.shape)}" for name, array in arrays.items()}
    wrong = differences(found, {name: f"float32{list(shape)}" for name, shape in wanted.items()}, spare)
    if wrong:
        raise CheckpointError(f"not the tensors of {network}: {in_short(wrong)}", details=wrong)

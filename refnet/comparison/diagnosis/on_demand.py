"""Values by name, each made when it is asked for: the tensors of a port, or the weights of all layers, are too many."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import TypeVar

Value = TypeVar("Value")


class OnDemand(Mapping[str, Value]):
    """Values by name, made by ``make`` and not kept.

    Examples
    --------
    >>> sizes = OnDemand(["stem", "head"], len)
    >>> list(sizes), sizes["stem"]
    (['stem', 'head'], 4)
    """

    def __init__(self, names: Sequence[str], make: Callable[[str], Value]) -> None:
        self._names, self._make = names, make

    def __getitem__(self, name: str) -> Value:
        if name not in self._names:
            raise KeyError(name)
        return self._make(name)

    def __iter__(self) -> Iterator[str]:
        return iter(self._names)

    def __len__(self) -> int:
        return len(self._names)

"""Nested containers of what a pickle describes: copied with arrays for tensors, and apart from what is not read."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from refnet.checkpoints.readers.torch.foreign import Foreign, Opaque
from refnet.errors import CheckpointError

MAX_DEPTH = 16

Path = tuple[object, ...]


class Copy:
    """A copy of nested containers with something else for each leaf; each object once, however often it is met.

    ``opaque`` lists what is not read, and where it stands.
    """

    def __init__(self, leaf: Callable[[Path, Any], object], leaf_type: type) -> None:
        self.leaf = leaf
        self.leaf_type = leaf_type
        self.made: dict[int, Any] = {}
        self.opaque: list[tuple[Path, Opaque]] = []

    def of(self, value: object, path: Path = ()) -> Any:
        """Copy a value that stands at a path."""
        if len(path) > MAX_DEPTH:
            raise CheckpointError(f"{text_of(path)!r} lies deeper than {MAX_DEPTH} containers")
        if value is None or type(value) in (bool, int, float, str, bytes):
            return value
        if id(value) not in self.made:
            self.made[id(value)] = self._new(value, path)
        return self.made[id(value)]

    def _new(self, value: object, path: Path) -> object:
        match value:
            case dict():
                return {key: self.of(item, (*path, key)) for key, item in value.items()}
            case list():
                return [self.of(item, (*path, i)) for i, item in enumerate(value)]
            case tuple():
                return tuple([self.of(item, (*path, i)) for i, item in enumerate(value)])
            case Foreign():
                return value
            case Opaque():
                self.opaque.append((path, value))
                return Opaque(value.name)
        if isinstance(value, self.leaf_type):
            return self.leaf(path, value)
        raise CheckpointError(f"{text_of(path)!r} is neither a tensor nor plain data")


def check_separate(copied: Copy, leaf_type: type) -> None:
    """Refuse an object that holds a tensor or container of the plain content itself, which its class might change."""
    seen: set[int] = set()
    for path, opaque in copied.opaque:
        todo = list(opaque.parts)
        while todo:
            part = todo.pop()
            if not isinstance(part, dict | list | tuple | Opaque | leaf_type) or id(part) in seen:
                continue
            seen.add(id(part))
            if isinstance(part, dict | list | leaf_type) and id(part) in copied.made:
                raise CheckpointError(
                    f"{text_of(path)!r} is an object of {opaque.name[:80]!r} that holds tensors or dictionaries of the "
                    "checkpoint itself, and what it does to them is not read; save the state dict without it"
                )
            if isinstance(part, dict):
                todo += [*part.keys(), *part.values()]
            else:
                todo += part.parts if isinstance(part, Opaque) else part if isinstance(part, list | tuple) else ()


def text_of(path: Path) -> str:
    """Where something stands, in words."""
    return ".".join(part.name[:80] if isinstance(part, Foreign | Opaque) else str(part)[:80] for part in path)

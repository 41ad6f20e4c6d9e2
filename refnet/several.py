"""One of something, or several: for arguments of which one is a sequence too, a text or the bytes of a file."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Protocol, TypeVar

T_co = TypeVar("T_co", covariant=True)


class Several(Protocol[T_co]):
    """What a type checker takes for several: a list, a tuple, any sequence; no text, bytes or array.

    A text holds nothing but texts, so that its ``__contains__`` takes no object; an array has no ``__reversed__``.
    """

    def __len__(self) -> int: ...
    def __iter__(self) -> Iterator[T_co]: ...
    def __reversed__(self) -> Iterator[T_co]: ...
    def __getitem__(self, index: int, /) -> T_co: ...
    def __contains__(self, value: object, /) -> bool: ...


def are_several(value: object) -> bool:
    """Whether this is a sequence that is not one thing itself.

    Examples
    --------
    >>> are_several(["a.png", "b.png"]), are_several("a.png"), are_several(b"GIF")
    (True, False, False)
    """
    return isinstance(value, Sequence) and not isinstance(value, str | bytes | bytearray | memoryview)

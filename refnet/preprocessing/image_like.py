"""What is taken for a picture, and for several; a path and the bytes of a file are sequences too, but one picture."""

from __future__ import annotations

import glob
import os
from collections.abc import Iterable, Iterator, Mapping, Sequence, Set
from typing import TYPE_CHECKING, Literal, Protocol, TypeAlias, TypeVar, cast

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray
    from PIL import Image

ImageLike: TypeAlias = "str | os.PathLike[str] | bytes | Image.Image | NDArray[np.uint8]"

T_co = TypeVar("T_co", covariant=True)


class OpenFile(Protocol):
    """A file opened as ``"rb"``, or anything else that is read like one."""

    def read(self, size: int, /) -> bytes:
        """Read at most so many bytes."""
        ...


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
    """Whether this is a sequence that is not one picture itself.

    Examples
    --------
    >>> are_several(["a.png", "b.png"]), are_several("a.png"), are_several(b"GIF")
    (True, False, False)
    """
    return isinstance(value, Sequence) and not isinstance(value, str | bytes | bytearray | memoryview)


def countable(source: object) -> Sequence[ImageLike]:
    """The pictures of a source that can be looked at before any is read: one as a list of one, or those of a list.

    Examples
    --------
    >>> countable("a.png"), countable(["a.png", "b.png"]), countable("*.png")
    (['a.png'], ['a.png', 'b.png'], [])
    """
    how = "stream" if hasattr(source, "read") else how_many(source)
    if how == "stream":
        return []
    return cast("Sequence[ImageLike]", source if how == "several" else [source])


def how_many(source: object) -> Literal["one", "several", "stream"]:
    """What a source is: one picture, so many that can be counted, or a folder, a pattern, an iterator: nobody knows.

    What is no source is taken for one picture, and whoever reads it says what is wrong with it.

    Examples
    --------
    >>> how_many("a.png"), how_many(["a.png"]), how_many("*.png"), how_many(iter(["a.png"]))
    ('one', 'several', 'stream', 'stream')
    """
    if isinstance(source, str | os.PathLike):
        pattern = isinstance(source, str) and glob.has_magic(source) and not os.path.lexists(source)
        address = isinstance(source, str) and "://" in source
        return "stream" if pattern or address or os.path.isdir(source) else "one"  # noqa: PTH112 (any path-like)
    if are_several(source):
        return "several"
    if hasattr(source, "dtype") and hasattr(source, "ndim"):
        return "several" if source.ndim == 4 and source.dtype == "uint8" else "one"
    none = isinstance(source, bytes | bytearray | memoryview | Mapping | Set) or hasattr(source, "read")
    return "stream" if isinstance(source, Iterable) and not none else "one"

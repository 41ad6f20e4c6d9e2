"""What is taken for a picture, and for several; a path and the bytes of a file are sequences too, but one picture."""

from __future__ import annotations

import glob
import os
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence, Set
from pathlib import PurePosixPath
from typing import TYPE_CHECKING, Literal, Protocol, TypeAlias, TypeGuard, TypeVar, cast

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray
    from PIL import Image

ImageLike: TypeAlias = "str | os.PathLike[str] | bytes | Image.Image | NDArray[np.uint8]"

T_co = TypeVar("T_co", covariant=True)

#: Endings of the formats of ``refnet.preprocessing.formats.DECODERS``.
ENDINGS = frozenset(
    f".{ending}"
    for endings in (
        "jpg jpeg jpe jfif png apng webp gif bmp dib tif tiff ppm pgm pbm pnm avif avifs heic heif hif",
        "jp2 j2k j2c jpc jpf jpx ico qoi psd pcx sgi rgb rgba bw dds tga",
    )
    for ending in endings.split()
)

_ADDRESS = re.compile(r"[A-Za-z][A-Za-z0-9+.-]+(://|::)")


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


def is_address(place: object) -> TypeGuard[str]:
    """Whether this names something by a protocol.

    Examples
    --------
    >>> is_address("s3://bucket/cat.jpg"), is_address("C:/cat.jpg"), is_address("zip://*.jpg::photos.zip")
    (True, False, True)
    """
    return isinstance(place, str) and _ADDRESS.match(place) is not None


def names_a_picture(address: str, *, patterns: bool = True) -> bool:
    """Whether an address leads to one picture, as far as its name tells: by its ending, and that it is no pattern.

    Examples
    --------
    >>> names_a_picture("s3://bucket/cat.jpg"), names_a_picture("s3://bucket/*.jpg"), names_a_picture("s3://bucket/2024")
    (True, False, False)
    """
    path = next((link for link in address.split("::") if "://" in link), address)
    return PurePosixPath(path).suffix.lower() in ENDINGS and not (patterns and glob.has_magic(path))


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

    What is no source is taken for one picture, and whoever reads it says what is wrong with it. An address is one if it
    ends as a picture does; behind any other there may be a folder.

    Examples
    --------
    >>> how_many("a.png"), how_many(["a.png"]), how_many("*.png"), how_many(iter(["a.png"]))
    ('one', 'several', 'stream', 'stream')
    """
    if is_address(source):
        return "one" if names_a_picture(source) else "stream"
    if isinstance(source, str | os.PathLike):
        pattern = isinstance(source, str) and glob.has_magic(source) and not os.path.lexists(source)
        return "stream" if pattern or os.path.isdir(source) else "one"  # noqa: PTH112 (any path-like)
    if are_several(source):
        return "several"
    if hasattr(source, "dtype") and hasattr(source, "ndim"):
        return "several" if source.ndim == 4 and source.dtype == "uint8" else "one"
    none = isinstance(source, bytes | bytearray | memoryview | Mapping | Set) or hasattr(source, "read")
    return "stream" if isinstance(source, Iterable) and not none else "one"

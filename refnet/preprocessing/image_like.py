"""What is taken for a picture, and for several; a path and the bytes of a file are sequences too, but one picture."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Protocol, TypeAlias, TypeVar, cast

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray
    from PIL import Image

ImageLike: TypeAlias = "str | os.PathLike[str] | bytes | Image.Image | NDArray[np.uint8]"

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
    """Whether this is a sequence that is not one picture itself.

    Examples
    --------
    >>> are_several(["a.png", "b.png"]), are_several("a.png"), are_several(b"GIF")
    (True, False, False)
    """
    return isinstance(value, Sequence) and not isinstance(value, str | bytes | bytearray | memoryview)


def as_images(image: ImageLike | Several[ImageLike]) -> Several[ImageLike]:
    """One picture as a list of one, several as they are.

    Examples
    --------
    >>> as_images("a.png"), as_images(["a.png", "b.png"])
    (['a.png'], ['a.png', 'b.png'])
    """
    return cast("Several[ImageLike]", image) if are_several(image) else [cast("ImageLike", image)]

"""Where pictures come from: a file, a folder, a pattern, an array, an open file, or any number of these, one by one."""

from __future__ import annotations

import glob
import os
from collections.abc import Iterable, Iterator, Mapping, Sequence, Set
from typing import TYPE_CHECKING, NamedTuple, TypeAlias, TypeGuard, cast

import numpy as np

from refnet.errors import ImageError, ImageNotFoundError, InputError
from refnet.pipeline import addresses
from refnet.pipeline.folder import regular, walk
from refnet.preprocessing.image_like import ImageLike, OpenFile, is_address
from refnet.preprocessing.read_image import MAX_BYTES

if TYPE_CHECKING:
    from numpy.typing import NDArray

#: One picture, or what holds several: a folder, a pattern, an array u8[N, H, W, 3], an open file, anything with these.
Source: TypeAlias = "ImageLike | OpenFile | NDArray[np.uint8] | Iterable[Source]"


class Item(NamedTuple):
    """One picture of a source.

    Attributes
    ----------
    name
        Its path as found, or ``picture 3``, counted from 1, of what has no name.
    image
        The picture, not read yet; or why the source could not give it.
    """

    name: str
    image: ImageLike | ImageError


def items(source: Source, *, recursive: bool = False) -> Iterator[Item]:
    """Hand out the pictures of a source one by one, each when it is asked for.

    Of a folder these are its pictures by their endings, sorted by name, with ``recursive`` also those of its folders.
    Of a pattern such as ``photos/2024*/*.jpg`` these are all files that it matches, unless there is a file of that very
    name; in a list or an iterator a name is a name, whatever pattern it looks like. What an iterator hands out is taken
    at once: it may close its file or fill its array anew.

    Examples
    --------
    >>> [item.name for item in items("refnet/data/*.png")], [item.name for item in items(["IMG[1].png", b"GIF"])]
    (['refnet/data/chelsea.png'], ['IMG[1].png', 'picture 2'])
    """
    found = _at_path(source, recursive, patterns=True) if is_path(source) else _found(source, recursive, passing=False)
    for place, (name, image) in enumerate(found):
        yield Item(name or f"picture {place + 1}", image)


def one_each(pictures: Iterable[ImageLike | OpenFile]) -> Iterator[Item]:
    """Hand out the pictures of a list, one for each entry: a folder is an error, so that answers can be counted off."""
    for place, picture in enumerate(pictures):
        if is_path(picture):
            yield Item(os.fsdecode(picture), picture)
        else:
            name, image = _read(picture) if is_file(picture) else ("", cast("ImageLike", picture))
            yield Item(name or f"picture {place + 1}", image)


def is_path(source: object) -> TypeGuard[str | os.PathLike[str]]:
    """Whether this names a file, a folder or a pattern."""
    return isinstance(source, str | os.PathLike)


def is_file(source: object) -> TypeGuard[OpenFile]:
    """Whether this is an open file, or something that can be read like one."""
    return hasattr(source, "read")


_Found: TypeAlias = "tuple[str, ImageLike | ImageError]"


def _found(source: Source, recursive: bool, *, passing: bool) -> Iterator[_Found]:
    """Pictures with their names, if they have one; one that is ``passing`` may be another one a moment later."""
    if is_path(source):
        yield from _at_path(source, recursive, patterns=False)
    elif isinstance(source, bytes):
        yield "", source
    elif isinstance(source, np.ndarray):
        for picture in source if source.ndim == 4 else (source,):
            yield "", picture.copy() if passing else picture
    elif is_file(source):
        yield _read(source)
    elif _is_pillow(source):
        yield "", _loaded(source) if passing else cast("ImageLike", source)
    elif isinstance(source, Iterable) and not isinstance(source, Mapping | Set | bytearray | memoryview):
        passing = passing or not isinstance(source, Sequence)
        for each in source:
            yield from _found(each, recursive, passing=passing)
    else:
        raise InputError(
            f"a picture cannot be {type(source).__name__}; want a path, the bytes of a file, an open file, a PIL image "
            "or a NumPy array uint8 [H,W,3] or [N,H,W,3] in RGB order; folders, patterns, lists, iterators of these"
        )


def _at_path(path: str | os.PathLike[str], recursive: bool, *, patterns: bool) -> Iterator[_Found]:
    name = os.fsdecode(path)
    if is_address(path):
        yield from addresses.find(name, recursive=recursive, patterns=patterns)
    elif os.path.isdir(path):  # noqa: PTH112 (any path-like)
        yield from walk(name, recursive=recursive)
    elif patterns and isinstance(path, str) and glob.has_magic(path) and not os.path.lexists(path):
        yield from _matches(path)
    else:
        yield name, path


def _matches(pattern: str) -> Iterator[_Found]:
    """The files that a pattern matches, as a shell would find them; ``**`` stands for any number of folders."""
    matches = [path for path in glob.glob(pattern, recursive=True) if regular(path)]  # noqa: PTH207 (keeps the names)
    if not matches:
        text = f"{pattern}: there is no file of that name, and none that this pattern matches"
        yield pattern, ImageNotFoundError(text, filename=pattern)
    for path in sorted(matches):
        yield path, path


def _read(file: OpenFile) -> _Found:
    """Read an open file now, at the place where it stands."""
    stated = getattr(file, "name", "")
    name = os.fsdecode(stated) if isinstance(stated, str | bytes) else ""
    try:
        data = file.read(MAX_BYTES + 1)
    except (OSError, ValueError) as error:  # ValueError: it is closed
        return name, ImageError(f"{name or 'the given file'}: cannot read the picture: {error}", filename=name or None)
    if not isinstance(data, bytes):
        raise InputError(f"{name or 'the given file'} is opened as text; want it opened as 'rb'")
    if len(data) > MAX_BYTES:
        return name, ImageError(f"{name or 'the given file'}: more than {MAX_BYTES} bytes; want at most as many")
    return name, data


def _is_pillow(source: object) -> bool:
    from PIL import Image

    return isinstance(source, Image.Image)


def _loaded(source: object) -> ImageLike | ImageError:
    """Load a PIL image whose file may be closed soon, unless it is one that is not read anyway."""
    from PIL import Image

    from refnet.preprocessing.decode import MAX_PIXELS
    from refnet.preprocessing.formats import damaged

    image = cast("Image.Image", source)
    try:
        if image.width * image.height <= MAX_PIXELS:
            image.load()
    except Exception as error:  # decoders raise anything at all on hostile bytes
        return damaged("the given PIL image", error)
    return image

"""Read a picture: a path, the bytes of a file, a PIL image or an array -> RGB pixels u8[H,W,3].

Pillow decodes and nothing more: all that follows is array code with stated bits. Lossless files decode to the
same pixels everywhere; those of lossy JPEG and WebP may differ by a level between versions of their decoders.
"""

from __future__ import annotations

import os
from typing import cast

import numpy as np
from numpy.typing import NDArray

from refnet.errors import ImageError, ImageNotFoundError, InputError
from refnet.files import opening
from refnet.preprocessing.decode import MAX_PIXELS, Reading, check_side, read
from refnet.preprocessing.image_like import ImageLike, is_address
from refnet.preprocessing.loaders import Loader
from refnet.preprocessing.pillow_memory import own_pixels
from refnet.preprocessing.window import Picture

MAX_BYTES = 8 * MAX_PIXELS  # four channels of 16 bits, not compressed


def read_image(source: ImageLike) -> Picture:
    """Read a picture as a viewer shows it: in RGB, upright, on white.

    Files are those of ``refnet.preprocessing.formats.DECODERS``, recognised by their first bytes; of an animation the
    first frame counts. `refnet.preprocessing.decode.to_rgb` says how other kinds of pixels become RGB.

    What Pillow warns about in a slightly damaged file stays a warning; where the caller makes warnings
    errors, it is an `ImageError`. The filters belong to the whole process and are left alone.

    Parameters
    ----------
    source
        A path, the bytes of a file, a PIL image, or an array u8[H,W,3] in RGB order, which is returned as it
        is.

    Returns
    -------
    picture
        u8[H,W,3], RGB.

    Raises
    ------
    ImageError
        If there is no readable file, or it is not a picture, damaged, cut short, of more than
        ``refnet.preprocessing.decode.MAX_PIXELS`` pixels, or has a side under ``refnet.preprocessing.decode.MIN_SIDE``.
    InputError
        If the source is of another kind, or the array has another dtype or shape.

    Examples
    --------
    >>> read_image(b"P2 4 4 255 " + b"0 85 170 255 " * 4).shape
    (4, 4, 3)
    """
    picture = read_as(source).picture
    return picture if picture is source else own_pixels(picture)


def read_as(source: ImageLike, loader: Loader = "pillow", *, as_published: bool = False) -> Reading:
    """Read a picture as a viewer shows it, or as the software that weights were published with reads it.

    Parameters
    ----------
    source
        As for ``read_image``. An array is taken as it is.
    loader
        Whose software: ``Recipe.loader`` of the weights' recipe.
    as_published
        Read as that software does, to the bit.

    Returns
    -------
    Reading
        The picture; and where ``as_published`` is false, in what that software would have read it differently.

    Raises
    ------
    ImageError, InputError
        As ``read_image``; ImageError also if that software does not read such a file.

    Examples
    --------
    >>> from PIL import Image
    >>> clear = Image.new("RGBA", (4, 4), (255, 0, 0, 0))
    >>> read_as(clear).picture[0, 0].tolist(), read_as(clear, as_published=True).picture[0, 0].tolist()
    ([255, 255, 255], [255, 0, 0])
    """
    if isinstance(source, np.ndarray):
        return Reading(_check_array(source))
    if isinstance(source, bytes):
        return read(source, f"the given {len(source)} bytes", loader, as_published=as_published)
    if isinstance(source, str | os.PathLike):
        return read(read_file(source), os.fsdecode(source), loader, as_published=as_published)
    from PIL import Image

    if isinstance(source, Image.Image):
        return read(source, "the given PIL image", loader, as_published=as_published)
    raise _wrong_kind(source)


def check_image(source: ImageLike) -> None:
    """Refuse what ``read_image`` refuses, as far as that is seen without reading the picture; of an address it is not.

    Examples
    --------
    >>> check_image("tests/data")
    Traceback (most recent call last):
        ...
    refnet.errors.ImageError: tests/data: cannot read the picture: Is a directory
    """
    if isinstance(source, np.ndarray):
        _check_array(source)
    elif isinstance(source, str | os.PathLike) and not is_address(source):
        try:
            opening.check_regular(os.stat(source), source, pipes=True)  # noqa: PTH116 (any path-like)
        except (OSError, ValueError) as error:
            raise _unreadable(source, error) from error
    elif not isinstance(source, str | bytes):
        from PIL import Image

        if not isinstance(source, Image.Image):
            raise _wrong_kind(source)


def _wrong_kind(source: object) -> InputError:
    return InputError(
        f"a picture cannot be {type(source).__name__}; want a path, the bytes of a file, an open file, a PIL "
        "image or a NumPy array uint8 [H,W,3] in RGB order"
    )


def _unreadable(path: str | os.PathLike[str], error: Exception) -> ImageError:
    reason = getattr(error, "strerror", None) or str(error)
    kind = ImageNotFoundError if isinstance(error, FileNotFoundError) else ImageError
    unreadable = kind(f"{os.fsdecode(path)}: cannot read the picture: {reason}", filename=path)
    if isinstance(error, OSError):
        unreadable.errno, unreadable.strerror = error.errno, error.strerror
    return unreadable


def read_file(path: str | os.PathLike[str]) -> bytes:
    """Read all bytes of a picture's file."""
    try:
        with opening.open_file(path, pipes=True) as file:
            size = os.fstat(file.fileno()).st_size
            if size > MAX_BYTES:
                raise ImageError(f"{os.fsdecode(path)}: {size} bytes; want at most {MAX_BYTES}")
            data = file.read(size or MAX_BYTES + 1)  # pipes have no size, and maybe no end
    except ImageError:
        raise
    except (OSError, ValueError) as error:  # ValueError: a null byte in the path
        raise _unreadable(path, error) from error
    if len(data) > MAX_BYTES:
        raise ImageError(f"{os.fsdecode(path)}: more than {MAX_BYTES} bytes; want at most as many")
    return data


def _check_array(array: NDArray[np.generic]) -> Picture:
    """Accept u8[H,W,3]; else say what was found and what most likely happened."""
    if array.dtype == np.uint8 and array.ndim == 3 and array.shape[2] == 3:
        check_side(array.shape[0], array.shape[1], "the given array")
        return cast("Picture", array)
    found = f"array of {array.dtype} {list(array.shape)}"
    hint = _shape_hint(array.shape)
    if array.size and array.dtype.kind in "buif":
        low, high = array.min(), array.max()
        found += f" with values {low}..{high}"
        hint = hint or _range_hint(float(low), float(high), array.dtype.kind)
    raise InputError(f"{found}; want uint8 [H,W,3] with values 0..255 in RGB order{hint}")


def _shape_hint(shape: tuple[int, ...]) -> str:
    match shape:
        case (_, _):
            return "; for grey pass np.repeat(a[..., None], 3, axis=2)"
        case (_, _, 1):
            return "; for grey pass np.repeat(a, 3, axis=2)"
        case (_, _, 4):
            return "; for transparency pass PIL.Image.fromarray(a)"
        case (3, _, other) if other != 3:
            return "; for channels first pass a.transpose(1, 2, 0)"
        case (_, _, _, _):
            return "; pass several pictures one by one"
    return ""


def _range_hint(low: float, high: float, kind: str) -> str:
    if low >= 0 and high <= 1 and kind in "fb":
        return "; for values of 0..1 pass (a * 255).round().astype(np.uint8)"
    if low >= 0 and high <= 255:
        return "; pass a.round().astype(np.uint8)"
    return "; pass the pixels themselves: the recipe of the weights normalises them"

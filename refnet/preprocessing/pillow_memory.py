"""The pixels of a PIL image, without a copy where Pillow lends its memory.

Pillow 11.2 and later lend it by the Arrow C data interface, as long as an image lies in one piece of memory (16 MiB).
Others are copied by Pillow, in bands, lest it hold all of the picture three times.
Source: https://arrow.apache.org/docs/format/CDataInterface.html.
"""

from __future__ import annotations

import ctypes
from functools import cache
from struct import Struct
from typing import TYPE_CHECKING, Any

import numpy as np

from refnet.preprocessing.window import Picture

if TYPE_CHECKING:
    from PIL import Image

BAND = 1 << 20  # pixels that Pillow copies at a time
STORED = 4  # bytes of a pixel of three channels in Pillow's memory; the last says nothing
# struct ArrowArray: length, null_count, offset, n_buffers, n_children, buffers, children, dictionary, release, private.
_ARROW_ARRAY = Struct("5q5P")
_POINTER = Struct("P")


class Lent:
    """Bytes that somebody keeps, as NumPy takes them: it holds on to this, which holds on to the keeper."""

    def __init__(self, keeper: object, address: int, shape: tuple[int, ...], strides: tuple[int, ...]) -> None:
        self._keeper = keeper
        self.__array_interface__ = {
            "version": 3,
            "typestr": "|u1",
            "shape": shape,
            "strides": strides,
            "data": (address, True),  # not to be written
        }


def pixels_of(image: Image.Image) -> Picture:
    """Give u8[H,W,3] of an image of mode RGB or YCbCr; maybe a view of its memory that cannot be written.

    Examples
    --------
    >>> from PIL import Image
    >>> pixels_of(Image.new("RGB", (4, 4), (1, 2, 3)))[3, 3].tolist()
    [1, 2, 3]
    """
    image.load()
    lent = _lent(image)
    if lent is not None:
        return np.asarray(lent)
    width, height = image.size
    picture: Picture = np.empty((height, width, 3), np.uint8)
    rows = max(BAND // width, 1)
    for top in range(0, height, rows):
        bottom = min(top + rows, height)
        picture[top:bottom] = np.asarray(image.crop((0, top, width, bottom)))
    return picture


def own_pixels(picture: Picture) -> Picture:
    """Copy what cannot be written: a channel at a time, many times as fast as all three together.

    Examples
    --------
    >>> from PIL import Image
    >>> own_pixels(pixels_of(Image.new("RGB", (4, 4)))).strides
    (12, 3, 1)
    """
    if picture.flags.writeable:
        return picture
    own: Picture = np.empty(picture.shape, np.uint8)
    for channel in range(3):
        own[..., channel] = picture[..., channel]
    return own


def _lent(image: Any) -> Lent | None:
    """What Pillow lends, if that is of the one form that is understood here."""
    width, height = image.size
    if not _lines_follow_each_other():
        return None
    try:
        _, capsule = image.__arrow_c_array__()
        address = _capsule_pointer()(capsule, b"arrow_array")
    except (AttributeError, ValueError, MemoryError):  # an older Pillow, another Python, memory in pieces
        return None
    length, _, offset, _, children, _, child, *_ = _read(_ARROW_ARRAY, address)
    if (length, offset, children) != (width * height, 0, 1):
        return None
    (channels,) = _read(_POINTER, child)
    length, _, offset, buffers, _, buffer, *_ = _read(_ARROW_ARRAY, channels)
    if (length, offset, buffers) != (width * height * STORED, 0, 2):
        return None
    (pixels,) = _read(_POINTER, buffer + _POINTER.size)  # behind the buffer that says which are missing
    return Lent(capsule, pixels, (height, width, 3), (width * STORED, STORED, 1)) if pixels else None


def _lines_follow_each_other() -> bool:
    """Whether Pillow puts nothing between them; if it does, not every version refuses to lend them."""
    from PIL import Image

    return bool(Image.core.get_alignment() == 1)  # type: ignore[attr-defined]


def _read(form: Struct, address: int) -> tuple[int, ...]:
    return form.unpack(ctypes.string_at(address, form.size))


@cache
def _capsule_pointer() -> Any:
    function = ctypes.pythonapi.PyCapsule_GetPointer
    function.argtypes, function.restype = (ctypes.py_object, ctypes.c_char_p), ctypes.c_void_p
    return function

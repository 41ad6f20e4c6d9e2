"""Decode: the bytes of a file, or a PIL image, -> RGB. Beside ``formats`` the only room that knows Pillow.

By default a picture becomes what a viewer shows, upright and on white. The software that weights were published with
has its own way (``loaders``): it turns nothing, drops the transparency, and treats 16 bits as it does. ``read`` follows
it to the bit if asked to, and else says where the two ways differ. The size is checked before any pixel is decoded;
whatever goes wrong inside Pillow comes out as one ``ImageError``.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from refnet.errors import ImageError
from refnet.float_mode import default_mode
from refnet.memory import lack
from refnet.preprocessing.formats import damaged, open_picture, recognise
from refnet.preprocessing.loaders import Loader, pillow_rgb, tensorflow_rgb
from refnet.preprocessing.metadata import PROFILE, exif_in, is_sane
from refnet.preprocessing.pillow_memory import own_pixels, pixels_of
from refnet.preprocessing.window import Picture

if TYPE_CHECKING:
    from PIL import Image

MAX_PIXELS = 1 << 26  # below Pillow's own limit, so that this one speaks first
BYTES = 7  # of a pixel: in Pillow's memory, and as an array
BAND = 1 << 16  # pixels that are laid over white at a time, lest wide integers take many times the picture's memory
MIN_SIDE = 4  # the bicubic filter reads four pixels an axis; what is smaller is a colour, not a picture

MODES = ("1", "L", "LA", "P", "PA", "RGB", "RGBA", "RGBX", "CMYK", "YCbCr")
MODES_16_BIT = ("I;16", "I;16L", "I;16B", "I;16N")
EXIF = ("exif", PROFILE, "xmp", "XML:com.adobe.xmp")  # where Pillow finds it, in what it read of a JPEG
TURNED = "turned upright, as its EXIF says"
ON_WHITE = "laid on white where it is transparent"
SHIFTED = "its 16 bits cut to the upper 8"


class Reading(NamedTuple):
    """A picture, and in what the publisher's own loader would have read it differently.

    Attributes
    ----------
    picture
        u8[H,W,3], RGB; maybe a view of the image's own memory, not to be written.
    differs
        In words, nothing where both are equal: ``turned upright, as its EXIF says``.
    """

    picture: Picture
    differs: tuple[str, ...] = ()


def decode(data: bytes, where: str) -> Picture:
    """Decode the bytes of a picture file, of an animation the first frame; ``where`` is its name in error messages.

    Examples
    --------
    >>> decode(b"P2 4 4 255 " + b"0 85 170 255 " * 4, "ramp.pgm")[0].tolist()
    [[0, 0, 0], [85, 85, 85], [170, 170, 170], [255, 255, 255]]
    """
    return own_pixels(read(data, where).picture)


def to_rgb(image: Image.Image, where: str) -> Picture:
    """Turn a PIL image into RGB as a viewer shows it: on white, upright.

    Grey, palette, 1-bit, CMYK and YCbCr become RGB by Pillow's rules. 16-bit grey keeps its upper 8 bits
    (``v >> 8``), as Pillow and TensorFlow do with 16-bit colour. Transparency is laid over white
    (`over_white`). A picture that EXIF says was stored turned is turned back. Colour profiles are ignored, as
    in the code that the published weights were trained with.

    Examples
    --------
    >>> from PIL import Image
    >>> to_rgb(Image.new("RGBA", (4, 4), (255, 0, 0, 51)), "rose")[0, 0].tolist()
    [255, 204, 204]
    """
    return own_pixels(read(image, where).picture)


@default_mode()
def read(source: bytes | Image.Image, where: str, loader: Loader = "pillow", *, as_published: bool = False) -> Reading:
    """Read a picture as a viewer shows it, or as the publisher's loader does; say where it matters which.

    Examples
    --------
    >>> from PIL import Image
    >>> rose = Image.new("RGBA", (4, 4), (255, 0, 0, 51))
    >>> read(rose, "rose").differs
    ('laid on white where it is transparent',)
    >>> read(rose, "rose", as_published=True).picture[0, 0].tolist()
    [255, 0, 0]
    """
    from PIL import ImageFile

    name = ""
    image: Image.Image
    if isinstance(source, bytes):
        name = recognise(source, where)
        if ImageFile.LOAD_TRUNCATED_IMAGES:
            raise ImageError(
                f"{where}: PIL.ImageFile.LOAD_TRUNCATED_IMAGES is set in this process, so a file cut short would "
                "load half grey; clear it, or pass an array"
            )
        image = open_picture(source, name, where)
    else:
        image = source
    _check_size(image, where)
    if not as_published and image.mode not in MODES + MODES_16_BIT:
        raise ImageError(f"{where}: pixels of mode {image.mode!r} have no stated range; convert the picture to RGB")
    try:
        if not as_published:
            image.load()
            return _as_shown(image, loader)
        return Reading(pillow_rgb(image) if loader == "pillow" else tensorflow_rgb(image, name, where))
    except ImageError:
        raise
    except Exception as error:  # decoders raise anything at all on hostile bytes
        raise damaged(where, error) from error


def _as_shown(stored: Image.Image, loader: Loader) -> Reading:
    """Upright, on white, 16 bits shifted; and whether the loader's pixels are others."""
    image = _upright(stored)
    differs: tuple[str, ...] = () if image is stored else (TURNED,)
    if image.mode in MODES_16_BIT:
        grey = (np.asarray(image) >> 8).astype(np.uint8)
        picture = np.repeat(grey[..., None], 3, axis=2)
        if loader == "pillow" and not np.array_equal(picture, pillow_rgb(image)):
            differs += (SHIFTED,)
        return Reading(picture, differs)
    if image.has_transparency_data:
        rgba = np.asarray(image.convert("RGBA"))
        picture = over_white(rgba)
        if not np.array_equal(picture, rgba[..., :3]):
            differs += (ON_WHITE,)
        return Reading(picture, differs)
    return Reading(pixels_of(image if image.mode == "RGB" else image.convert("RGB")), differs)


def _check_size(image: Image.Image, where: str) -> None:
    width, height = image.size
    check_side(height, width, where)
    if width * height > MAX_PIXELS:
        raise ImageError(f"{where}: {width} x {height} pixels; want at most {MAX_PIXELS} in all: shrink it")
    if missing := lack(width * height * BYTES):
        raise ImageError(f"{where}: {width} x {height} pixels need {missing}; shrink it")


def over_white(rgba: Picture) -> Picture:
    """Lay u8[H,W,4] over white: ``(c a + 255 (255 - a)) / 255`` in integers, rounded to nearest.

    The colours are not multiplied by alpha.

    Examples
    --------
    >>> over_white(np.array([[[0, 100, 200, 128]]], np.uint8)).tolist()
    [[[127, 177, 227]]]
    """
    pixels: Picture = rgba.reshape(-1, 4)
    picture: Picture = np.empty((len(pixels), 3), np.uint8)
    for start in range(0, len(pixels), BAND):
        band = pixels[start : start + BAND].astype(np.uint16)
        colour, alpha = band[:, :3], band[:, 3:]
        picture[start : start + BAND] = (colour * alpha + 255 * (255 - alpha) + 127) // 255
    return picture.reshape(*rgba.shape[:2], 3)


def check_side(height: int, width: int, where: str) -> None:
    """Refuse a picture with a side under ``MIN_SIDE`` pixels."""
    if min(height, width) < MIN_SIDE:
        raise ImageError(f"{where}: {width} x {height} pixels; want at least {MIN_SIDE} a side")


def _upright(image: Image.Image) -> Image.Image:
    """Undo the turn that EXIF states; a picture whose EXIF cannot be read stays as stored, and the very same."""
    if image.format == "JPEG" and not image._exif and image.info.keys().isdisjoint(EXIF):
        return image  # as getexif would say, which takes longer
    from PIL.ExifTags import Base
    from PIL.Image import Transpose

    try:
        stated = exif_in(image.info)
        if stated is not None and not is_sane(stated):
            return image
        orientation = image.getexif().get(Base.Orientation)
    except Warning:  # the caller made warnings errors
        raise
    except Exception:
        return image
    # Not ImageOps.exif_transpose: it also writes the EXIF block anew, and fails on odd ones.
    turns = {
        2: Transpose.FLIP_LEFT_RIGHT,
        3: Transpose.ROTATE_180,
        4: Transpose.FLIP_TOP_BOTTOM,
        5: Transpose.TRANSPOSE,
        6: Transpose.ROTATE_270,
        7: Transpose.TRANSVERSE,
        8: Transpose.ROTATE_90,
    }
    return image.transpose(turns[orientation]) if orientation in turns else image

"""Decode: the bytes of a file, or a PIL image, -> RGB on white, upright. The only room that knows Pillow.

A picture is hostile until decoded: seven formats, recognised by their first bytes; the size is checked before
any pixel is decoded; whatever goes wrong inside Pillow comes out as one `ImageError`.
"""

from __future__ import annotations

import importlib
import io
import re
from typing import TYPE_CHECKING, cast

import numpy as np

from refnet.errors import ImageError
from refnet.preprocessing.window import Picture

if TYPE_CHECKING:
    from PIL import Image

MAX_PIXELS = 1 << 26  # below Pillow's own limit, so that this one speaks first
BAND = 1 << 16  # pixels that are laid over white at a time, lest wide integers take many times the picture's memory
MIN_SIDE = 4  # the bicubic filter reads four pixels an axis; what is smaller is a colour, not a picture

# Format -> its first bytes, and its decoder in Pillow. No other decoder ever sees the bytes: some start
# programs (EPS), many are little tested.
DECODERS = {
    "PNG": (rb"\x89PNG\r\n\x1a\n", "PngImagePlugin", "PngImageFile"),
    "JPEG": (rb"\xff\xd8\xff", "JpegImagePlugin", "JpegImageFile"),
    "WebP": (rb"RIFF....WEBP", "WebPImagePlugin", "WebPImageFile"),
    "GIF": (rb"GIF8[79]a", "GifImagePlugin", "GifImageFile"),
    "BMP": (rb"BM", "BmpImagePlugin", "BmpImageFile"),
    "TIFF": (rb"II[*+]\0|MM\0[*+]", "TiffImagePlugin", "TiffImageFile"),
    "PPM": (rb"P[1-6]\s", "PpmImagePlugin", "PpmImageFile"),
}
MODES = ("1", "L", "LA", "P", "PA", "RGB", "RGBA", "RGBX", "CMYK", "YCbCr")
MODES_16_BIT = ("I;16", "I;16L", "I;16B", "I;16N")


def decode(data: bytes, where: str) -> Picture:
    """Decode the bytes of a picture file, of an animation the first frame; ``where`` is its name in error messages.

    Examples
    --------
    >>> decode(b"P2 4 4 255 " + b"0 85 170 255 " * 4, "ramp.pgm")[0].tolist()
    [[0, 0, 0], [85, 85, 85], [170, 170, 170], [255, 255, 255]]
    """
    from PIL import ImageFile

    _, module, decoder = DECODERS[recognise(data, where)]
    if ImageFile.LOAD_TRUNCATED_IMAGES:
        raise ImageError(
            f"{where}: PIL.ImageFile.LOAD_TRUNCATED_IMAGES is set in this process, so a file cut short would "
            "load half grey; clear it, or pass an array"
        )
    # Not Image.open: it warns of a huge picture before the size can be checked here.
    open_image = getattr(importlib.import_module(f"PIL.{module}"), decoder)
    try:
        image = cast("Image.Image", open_image(io.BytesIO(data)))
    except Exception as error:  # decoders raise anything at all on hostile bytes
        raise _damaged(where, error) from error
    return to_rgb(image, where)


def recognise(data: bytes, where: str) -> str:
    """Tell the format of a file by its first bytes.

    Examples
    --------
    >>> recognise(b"GIF89a", "cat.gif")
    'GIF'
    """
    if not data:
        raise ImageError(f"{where}: the file is empty")
    for name, (magic, _, _) in DECODERS.items():
        if re.match(magic, data, re.DOTALL):
            return name
    raise ImageError(f"{where}: not a picture; want one of the formats {', '.join(DECODERS)}")


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
    width, height = image.size
    check_side(height, width, where)
    if width * height > MAX_PIXELS:
        raise ImageError(f"{where}: {width} x {height} pixels; want at most {MAX_PIXELS} in all: shrink it")
    if image.mode not in MODES + MODES_16_BIT:
        raise ImageError(f"{where}: pixels of mode {image.mode!r} have no stated range; convert the picture to RGB")
    try:
        image.load()
        image = _upright(image)
        if image.mode in MODES_16_BIT:
            grey = (np.asarray(image) >> 8).astype(np.uint8)
            return np.repeat(grey[..., None], 3, axis=2)
        if image.has_transparency_data:
            return over_white(np.asarray(image.convert("RGBA")))
        return np.array(image.convert("RGB"))
    except Exception as error:  # decoders raise anything at all on hostile bytes
        raise _damaged(where, error) from error


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
    """Undo the turn that EXIF states; a picture whose EXIF cannot be read stays as stored."""
    from PIL.ExifTags import Base
    from PIL.Image import Transpose

    try:
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


def _damaged(where: str, error: Exception) -> ImageError:
    return ImageError(f"{where}: the picture is damaged or cut short: {str(error) or type(error).__name__}")

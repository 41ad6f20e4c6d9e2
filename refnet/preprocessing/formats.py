"""Formats: what the bytes of a file are, which Pillow decoder reads them, and what to do with those that none may read.

A picture is hostile until decoded: only the decoders of this table ever see the bytes. They read the size from the head
before any pixel is decoded, and start nothing. Not among them, for all that Pillow has them: EPS and WMF, which start
programs; formats that hold other files inside (ICNS, FPX, MIC); those that nearly nobody uses.
"""

from __future__ import annotations

import importlib
import io
import re
from collections.abc import Callable
from typing import TYPE_CHECKING, NamedTuple, cast

from refnet.errors import ImageError
from refnet.preprocessing.metadata import bounded

if TYPE_CHECKING:
    from PIL import Image

HEAD = 512  # bytes that tell a format
MAX_ICON = 2048  # pixels a side of what an ICO file holds; those without PNG state twice their height


class Format(NamedTuple):
    """How to know a format, and its decoder.

    Attributes
    ----------
    magic
        Its first bytes.
    module, decoder
        Where the decoder is.
    needs
        What to install where it is not.
    """

    magic: bytes
    module: str
    decoder: str
    needs: str = ""


# ISO media files: a size, "ftyp", the main brand, a version, other brands.
_ISO = rb"\0\0..ftyp"
_NEWER = "Pillow 11.3 or later: pip install -U pillow"
DECODERS = {
    "PNG": Format(rb"\x89PNG\r\n\x1a\n", "PIL.PngImagePlugin", "PngImageFile"),
    "JPEG": Format(rb"\xff\xd8\xff", "PIL.JpegImagePlugin", "JpegImageFile"),
    "WebP": Format(rb"RIFF....WEBP", "PIL.WebPImagePlugin", "WebPImageFile"),
    "GIF": Format(rb"GIF8[79]a", "PIL.GifImagePlugin", "GifImageFile"),
    "BMP": Format(rb"BM", "PIL.BmpImagePlugin", "BmpImageFile"),
    "TIFF": Format(rb"II[*+]\0|MM\0[*+]", "PIL.TiffImagePlugin", "TiffImageFile"),
    "PPM": Format(rb"P[1-6]\s", "PIL.PpmImagePlugin", "PpmImageFile"),
    "AVIF": Format(_ISO + rb"(avi[fs]|mif1.{0,40}avif)", "PIL.AvifImagePlugin", "AvifImageFile", _NEWER),
    "HEIC": Format(_ISO + rb"(hei[cxms]|hev[cx]|mif1|msf1)", "pillow_heif.as_plugin", "HeifImageFile",
                   "pillow-heif: pip install pillow-heif"),
    "JPEG 2000": Format(rb"\xff\x4f\xff\x51|\0\0\0\x0cjP  \r\n\x87\n", "PIL.Jpeg2KImagePlugin", "Jpeg2KImageFile"),
    "ICO": Format(rb"\0\0\x01\0", "PIL.IcoImagePlugin", "IcoImageFile"),
    "QOI": Format(rb"qoif", "PIL.QoiImagePlugin", "QoiImageFile"),
    "PSD": Format(rb"8BPS\0\x01", "PIL.PsdImagePlugin", "PsdImageFile"),
    "PCX": Format(rb"\n[\0\x02-\x05]\x01[\x01\x02\x04\x08]", "PIL.PcxImagePlugin", "PcxImageFile"),
    "SGI": Format(rb"\x01\xda[\0\x01][\x01\x02]\0[\x01-\x03]", "PIL.SgiImagePlugin", "SgiImageFile"),
    "DDS": Format(rb"DDS \x7c\0\0\0", "PIL.DdsImagePlugin", "DdsImageFile"),
    # It has no first bytes: no palette or one of 24 or 32 bits, a kind, its place, and a depth.
    "TGA": Format(
        rb".(\0[\x02\x03\x0a\x0b].{5}|\x01[\x01\x09].{4}[\x18\x20])\0\0..(?!\0\0)..(?!\0\0)..[\x08\x10\x18\x20][\0-\x3f]",
        "PIL.TgaImagePlugin", "TgaImageFile",
    ),
}  # fmt: skip

# What people take for a picture, and what to do about it.
OTHERS = (
    (rb"version https://git-lfs", "the pointer that Git LFS leaves, not the picture itself: run git lfs pull"),
    (rb"(?i)\s*(<!--.*?-->\s*)?(<!doctype html|<html|<head|<body)", "a web page: download the picture that it shows"),
    (rb"(?is)\s*(<\?xml.{0,400})?(<!--.{0,300}-->\s*)?(<!doctype svg|.{0,99}<svg)",
     "a drawing (SVG), without pixels: save it as PNG"),
    (rb"\s*<\?xml", "XML: save the picture as PNG"),
    (rb"\s*[{\[]", "text, maybe JSON that says why the picture was not sent"),
    (rb"%PDF", "a PDF document: save its page as PNG"),
    (rb"%!PS|\xc5\xd0\xd3\xc6", "EPS, a program that Pillow would run by Ghostscript: save it as PNG"),
    (rb"\xd7\xcd\xc6\x9a|\x01\0\0\0.{36} EMF", "WMF or EMF, drawn by Windows alone: save it as PNG"),
    (rb"\xff\x0a|\0\0\0\x0cJXL ", "JPEG XL, which Pillow does not read: save it as PNG"),
    (_ISO + rb"|\x1aE\xdf\xa3|\0\0\0.ftyp|RIFF....AVI ", "a video: save one of its pictures as PNG"),
    (rb"icns", "ICNS, icons of macOS: save one as PNG"),
    (rb"SIMPLE  =", "FITS, numbers of no stated range: scale them to 0..255 and pass an array"),
    (rb"\x93NUMPY", "a NumPy array: pass np.load(file)"),
    (rb"\x89HDF|PK\x03\x04|\x80[\x02-\x05]", "an archive or weights; a model goes with -m"),
)  # fmt: skip


def recognise(data: bytes, where: str) -> str:
    """Tell the format of a file by its first bytes.

    Examples
    --------
    >>> recognise(b"GIF89a", "cat.gif")
    'GIF'
    >>> recognise(b"<!DOCTYPE html>", "cat.jpg")
    Traceback (most recent call last):
        ...
    refnet.errors.ImageError: cat.jpg: not a picture, but a web page: download the picture that it shows
    """
    if not data:
        raise ImageError(f"{where}: the file is empty")
    head = data[:HEAD]
    for name, known in DECODERS.items():
        if re.match(known.magic, head, re.DOTALL):
            return name
    for magic, advice in OTHERS:
        if re.match(magic, head, re.DOTALL):
            raise ImageError(f"{where}: not a picture, but {advice}")
    raise ImageError(f"{where}: not a picture; want one of the formats {', '.join(DECODERS)}")


def open_picture(data: bytes, name: str, where: str) -> Image.Image:
    """Open a file of a known format; no pixel is decoded yet."""
    decoder = decoder_of(name, where)
    data = bounded(data, name, where)
    if name == "ICO":
        _check_icon(data, where)
    # Not Image.open: it warns of a huge picture before the size can be checked here.
    try:
        image = decoder(io.BytesIO(data))
    except Exception as error:  # decoders raise anything at all on hostile bytes
        raise damaged(where, error) from error
    if name == "JPEG":  # all at once, not in pieces, each of which begins with the end of the one before
        image.decodermaxblock = len(data)  # type: ignore[attr-defined]
    return image


def damaged(where: str, error: Exception) -> ImageError:
    """What went wrong inside a decoder."""
    return ImageError(f"{where}: the picture is damaged or cut short: {str(error) or type(error).__name__}")


def decoder_of(name: str, where: str) -> Callable[[io.BytesIO], Image.Image]:
    """Find the decoder of a format, or say what is missing."""
    from PIL import features

    known = DECODERS[name]
    built_in = {"WebP": "webp", "JPEG 2000": "jpg_2000", "AVIF": "avif"}.get(name)
    try:
        found = getattr(importlib.import_module(known.module), known.decoder)
        if built_in is None or features.check(built_in):
            return cast("Callable[[io.BytesIO], Image.Image]", found)
    except (ImportError, AttributeError):
        pass
    needs = known.needs or f"a Pillow that was built with {name}"
    raise ImageError(f"{where}: a picture in {name}, for which is needed {needs}; or save it as PNG or JPEG")


def _check_icon(data: bytes, where: str) -> None:
    """Refuse an icon whose pictures are larger than any icon's: Pillow decodes it before it tells the size."""
    for entry in range(6, min(6 + 16 * int.from_bytes(data[4:6], "little"), len(data) - 15), 16):
        inner = data[int.from_bytes(data[entry + 12 : entry + 16], "little") :][:24]
        if inner.startswith(b"\x89PNG"):
            width, height = (int.from_bytes(inner[at : at + 4], "big") for at in (16, 20))
        else:
            width, height = (abs(int.from_bytes(inner[at : at + 4], "little", signed=True)) for at in (4, 8))
        if max(width, height) > MAX_ICON:
            raise ImageError(f"{where}: an icon of {width} x {height} pixels; want at most {MAX_ICON} a side")

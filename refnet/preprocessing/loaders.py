"""Loaders: how the software that weights were published with reads a picture, to the bit.

``pillow``: torchvision, timm, lukemelas and Keras open a file with Pillow and call ``convert("RGB")``. That turns
nothing, drops the transparency, and clips or scales whatever is not 8 bits as the installed Pillow does.

``tensorflow``: ``tf.io.decode_image(file, channels=3)`` and ``decode_jpeg``, which agree on what both read. It turns
nothing, drops the transparency, keeps the upper 8 of 16 bits, and makes transparent pixels of a GIF black. Of JPEGs it
computes the inverse cosine transform by a faster way than Pillow, so that their levels differ by a few: see
``tensorflow_jpeg``.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

import numpy as np

from refnet.errors import ImageError
from refnet.preprocessing.pillow_memory import pixels_of
from refnet.preprocessing.tensorflow_jpeg import cmyk_to_rgb, jpeg_rgb
from refnet.preprocessing.window import Picture

if TYPE_CHECKING:
    from PIL import Image

Loader = Literal["pillow", "tensorflow"]
SOFTWARE: dict[Loader, str] = {"pillow": "Pillow's convert('RGB')", "tensorflow": "TensorFlow's decode_image"}

_READ_BY_TENSORFLOW = ("JPEG", "PNG", "GIF", "BMP", "WebP")


def pillow_rgb(image: Image.Image) -> Picture:
    """Convert as ``Image.open(file).convert("RGB")``.

    Examples
    --------
    >>> from PIL import Image
    >>> pillow_rgb(Image.new("LA", (4, 4), (7, 0)))[0, 0].tolist()
    [7, 7, 7]
    """
    image.load()
    if image.mode == "P" and image.has_transparency_data:  # the same colours, without Pillow's warning
        return np.asarray(image.convert("RGBA"))[..., :3].copy()
    return pixels_of(image if image.mode == "RGB" else image.convert("RGB"))


def tensorflow_rgb(image: Image.Image, name: str, where: str) -> Picture:
    """Convert as TensorFlow; ``name`` is the format, nothing for an image that somebody else has decoded.

    Examples
    --------
    >>> from PIL import Image
    >>> tensorflow_rgb(Image.new("RGBA", (4, 4), (7, 8, 9, 0)), "", "clear")[0, 0].tolist()
    [7, 8, 9]
    """
    reason = _why_not(image, name)
    if reason:
        raise ImageError(
            f"{where}: TensorFlow reads no {reason}; leave out --as-published (as_published=True), or save as PNG"
        )
    if name == "JPEG":
        return jpeg_rgb(image, where)
    image.load()
    if image.mode.startswith("I;16"):
        return np.repeat((np.asarray(image) >> 8).astype(np.uint8)[..., None], 3, axis=2)
    if image.mode == "CMYK":
        return cmyk_to_rgb(np.asarray(image))
    if name == "GIF" and image.has_transparency_data:
        rgba = np.asarray(image.convert("RGBA"))
        return np.where(rgba[..., 3:] == 0, np.uint8(0), rgba[..., :3])
    return pillow_rgb(image)


def _why_not(image: Image.Image, name: str) -> str:
    """What TensorFlow does not read, or not as anybody would want it."""
    if name and name not in _READ_BY_TENSORFLOW:
        return name
    if name == "BMP" and image.mode in ("P", "1"):
        return "BMP with a palette: it takes the numbers of the colours for grey"
    if name == "WebP" and image.mode != "RGB":
        return "WebP with transparency"
    if name == "GIF" and [tile[1] for tile in image.tile[:1]] != [(0, 0, *image.size)]:  # type: ignore[attr-defined]
        return "GIF whose first frame does not fill it"
    return ""

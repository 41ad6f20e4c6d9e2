"""Thumbnails: pictures small enough to be inside a page."""

from __future__ import annotations

import io

import numpy as np

from refnet.errors import ImageError
from refnet.pages import in_address
from refnet.preprocessing.read_image import read_image

SIDE = 176  # pixels, of the longer side: sharp on a screen of twice the usual density
QUALITY = 70  # of the JPEG


def thumbnail(file: str) -> str:
    """Make a small JPEG of a picture, as an address; nothing if it is not there any more.

    Examples
    --------
    >>> thumbnail("refnet/data/chelsea.png")[:23]
    'data:image/jpeg;base64,'
    >>> thumbnail("nowhere.png")
    ''
    """
    from PIL import Image

    try:
        picture = Image.fromarray(np.asarray(read_image(file)))
    except ImageError:
        return ""
    picture.thumbnail((SIDE, SIDE), Image.Resampling.BICUBIC)
    content = io.BytesIO()
    picture.save(content, "JPEG", quality=QUALITY)
    return in_address("jpeg", content.getvalue())

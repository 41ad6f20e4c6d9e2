"""Preprocess: a picture becomes the network's input, step by step as the recipe of the weights says."""

from __future__ import annotations

import logging
import operator

from refnet.errors import InputError
from refnet.preprocessing.crop import CROPS
from refnet.preprocessing.image_like import ImageLike
from refnet.preprocessing.normalise import normalise
from refnet.preprocessing.read_image import read_as
from refnet.preprocessing.recipe import Recipe
from refnet.preprocessing.resize import RESIZES
from refnet.preprocessing.window import Pixels

LOGGER = logging.getLogger("refnet")


def preprocess(source: ImageLike, recipe: Recipe, height: int, width: int, *, as_published: bool = False) -> Pixels:
    """Turn a picture into the input of a network: crop, resize, normalise.

    Parameters
    ----------
    source
        Anything ``read_image`` takes.
    recipe
        What the weights were trained with.
    height, width
        Size of the network's input, in pixels.
    as_published
        Read the picture as the publisher's own software does, rather than upright and on white: see ``read_as``.

    Returns
    -------
    x
        f32[height,width,3].

    Raises
    ------
    ImageError
        If the picture cannot be read, or is far too long for the recipe.
    InputError
        If the source is of the wrong kind, or a size is not a positive whole number.

    Examples
    --------
    >>> import numpy as np
    >>> from refnet.preprocessing.recipe import LITE
    >>> black = np.zeros((300, 400, 3), np.uint8)
    >>> x = preprocess(black, LITE, 224, 224)
    >>> x.shape, x.dtype, float(x[0, 0, 0])
    ((224, 224, 3), dtype('float32'), -0.9921875)
    """
    try:
        height, width = operator.index(height), operator.index(width)
    except TypeError:
        raise InputError(f"input size {height!r} x {width!r}: want whole numbers of pixels") from None
    if min(height, width) < 1:
        raise InputError(f"input size {height} x {width}: want at least one pixel a side")
    reading = read_as(source, recipe.loader, as_published=as_published)
    if reading.differs:
        LOGGER.info("a picture was %s; as_published=True reads it otherwise", ", ".join(reading.differs))
    pixels = CROPS[recipe.crop].apply(reading.picture, height, width, recipe.crop_amount, RESIZES[recipe.resize])
    return normalise(pixels, recipe.normalise)

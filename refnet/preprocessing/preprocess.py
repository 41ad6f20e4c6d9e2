"""Preprocess: a picture becomes the network's input, step by step as the recipe of the weights says."""

from __future__ import annotations

import logging
import operator

from refnet.errors import InputError
from refnet.float_mode import default_mode
from refnet.preprocessing.compiled import prepare
from refnet.preprocessing.crop import CROPS
from refnet.preprocessing.grey import check_one_channel, to_grey
from refnet.preprocessing.image_like import ImageLike
from refnet.preprocessing.read_image import read_as
from refnet.preprocessing.recipe import Recipe
from refnet.preprocessing.window import Pixels

LOGGER = logging.getLogger("refnet")


@default_mode()
def preprocess(
    source: ImageLike,
    recipe: Recipe,
    height: int,
    width: int,
    *,
    channels: int = 3,
    as_published: bool = False,
) -> Pixels:
    """Turn a picture into the input of a network: crop, resize, normalise.

    Parameters
    ----------
    source
        Anything ``read_image`` takes.
    recipe
        What the weights were trained with.
    height, width
        Size of the network's input, in pixels.
    channels
        Of the network's input: 3, or 1 for grey pictures (``refnet.preprocessing.grey.to_grey``).
    as_published
        Read the picture as the publisher's own software does, rather than upright and on white: see ``read_as``.

    Returns
    -------
    x
        f32[height,width,channels].

    Raises
    ------
    ImageError
        If the picture cannot be read, or is far too long for the recipe.
    InputError
        If the source is of the wrong kind, a size is not a positive whole number, or there is no way to make a picture
        of so many channels.

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
    if channels == 1:
        check_one_channel(recipe.normalise)
    elif channels != 3:
        raise InputError(
            f"no picture has {channels} channels that anybody could name; make the input yourself, float32 "
            f"[N, {height}, {width}, {channels}], and give it to the network's `answer`, `logits` or `features`"
        )
    reading = read_as(source, recipe.loader, as_published=as_published)
    if reading.differs:
        LOGGER.info("a picture was %s; as_published=True reads it otherwise", ", ".join(reading.differs))
    picture = reading.picture if channels == 3 else to_grey(reading.picture)
    cut = CROPS[recipe.crop].cut(picture.shape[0], picture.shape[1], height, width, recipe.crop_amount)
    prepared = prepare(picture, cut, height, width, recipe.resize, recipe.normalise)
    return prepared[..., :channels]

"""Crops: which part of a picture of any shape the network sees.

A crop is a rule that says, from sizes alone, what is cut, resized and kept: a ``Cut``. ``CROPS`` at the end names what
a recipe may ask for. A new kind is a function and one line there.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import numpy as np

from refnet.errors import ImageError
from refnet.preprocessing.window import Picture, Pixels, Resize, Window

LONGEST = 1 << 20  # pixels of a side of the whole resized picture
MOST = 1 << 26  # pixels of a picture that is resized along one axis only, as of any picture


class Cut(NamedTuple):
    """What becomes of a picture of one size.

    Attributes
    ----------
    source
        The part of it that is resized; the filter sees nothing outside.
    height, width
        What that is resized to.
    seen
        The part of the resized picture that the network sees, and that is computed.
    above, before
        Rows and columns of black in front of it, where it is smaller than the network.
    """

    source: Window
    height: int
    width: int
    seen: Window
    above: int = 0
    before: int = 0


def padding_window(picture_height: int, picture_width: int, height: int, width: int, padding: float) -> Window:
    """Choose the part of a picture that the network sees, as in the TensorFlow code of 2019.

    A square network of side s sees the central square of side
    ``int(f32(s / (s + padding)) * f32(shorter side))``; where the margins cannot be equal, the one above or
    to the left is the larger.
    Source: tensorflow/tpu, models/official/efficientnet/preprocessing.py, ``_decode_and_center_crop``.

    Networks that are not square were not published. Here both sides of the largest window of the shape
    ``height : width`` are scaled by that fraction, with s the shorter side of the network.

    ``padding`` is in pixels of the network's input, 32 for every published EfficientNet.

    Examples
    --------
    >>> padding_window(613, 696, 224, 224, 32)
    Window(top=39, left=80, height=536, width=536)
    >>> padding_window(613, 696, 224, 448, 32)
    Window(top=155, left=44, height=304, width=609)
    """
    side = min(height, width)
    fraction = np.float32(side / (side + padding))
    full_height = min(picture_height, picture_width * height / width)
    full_width = min(picture_width, picture_height * width / height)

    def centred(picture_side: int, full: float) -> tuple[int, int]:
        size = min(max(int(fraction * np.float32(full)), 1), picture_side)
        return (picture_side - size + 1) // 2, size

    top, crop_height = centred(picture_height, full_height)
    left, crop_width = centred(picture_width, full_width)
    return Window(top, left, crop_height, crop_width)


def crop_padding(picture_height: int, picture_width: int, height: int, width: int, padding: float) -> Cut:
    """Cut out ``padding_window`` and resize it."""
    source = padding_window(picture_height, picture_width, height, width, padding)
    return Cut(source, height, width, Window(0, 0, height, width))


def crop_fraction(picture_height: int, picture_width: int, height: int, width: int, fraction: float) -> Cut:
    """Do as `crop_padding`, with a padding of ``round(s * (1 / fraction - 1))``, s the network's shorter side.

    That is the TensorFlow code since November 2021, where the fraction is 0.875. The weights are older.
    """
    padding = round(min(height, width) * (1 / fraction - 1))
    return crop_padding(picture_height, picture_width, height, width, padding)


def crop_shorter_side(picture_height: int, picture_width: int, height: int, width: int, side: float) -> Cut:
    """Resize the picture so that its shorter side is ``side`` and cut out its centre, as torchvision does.

    The longer side becomes ``int(side * longer / shorter)``. What is smaller than the network is laid in the
    middle of black.
    Source: torchvision, transforms/functional.py, ``resize`` and ``center_crop``.

    For a network that is not square, ``side`` belongs to its shorter side: see `cover`.
    """
    shorter = min(height, width)
    full = cover(picture_height, picture_width, int(side * height / shorter), int(side * width / shorter))
    return _centre_of(picture_height, picture_width, height, width, full)


def crop_shorter_fraction(picture_height: int, picture_width: int, height: int, width: int, fraction: float) -> Cut:
    """Do as `crop_shorter_side` with a side of ``floor(s / fraction)``, s the network's side, as timm does.

    Source: timm, data/transforms_factory.py, ``transforms_imagenet_eval``.

    For a network that is not square, the picture covers a frame of which both sides are such: see `cover_rounded`.
    """
    frame_height, frame_width = int(height / fraction), int(width / fraction)
    fit = cover if frame_height == frame_width else cover_rounded
    full = fit(picture_height, picture_width, frame_height, frame_width)
    return _centre_of(picture_height, picture_width, height, width, full)


def cover(picture_height: int, picture_width: int, height: int, width: int) -> tuple[int, int]:
    """Size of a picture that keeps its shape and just covers a frame of height x width, in pixels.

    The side that decides becomes the frame's, the other one is cut to a whole number. For a square frame that is
    the rule of torchvision.

    Examples
    --------
    >>> cover(613, 696, 256, 256)
    (256, 290)
    >>> cover(613, 696, 256, 512)
    (450, 512)
    """
    if picture_height * width <= picture_width * height:
        size = height, int(height * picture_width / picture_height)
    else:
        size = int(width * picture_height / picture_width), width
    _check_not_too_long(picture_height, picture_width, height, width, max(size))
    return size


def cover_rounded(picture_height: int, picture_width: int, height: int, width: int) -> tuple[int, int]:
    """Do as `cover`, but round both sides to nearest, ties to even.

    Source: timm, data/transforms.py, ``ResizeKeepRatio``.

    Examples
    --------
    >>> cover_rounded(613, 696, 256, 512)
    (451, 512)
    """
    ratio = min(picture_height / height, picture_width / width)
    size = round(picture_height / ratio), round(picture_width / ratio)
    _check_not_too_long(picture_height, picture_width, height, width, max(size))
    return size


def _check_not_too_long(picture_height: int, picture_width: int, height: int, width: int, longer: int) -> None:
    if longer > LONGEST:
        raise ImageError(
            f"the picture of {picture_width} x {picture_height} pixels is too long: to cover {width} x {height} "
            f"its longer side would be {longer}, want at most {LONGEST}; cut it"
        )


def _centre_of(picture_height: int, picture_width: int, height: int, width: int, full: tuple[int, int]) -> Cut:
    """Of a picture resized to its full size, compute the network's size from the centre."""
    top, inner_height, above = _centre(full[0], height)
    left, inner_width, before = _centre(full[1], width)
    seen = Window(top, left, inner_height, inner_width)
    return Cut(Window(0, 0, picture_height, picture_width), *full, seen, above, before)


def _centre(full: int, size: int) -> tuple[int, int, int]:
    """First pixel that is seen, how many are, and how many of padding come before, along one axis."""
    if full < size:
        return 0, full, (size - full) // 2
    return round((full - size) / 2), size, 0  # ties to even


def crop_squash(picture_height: int, picture_width: int, height: int, width: int, fraction: float) -> Cut:
    """Stretch the picture to ``floor(s / fraction)`` on both axes, s the network's side, and cut out the centre.

    Source: timm, data/transforms_factory.py, ``transforms_imagenet_eval`` with ``crop_mode="squash"``.
    """
    _check_not_too_tall(picture_height, picture_width, height, width)
    full = int(height / fraction), int(width / fraction)
    return _centre_of(picture_height, picture_width, height, width, full)


def crop_none(picture_height: int, picture_width: int, height: int, width: int, _amount: float) -> Cut:
    """Stretch the whole picture, as Keras does with ``load_img(target_size=...)``, unless it is far too tall."""
    _check_not_too_tall(picture_height, picture_width, height, width)
    return Cut(Window(0, 0, picture_height, picture_width), height, width, Window(0, 0, height, width))


def _check_not_too_tall(picture_height: int, picture_width: int, height: int, width: int) -> None:
    if picture_height * width > MOST:
        raise ImageError(
            f"the picture of {picture_width} x {picture_height} pixels is too tall to be stretched to "
            f"{width} x {height}, want at most {MOST // width} rows; cut it"
        )


class Crop(NamedTuple):
    """A kind of crop; it also decides whether to crop before or after it resizes.

    Attributes
    ----------
    cut
        (height and width of the picture, height and width of the network, amount) -> what becomes of it.
    smallest, largest
        The amounts that make sense.
    whole
        Whether the amount is a whole number.
    """

    cut: Callable[[int, int, int, int, float], Cut]
    smallest: float
    largest: float
    whole: bool = False

    def apply(self, picture: Picture, height: int, width: int, amount: float, resize: Resize) -> Pixels:
        """Crop and resize u8[H,W,3]: the definition, of which `refnet.preprocessing.compiled` has the same bits."""
        picture_height, picture_width, _ = picture.shape
        cut = self.cut(picture_height, picture_width, height, width, amount)
        top, left, source_height, source_width = cut.source
        part = picture[top : top + source_height, left : left + source_width]
        pixels = resize(part, cut.height, cut.width, cut.seen)
        below, after = height - cut.seen.height - cut.above, width - cut.seen.width - cut.before
        return np.pad(pixels, ((cut.above, below), (cut.before, after), (0, 0)))


CROPS: dict[str, Crop] = {
    "padding": Crop(crop_padding, 0, 1024),
    "fraction": Crop(crop_fraction, 0.1, 1),
    "shorter-side": Crop(crop_shorter_side, 1, 4096, whole=True),
    "shorter-fraction": Crop(crop_shorter_fraction, 0.1, 1),
    "squash": Crop(crop_squash, 0.1, 1),
    "none": Crop(crop_none, 0, 0),
}

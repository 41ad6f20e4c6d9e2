"""Grey: what a network with one input channel sees of a picture."""

from __future__ import annotations

import numpy as np

from refnet.errors import InputError
from refnet.preprocessing.normalise import Normalisation
from refnet.preprocessing.window import Picture

RED, GREEN, BLUE = 19595, 38470, 7471  # parts of 65536 of the luminance, ITU-R BT.601
ROWS = 256  # at a time, lest wide integers take many times the picture's memory


def to_grey(picture: Picture) -> Picture:
    """Make u8[H,W,3] grey, all three channels alike, as Pillow's ``convert("L")`` and torchvision's ``Grayscale``.

    Whatever a file holds, that is the same as ``convert("RGB")`` and then this.

    Examples
    --------
    >>> to_grey(np.array([[[255, 0, 0], [9, 9, 9]]], np.uint8)).tolist()
    [[[76, 76, 76], [9, 9, 9]]]
    """
    grey: Picture = np.empty(picture.shape, np.uint8)
    for top in range(0, len(picture), ROWS):
        red, green, blue = np.moveaxis(picture[top : top + ROWS].astype(np.uint32), 2, 0)
        grey[top : top + ROWS] = ((RED * red + GREEN * green + BLUE * blue + 32768) >> 16)[..., None]
    return grey


def check_one_channel(operations: Normalisation) -> None:
    """Refuse to normalise one channel by numbers of three: nobody could say which of them is meant.

    Examples
    --------
    >>> check_one_channel((("divide", (255.0, 255.0, 255.0)),))
    """
    for name, numbers in operations:
        if len(set(numbers)) > 1:
            raise InputError(
                f"this network sees grey pictures, and its recipe has numbers for red, green and blue: {name} "
                f"{' '.join(f'{number:g}' for number in numbers)}; give the numbers it was trained with three times, "
                "such as --mean 0.5 0.5 0.5 --std 0.25 0.25 0.25"
            )

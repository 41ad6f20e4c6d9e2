"""The self-test of the kernels that prepare pictures: a small one by each kind of resize, whose bits are known."""

from __future__ import annotations

from typing import Any

import numpy as np

from refnet.float_mode import default_mode
from refnet.kernels.object_code import Function
from refnet.preprocessing.compiled import make_rows
from refnet.preprocessing.crop import CROPS
from refnet.preprocessing.normalise import NORMALISATIONS
from refnet.preprocessing.window import Picture
from refnet.reference.digest import tensor_digest

FROM, TO = (31, 45), (9, 21)  # lanes that are not full
RESIZES = ("pil-bicubic", "tf1-bicubic", "tf1-bilinear")
DIGESTS = (
    "ea4f867e16e83528c7abf9079b8179dcace9fbe993e9237865c9a37bee763c44",
    "a2f3986dea4d5f1852132c665e2d756d38f6bfbc912d13476f079c13afa48518",
    "205d9875926053c1e65598fad4dea07bbddc2235af778fe162fdefdb4991792e",
)


def is_right(function: Function, dtype: np.dtype[Any]) -> bool:
    """Whether compiled code computes what it must."""
    return digests(function) == DIGESTS


@default_mode()
def digests(function: Function) -> tuple[str, ...]:
    """Prepare a small picture by compiled code; the digest for each of ``RESIZES``."""
    pixels = picture()
    cut, operations = CROPS["none"].cut(*FROM, *TO, 0), NORMALISATIONS["torch-imagenet"]
    found = []
    for resize in RESIZES:
        out = np.empty((*TO, 3), np.float32)
        make_rows(function, pixels, cut, resize, operations, out)
        found.append(tensor_digest(out))
    return tuple(found)


def picture() -> Picture:
    """Return u8[H,W,3] of all levels."""
    numbers = np.arange(FROM[0] * FROM[1] * 3) * 2654435761 % 2**32 >> 24
    return numbers.astype(np.uint8).reshape(*FROM, 3)

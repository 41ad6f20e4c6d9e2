"""Which arguments are one picture, and which are several."""

from collections import deque
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from refnet.preprocessing.image_like import are_several, as_images

PIXELS = np.zeros((4, 4, 3), np.uint8)


@pytest.mark.parametrize(
    "one",
    ["cat.png", Path("cat.png"), b"GIF", bytearray(b"GIF"), memoryview(b"GIF"), PIXELS, Image.new("L", (4, 4)), 5],
)
def test_one(one):
    assert not are_several(one)
    (same,) = as_images(one)
    assert same is one


@pytest.mark.parametrize("several", [[], ["cat.png"], ("cat.png", PIXELS), deque(["cat.png"]), [[]]])
def test_several(several):
    assert are_several(several)
    assert as_images(several) is several

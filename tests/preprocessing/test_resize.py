import numpy as np
import pytest

from refnet.preprocessing.resize import RESIZES
from refnet.preprocessing.window import Window


@pytest.mark.parametrize("resize", RESIZES.values(), ids=RESIZES)
def test_a_window_is_a_part_of_the_whole(resize):
    rng = np.random.default_rng(7)
    for _ in range(40):
        height, width, full_height, full_width = (int(side) for side in rng.integers(1, 60, 4))
        picture = rng.integers(0, 256, (height, width, 3), dtype=np.uint8)
        full = resize(picture, full_height, full_width)
        assert full.shape == (full_height, full_width, 3)
        assert full.dtype == np.float32
        top, left = (int(rng.integers(side)) for side in (full_height, full_width))
        window = Window(top, left, int(rng.integers(full_height - top)) + 1, int(rng.integers(full_width - left)) + 1)
        part = resize(picture, full_height, full_width, window)
        assert np.array_equal(part, full[window.top :, window.left :][: window.height, : window.width])


@pytest.mark.parametrize("resize", RESIZES.values(), ids=RESIZES)
def test_memory_order_does_not_matter(resize):
    picture = np.asfortranarray(np.random.default_rng(8).integers(0, 256, (31, 17, 3), dtype=np.uint8))[::-1]
    assert np.array_equal(resize(picture, 8, 40), resize(picture.copy(), 8, 40))


@pytest.mark.parametrize("resize", RESIZES.values(), ids=RESIZES)
def test_the_same_size_is_the_same_picture(resize):
    picture = np.random.default_rng(9).integers(0, 256, (23, 41, 3), dtype=np.uint8)
    assert np.array_equal(resize(picture, 23, 41), picture)

"""Against Pillow itself, exactly; one axis at a time: since its version 13 the order depends on the sizes."""

import numpy as np
import pytest
from PIL import Image

from refnet.preprocessing.resize_pillow import (
    cubic,
    linear,
    resize_pil_bicubic,
    resize_pil_bilinear,
    resize_pil_nearest,
    taps,
)

RESIZES = {
    "bicubic": (resize_pil_bicubic, Image.Resampling.BICUBIC),
    "bilinear": (resize_pil_bilinear, Image.Resampling.BILINEAR),
    "nearest": (resize_pil_nearest, Image.Resampling.NEAREST),
}


def pillow(picture, height, width, resample):
    image = Image.fromarray(picture)
    return np.asarray(image.resize((width, image.height), resample).resize((width, height), resample))


def check(resize, resample, picture, height, width):
    out = resize(picture, height, width)
    assert out.dtype == np.float32
    assert np.array_equal(out, pillow(picture, height, width, resample)), (picture.shape, height, width)


@pytest.mark.parametrize(("resize", "resample"), RESIZES.values(), ids=RESIZES)
def test_random_sizes(resize, resample):
    rng = np.random.default_rng(20261001)
    for number in range(200):
        height, width, new_height, new_width = (int(side) for side in rng.integers(1, (12, 80, 300)[number % 3], 4))
        picture = rng.integers(0, 256, (height, width, 3), dtype=np.uint8)
        check(resize, resample, picture, new_height, new_width)


@pytest.mark.parametrize(("resize", "resample"), RESIZES.values(), ids=RESIZES)
@pytest.mark.parametrize("shape", [(1, 1), (1, 97), (97, 1), (2, 2), (61, 53)])
@pytest.mark.parametrize("size", [(1, 1), (1, 40), (40, 1), (61, 53), (127, 3)])
def test_sides_of_one_pixel_and_odd_ones(resize, resample, shape, size):
    picture = np.random.default_rng(shape).integers(0, 256, (*shape, 3), dtype=np.uint8)
    check(resize, resample, picture, *size)


@pytest.mark.parametrize(("resize", "resample"), RESIZES.values(), ids=RESIZES)
def test_black_and_white_overshoot_nowhere(resize, resample):
    picture = np.random.default_rng(3).integers(0, 2, (90, 70, 3), dtype=np.uint8) * np.uint8(255)
    for size in ((41, 33), (200, 150), (90, 35)):
        check(resize, resample, picture, *size)


@pytest.mark.parametrize(("resize", "resample"), RESIZES.values(), ids=RESIZES)
def test_a_picture_that_keeps_its_shape_is_resized_in_one_step(resize, resample):
    for height, width, new_height, new_width in ((300, 451, 256, 384), (451, 300, 336, 224), (40, 30, 80, 60)):
        picture = np.random.default_rng(5).integers(0, 256, (height, width, 3), dtype=np.uint8)
        wanted = np.asarray(Image.fromarray(picture).resize((new_width, new_height), resample))
        assert np.array_equal(resize(picture, new_height, new_width), wanted)


@pytest.mark.parametrize(("resize", "resample"), RESIZES.values(), ids=RESIZES)
def test_thousands_of_pixels_become_one(resize, resample):
    picture = np.random.default_rng(6).integers(0, 256, (4, 500_000, 3), dtype=np.uint8)
    check(resize, resample, picture, 4, 10)


@pytest.mark.parametrize("kernel", [cubic, linear])
def test_weights_are_the_shares_of_a_whole(kernel):
    for size_in, size_out in ((7, 7), (50, 3), (3, 50), (1000, 224)):
        first, last, weight = taps(size_in, size_out, range(size_out), kernel, 2.0)
        assert (first >= 0).all()
        assert (last <= size_in).all()
        assert weight.dtype == np.int32
        assert (np.abs(weight.sum(axis=0) - 2**22) <= len(weight)).all()

import math

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from PIL import Image

from refnet.errors import ImageError
from refnet.preprocessing.crop import CROPS, LONGEST, cover, padding_window
from refnet.preprocessing.resize import RESIZES
from refnet.preprocessing.resize_tf1 import resize_tf1_bicubic
from refnet.preprocessing.window import Window

RNG = np.random.default_rng(20190528)
NEAREST = RESIZES["pil-nearest"]
PADDING = CROPS["padding"]


def noise(height, width):
    return RNG.integers(0, 256, (height, width, 3), dtype=np.uint8)


# The published example picture, panda.jpg, is 696 wide and 613 high.
@pytest.mark.parametrize(
    ("side", "crop", "top", "left"),
    [
        (224, 536, 39, 80),
        (240, 540, 37, 78),
        (260, 545, 34, 76),
        (300, 553, 30, 72),
        (380, 565, 24, 66),
        (456, 572, 21, 62),
        (528, 577, 18, 60),
        (600, 581, 16, 58),
        (672, 585, 14, 56),
        (475, 574, 20, 61),
        (800, 589, 12, 54),
    ],
)
def test_published_crops(side, crop, top, left):
    assert padding_window(613, 696, side, side, 32) == Window(top, left, crop, crop)
    assert padding_window(696, 613, side, side, 32) == Window(left, top, crop, crop)


@given(st.integers(1, 5000), st.integers(1, 5000), st.integers(1, 1000))
def test_square_crop_is_the_published_formula(picture_height, picture_width, side):
    crop = int(np.float32(side / (side + 32)) * np.float32(min(picture_height, picture_width)))
    crop = max(crop, 1)  # TensorFlow would fail on an empty crop
    expected = Window((picture_height - crop + 1) // 2, (picture_width - crop + 1) // 2, crop, crop)
    assert padding_window(picture_height, picture_width, side, side, 32) == expected


sides = st.integers(1, 4000)


@given(sides, sides, sides, sides, st.floats(0, 1024))
def test_window_of_any_shape(picture_height, picture_width, height, width, padding):
    top, left, crop_height, crop_width = padding_window(picture_height, picture_width, height, width, padding)
    assert crop_height >= 1
    assert crop_width >= 1
    for start, part, whole in ((top, crop_height, picture_height), (left, crop_width, picture_width)):
        assert start >= 0
        assert start + part <= whole
        assert start - (whole - start - part) in (0, 1)  # centred, the larger margin first
    scale = min(picture_height / height, picture_width / width)
    scale *= min(height, width) / (min(height, width) + padding)
    assert abs(crop_height - max(scale * height, 1)) < 1.01
    assert abs(crop_width - max(scale * width, 1)) < 1.01


def test_window_of_a_wide_network():
    assert padding_window(100, 400, 10, 20, 0) == Window(0, 100, 100, 200)
    assert padding_window(400, 100, 10, 20, 0) == Window(175, 0, 50, 100)
    assert padding_window(400, 400, 32, 64, 32) == Window(150, 100, 100, 200)


def test_crop_keeps_what_lies_outside_out():
    picture = noise(60, 80)
    window = padding_window(60, 80, 24, 24, 32)
    assert window == Window(18, 28, 25, 25)
    inside = PADDING.apply(picture, 24, 24, 32, resize_tf1_bicubic)
    picture[:18], picture[43:], picture[:, :28], picture[:, 53:] = 0, 0, 255, 255
    assert np.array_equal(PADDING.apply(picture, 24, 24, 32, resize_tf1_bicubic), inside)


@pytest.mark.parametrize(
    ("side", "padding"), [(224, 32), (240, 34), (260, 37), (300, 43), (380, 54), (456, 65), (528, 75), (600, 86)]
)
def test_fraction_is_another_padding(side, padding):
    picture = noise(61, 83)
    same = PADDING.apply(picture, side, side, padding, NEAREST)
    assert np.array_equal(CROPS["fraction"].apply(picture, side, side, 0.875, NEAREST), same)


@given(sides, sides, st.integers(1, 800))
def test_cover_of_a_square_is_the_rule_of_torchvision(picture_height, picture_width, side):
    short, long = sorted((picture_height, picture_width))
    wanted = (side, int(side * long / short))
    assume(wanted[1] <= LONGEST)  # refused, below
    assert cover(picture_height, picture_width, side, side) == (
        wanted if picture_height <= picture_width else wanted[::-1]
    )


@given(sides, sides, st.integers(1, 800), st.integers(1, 800))
def test_cover_covers(picture_height, picture_width, height, width):
    longest = max(picture_height / picture_width * width, picture_width / picture_height * height)
    assume(longest < LONGEST)  # refused, below
    full_height, full_width = cover(picture_height, picture_width, height, width)
    scale = max(height / picture_height, width / picture_width)
    assert full_height >= height
    assert full_width >= width
    assert full_height == height or full_width == width
    assert math.isclose(full_height, picture_height * scale, abs_tol=1.01)
    assert math.isclose(full_width, picture_width * scale, abs_tol=1.01)


def test_a_picture_too_long_is_refused_before_it_is_resized():
    strip = np.zeros((4, 20000, 3), np.uint8)
    message = r"20000 x 4 pixels is too long: to cover 256 x 256 its longer side would be 1280000, want at most 1048576"
    with pytest.raises(ImageError, match=message):
        CROPS["shorter-side"].apply(strip, 224, 224, 256, NEAREST)
    with pytest.raises(ImageError, match="too long"):
        CROPS["shorter-fraction"].apply(strip.transpose(1, 0, 2), 224, 224, 0.875, NEAREST)
    tower = np.zeros((300_000, 4, 3), np.uint8)
    with pytest.raises(
        ImageError, match=r"4 x 300000 .* too tall to be stretched to 224 x 224, want at most 299593 rows"
    ):
        CROPS["none"].apply(tower, 224, 224, 0, NEAREST)
    assert CROPS["none"].apply(tower[:299_593], 224, 224, 0, NEAREST).shape == (224, 224, 3)


@pytest.mark.parametrize(
    ("amount", "size", "top", "left"),
    [
        (8, 8, 0, 4),  # of 8 x 16
        (9, 6, 2, 6),  # of 9 x 18; 1.5 to even
        (7, 6, 0, 4),  # of 7 x 14; 0.5 to even
        (11, 6, 2, 8),  # of 11 x 22; 2.5 to even
    ],
)
def test_shorter_side_cuts_the_centre(amount, size, top, left):
    picture = noise(20, 40)
    wanted = NEAREST(picture, amount, 2 * amount)[top : top + size, left : left + size]
    assert np.array_equal(CROPS["shorter-side"].apply(picture, size, size, amount, NEAREST), wanted)


def test_shorter_side_lays_a_small_picture_on_black():
    picture = np.full((20, 40, 3), 255, np.uint8)
    out = CROPS["shorter-side"].apply(picture, 9, 9, 4, NEAREST)  # 4 x 8 in 9 x 9
    wanted = np.zeros((9, 9, 3), np.float32)
    wanted[2:6, 0:8] = 255
    assert np.array_equal(out, wanted)


def test_networks_that_are_not_square():
    picture = noise(60, 100)
    for kind, amount in (("shorter-side", 20), ("shorter-fraction", 0.8)):
        out = CROPS[kind].apply(picture, 16, 32, amount, NEAREST)
        full = NEAREST(picture, 24, 40)  # covers 20 x 40
        assert np.array_equal(out, full[4:20, 4:36])


def test_none_stretches_the_whole_picture():
    picture = noise(33, 70)
    wanted = np.asarray(Image.fromarray(picture).resize((20, 30), Image.Resampling.NEAREST))
    assert np.array_equal(CROPS["none"].apply(picture, 30, 20, 0, NEAREST), wanted)

"""Which arguments are one picture, and which are several."""

from collections import deque
from io import BytesIO
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from refnet.preprocessing.image_like import are_several, countable, how_many

PIXELS = np.zeros((4, 4, 3), np.uint8)


@pytest.mark.parametrize(
    "one",
    ["cat.png", Path("cat.png"), b"GIF", bytearray(b"GIF"), memoryview(b"GIF"), PIXELS, Image.new("L", (4, 4)), 5],
)
def test_one(one):
    assert not are_several(one)
    assert how_many(one) == "one"
    (same,) = countable(one)
    assert same is one


@pytest.mark.parametrize("several", [[], ["cat.png"], ("cat.png", PIXELS), deque(["cat.png"]), [[]]])
def test_several(several):
    assert are_several(several)
    assert how_many(several) == "several"
    assert countable(several) is several


def test_an_array_of_four_axes_is_several_if_it_may_hold_pixels():
    assert how_many(PIXELS[None]) == "several"
    assert how_many(PIXELS[None].astype(np.float32)) == "one"


@pytest.mark.parametrize(
    ("address", "how"),
    [
        ("s3://bucket/cat.JPG", "one"),
        ("zip://cat.png::photos.zip", "one"),
        ("simplecache::s3://bucket/cat.png", "one"),
        ("s3://bucket/photos", "stream"),
        ("s3://bucket/photos.zip", "stream"),
        ("s3://bucket/*.png", "stream"),
        ("zip://*.png::cat.png", "stream"),
    ],
)
def test_an_address_is_one_if_it_ends_like_one(address, how):
    assert how_many(address) == how
    assert countable(address) == ([address] if how == "one" else [])


def test_a_stream(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    Path("cat[1].png").touch()
    for stream in (tmp_path, str(tmp_path), "*.png", "cat?.png", iter(["cat.png"]), {}.values(), range_of_pictures()):
        assert how_many(stream) == "stream"
        assert countable(stream) == []
    for one in ("cat[1].png", Path("*.png"), {"cat.png"}, {"cat.png": 1}):  # a file of that very name; a path
        assert how_many(one) == "one"
    assert how_many(BytesIO()) == "one"
    assert countable(BytesIO()) == []  # which must not be looked at before it is read


def range_of_pictures():
    class Pictures:
        def __iter__(self):
            return iter(["cat.png"])

    return Pictures()

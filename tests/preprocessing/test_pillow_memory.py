"""Pixels that Pillow lends, and those that it must copy."""

import gc

import numpy as np
import pytest
from PIL import Image

from refnet.preprocessing import pillow_memory
from refnet.preprocessing.pillow_memory import own_pixels, pixels_of
from refnet.preprocessing.read_image import read_as, read_image

RNG = np.random.default_rng(1)
LENDS = hasattr(Image.Image, "__arrow_c_array__")


def noise(height, width):
    return RNG.integers(0, 256, (height, width, 3), dtype=np.uint8)


@pytest.mark.parametrize("size", [(1, 1), (4, 7), (33, 500)])
def test_pixels_are_those_of_the_image(size):
    picture = noise(*size)
    image = Image.fromarray(picture)
    found = pixels_of(image)
    assert found.dtype == np.uint8
    assert np.array_equal(found, picture)
    assert found.flags.writeable != LENDS
    assert np.array_equal(own_pixels(found), picture)


@pytest.mark.skipif(not LENDS, reason="this Pillow lends nothing")
def test_what_is_lent_outlives_the_image():
    picture = noise(300, 400)
    image = Image.fromarray(picture)
    found = pixels_of(image)
    assert found.strides == (1600, 4, 1)
    image.close()
    del image
    gc.collect()
    others = [Image.new("RGB", (400, 300), "red") for _ in range(20)]
    assert np.array_equal(found[:, 5:], picture[:, 5:])
    assert len(others) == 20


def _in_pieces(monkeypatch):
    return Image.fromarray(noise(2100, 2100))  # of 16 MiB at most each


def _padded_lines(monkeypatch):
    monkeypatch.setattr(pillow_memory, "_lines_follow_each_other", lambda: False)
    return Image.fromarray(noise(40, 30))


def _older_pillow(monkeypatch):
    monkeypatch.delattr(Image.Image, "__arrow_c_array__", raising=False)
    return Image.fromarray(noise(40, 30))


def _other_python(monkeypatch):
    def missing():
        raise AttributeError("pythonapi")

    monkeypatch.setattr(pillow_memory, "_capsule_pointer", missing)
    return Image.fromarray(noise(40, 30))


def _unknown_form(monkeypatch):
    read = pillow_memory._read
    monkeypatch.setattr(pillow_memory, "_read", lambda *where: (read(*where)[0] + 1, *read(*where)[1:]))
    return Image.fromarray(noise(40, 30))


@pytest.mark.parametrize("make", [_in_pieces, _padded_lines, _older_pillow, _other_python, _unknown_form])
@pytest.mark.parametrize("rows", [7, 1 << 20])
def test_what_is_not_lent_is_copied(make, rows, monkeypatch):
    image = make(monkeypatch)
    monkeypatch.setattr(pillow_memory, "BAND", rows * image.width)
    found = pixels_of(image)
    assert found.flags.writeable
    assert np.array_equal(found, np.asarray(image))


@pytest.mark.skipif(not hasattr(Image.core, "set_alignment"), reason="this Pillow aligns no lines")
def test_lines_that_pillow_aligns():
    before = Image.core.get_alignment()
    Image.core.set_alignment(64)
    try:
        picture = noise(20, 10)
        assert np.array_equal(pixels_of(Image.fromarray(picture)), picture)
    finally:
        Image.core.set_alignment(before)


def test_read_image_gives_an_array_of_its_own():
    picture = noise(20, 30)
    image = Image.fromarray(picture)
    found, seen = read_image(image), read_as(image).picture
    assert found.flags.c_contiguous
    assert found.flags.writeable
    found[:] = 0
    assert np.array_equal(np.asarray(image), picture)
    image.paste((1, 2, 3), (0, 0, 30, 20))
    assert (found == 0).all()
    assert seen.shape == found.shape

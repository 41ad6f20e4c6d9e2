"""Pictures for networks of one channel, as timm and torchvision make them."""

import io
from dataclasses import replace

import numpy as np
import pytest
from helpers import any_torchvision  # noqa: F401
from helpers.places import DATA
from PIL import Image

from refnet.errors import InputError
from refnet.preprocessing.by_hand import ByHand
from refnet.preprocessing.grey import to_grey
from refnet.preprocessing.preprocess import preprocess
from refnet.preprocessing.read_image import read_as
from refnet.preprocessing.recipe import RECIPES

from timm.data import create_transform  # isort: skip
from torchvision import transforms  # isort: skip

with np.load(DATA / "pictures.npz") as archive:  # tools/make_reading_fixtures.py
    FILES = {name.partition("/")[2]: bytes(archive[name]) for name in archive.files if name.startswith("file/")}
OWN = ByHand(mean=[0.5] * 3, std=[0.25] * 3, crop="center 0.9", interpolation="bilinear").apply(RECIPES["timm"])


@pytest.mark.filterwarnings("ignore:Palette images with Transparency")
@pytest.mark.parametrize("name", FILES)
def test_grey_is_pillows(name):
    with Image.open(io.BytesIO(FILES[name])) as image:
        theirs = np.asarray(image.convert("L"))
    assert np.array_equal(to_grey(read_as(FILES[name], as_published=True).picture), theirs[..., None].repeat(3, 2))


@pytest.mark.parametrize("name", ["plain.png", "rgba.png", "exif6.jpg", "cmyk.jpg", "grey.jpg", "plain.gif"])
def test_inputs_of_one_channel(name):
    timms = create_transform((1, 32, 32), mean=(0.5,), std=(0.25,), crop_pct=0.9, interpolation="bilinear")
    ours = preprocess(FILES[name], OWN, 32, 32, channels=1, as_published=True)
    with Image.open(io.BytesIO(FILES[name])) as image:
        theirs = timms(image.convert("L")).numpy().transpose(1, 2, 0)
        grey = transforms.Compose([transforms.Grayscale(), timms])(image.convert("RGB")).numpy().transpose(1, 2, 0)
    assert ours.shape == (32, 32, 1)
    assert np.array_equal(ours, theirs)
    assert np.array_equal(ours, grey)


def test_rows_at_a_time():
    picture = np.random.default_rng(2).integers(0, 256, (600, 5, 3), dtype=np.uint8)
    theirs = np.asarray(Image.fromarray(picture).convert("L"))
    assert np.array_equal(to_grey(picture), theirs[..., None].repeat(3, axis=2))


def test_numbers_of_three_colours_are_refused():
    with pytest.raises(
        InputError, match=r"sees grey pictures, .* subtract 0.485 0.456 0.406; give .* --mean 0.5 0.5 0.5"
    ):
        preprocess(FILES["plain.png"], RECIPES["timm"], 32, 32, channels=1)


def test_four_channels_have_no_names():
    with pytest.raises(
        InputError, match=r"no picture has 4 channels .*; make the input yourself, float32 \[N, 32, 32, 4\]"
    ):
        preprocess(FILES["plain.png"], replace(OWN, name="four"), 32, 32, channels=4)

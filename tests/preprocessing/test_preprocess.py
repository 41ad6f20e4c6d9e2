import hashlib
import subprocess
import sys

import numpy as np
import pytest
from helpers.places import CHELSEA
from PIL import Image

from refnet.errors import InputError
from refnet.preprocessing.crop import CROPS
from refnet.preprocessing.preprocess import preprocess
from refnet.preprocessing.recipe import LITE, TENSORFLOW
from refnet.preprocessing.resize_tf1 import resize_tf1_bicubic


@pytest.fixture(scope="module")
def chelsea():
    with Image.open(CHELSEA) as image:
        return np.array(image)


def test_preprocess_is_crop_resize_normalise(chelsea):
    pixels = CROPS["padding"].apply(chelsea, 240, 240, 32, resize_tf1_bicubic)
    for recipe in (LITE, TENSORFLOW):
        x = preprocess(CHELSEA, recipe, 240, 240)
        assert x.dtype == np.float32
        (_, mean), (_, std) = recipe.normalise
        for c in range(3):
            expected = (pixels[..., c] - np.float32(mean[c])) / np.float32(std[c])
            assert np.array_equal(x[..., c], expected)


def test_preprocess_of_a_size_that_is_not_square(chelsea):
    assert preprocess(chelsea, LITE, 64, 96).shape == (64, 96, 3)
    assert preprocess(chelsea, LITE, np.int64(96), np.uint8(64)).shape == (96, 64, 3)


# Pinned: these bits are the same on every machine.
@pytest.mark.parametrize(
    ("recipe", "height", "width", "digest"),
    [
        (LITE, 224, 224, "162833e694774a3f"),
        (LITE, 260, 260, "10b3eb27415600b2"),
        (TENSORFLOW, 224, 224, "3a006133bd59ed6d"),
        (TENSORFLOW, 600, 600, "95557d0ac06580d5"),
        (TENSORFLOW, 192, 256, "ce263c191e417fb4"),
    ],
)
def test_digest(recipe, height, width, digest):
    x = preprocess(CHELSEA, recipe, height, width)
    assert hashlib.sha256(x.astype("<f4").tobytes()).hexdigest()[:16] == digest


@pytest.mark.parametrize("size", [(0, 224), (224, -1), (224.0, 224), ("224", 224), (None, 224)])
def test_wrong_sizes(chelsea, size):
    with pytest.raises(InputError, match=r"^input size .*: want "):
        preprocess(chelsea, LITE, *size)


def test_import_is_light():
    program = "import sys, refnet.preprocessing.preprocess; print({'numba', 'PIL', 'h5py', 'scipy'} & set(sys.modules))"
    result = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert result.stdout == "set()\n"

"""Inputs made by torchvision and NumPy with a mistake in the recipe, each called by its name."""

from dataclasses import replace

import numpy as np
import pytest
from helpers import any_torchvision  # noqa: F401
from helpers.places import CHELSEA
from PIL import Image
from torchvision.transforms import InterpolationMode, functional

from refnet.comparison.diagnosis import diagnose_input, diagnose_without_picture
from refnet.preprocessing.read_image import read_image
from refnet.preprocessing.recipe import LITE, RECIPES, TENSORFLOW

SIDE = 96
MEAN, STD = np.array([0.485, 0.456, 0.406]), np.array([0.229, 0.224, 0.225])
BICUBIC, BILINEAR = InterpolationMode.BICUBIC, InterpolationMode.BILINEAR
TIMM = RECIPES["timm"]
PICTURE = read_image(CHELSEA)


def normal(x):
    return (x / 255 - MEAN) / STD


def pixels(picture=PICTURE, *, frame=int(SIDE / 0.875), interpolation=BICUBIC):
    """Pixels 0..255 as torchvision makes them: the shorter side becomes ``frame``, then the centre is cut out."""
    resized = functional.resize(Image.fromarray(picture), frame, interpolation)
    return np.asarray(functional.center_crop(resized, [SIDE, SIDE])).astype(np.float64)


def corner():
    resized = functional.resize(Image.fromarray(PICTURE), int(SIDE / 0.875), BICUBIC)
    return np.asarray(functional.crop(resized, 0, 0, SIDE, SIDE)).astype(np.float64)


def stretched():
    return np.asarray(Image.fromarray(PICTURE).resize((SIDE, SIDE), Image.Resampling.BICUBIC)).astype(np.float64)


CASES = {
    "no mean and deviation": (lambda: pixels() / 255, "normalisation", "pixels / 255 alone: 0..1"),
    "pixels of 0..255": (pixels, "normalisation", "none: pixels of 0..255"),
    "minus one to one": (lambda: pixels() / 127.5 - 1, "normalisation", "that of tf-advprop"),
    "of Lite": (lambda: (pixels() - 127) / 128, "normalisation", "that of tf-lite"),
    "no mean": (lambda: pixels() / 255 / STD, "normalisation", "its own without 'subtract 0.485 0.456 0.406'"),
    "no deviation": (lambda: pixels() / 255 - MEAN, "normalisation", "its own without 'divide 0.229 0.224 0.225'"),
    "no division by 255": (lambda: (pixels() - MEAN) / STD, "normalisation", "its own without 'divide 255 255 255'"),
    "normalised twice": (lambda: (normal(pixels()) / 255 - MEAN) / STD, "normalisation", "its own, twice"),
    "mean of blue for red": (lambda: (pixels() / 255 - MEAN[::-1]) / STD[::-1], "normalisation", "has red and blue"),
    "another mean": (lambda: (pixels() - 117) / 64, "unknown normalisation", "pixel * (0.015625, 0.015625, 0.015625)"),
    "blue, green, red": (lambda: normal(pixels())[..., ::-1], "bgr", "the channels are blue, green, red"),
    "blue for red at the file": (lambda: normal(pixels()[..., ::-1]), "bgr + normalisation", "after red and blue"),
    "bilinear": (lambda: normal(pixels(interpolation=BILINEAR)), "resize", "pil-bilinear instead of pil-bicubic"),
    "nearest": (lambda: normal(pixels(interpolation=InterpolationMode.NEAREST)), "resize", "pil-nearest"),
    "lanczos": (lambda: normal(pixels(interpolation=InterpolationMode.LANCZOS)), "resize", "pil-lanczos"),
    "no margin": (lambda: normal(pixels(frame=SIDE)), "crop", "'shorter-fraction 1' instead of"),
    "stretched": (lambda: normal(stretched()), "crop", "'none 0' instead of"),
    "of 256": (lambda: normal(pixels(frame=256)), "crop", "'shorter-side 256' instead of"),
    "mirrored": (lambda: normal(pixels())[:, ::-1], "mirrored", "left and right"),
    "upside down": (lambda: normal(pixels())[::-1], "upside-down", "top and bottom"),
    "by columns": (lambda: normal(pixels()).swapaxes(0, 1), "hw-swapped", "height and width"),
    "channels first": (
        lambda: normal(pixels()).transpose(2, 0, 1).reshape(SIDE, SIDE, 3),
        "nchw-as-nhwc",
        "in the order NCHW, and are read as NHWC",
    ),
    "grey": (
        lambda: normal(pixels() @ np.full((3, 3), 1 / 3)),
        "grey",
        "times 1/3 each",
    ),
    "gamma": (lambda: normal(255 * (pixels() / 255) ** 2.2), "tone", "a gamma of 2.2 is applied"),
    "negative": (lambda: normal(255 - pixels()), "negative", "255 - x"),
    "corner": (lambda: normal(corner()), "crop", "moved by -6 rows and -34 columns of the resized picture"),
    "exif": (
        lambda: normal(pixels(np.ascontiguousarray(np.rot90(PICTURE, 2)))),
        "turned",
        "turned before the crop: it is turned by 180 degrees",
    ),
    "one mean for all": (lambda: (pixels() / 255 - 0.485) / 0.229, "normalisation", "the numbers of red for all"),
    "two at once": (
        lambda: pixels(interpolation=BILINEAR)[..., ::-1] / 255,
        "resize + bgr + normalisation",
        "pil-bilinear instead of pil-bicubic; the channels are blue, green, red; the normalisation is pixels / 255",
    ),
}  # fmt: skip


@pytest.mark.parametrize("case", CASES)
def test_a_wrong_recipe_is_named(case):
    make, mistake, words = CASES[case]
    diagnosis = diagnose_input(PICTURE, TIMM, (SIDE, SIDE), make()[None].astype(np.float32))
    assert (diagnosis.mistake, words in diagnosis.sentence) == (mistake, True), diagnosis
    assert diagnosis.residual < 1e-5 < diagnosis.before


@pytest.mark.parametrize("recipe", [TENSORFLOW, LITE], ids=lambda recipe: recipe.name)
def test_the_recipe_of_torchvision_in_a_port_of_tensorflow(recipe):
    diagnosis = diagnose_input(PICTURE, recipe, (SIDE, SIDE), normal(pixels()).astype(np.float32))
    assert diagnosis.mistake == {"tf": "crop + resize", "lite": "crop + resize + normalisation"}[recipe.name]


def test_the_right_recipe_and_an_unknown_one():
    right = diagnose_input(PICTURE, TIMM, (SIDE, SIDE), normal(pixels()).astype(np.float32))
    assert right.mistake is None
    assert right.sentence.endswith("the recipe is the right one")
    noise = np.random.default_rng(0).standard_normal((SIDE, SIDE, 3))
    other = diagnose_input(PICTURE, TIMM, (SIDE, SIDE), noise)
    assert (other.mistake, other.sentence.endswith("another picture, or another part of it?")) == (None, True)
    assert (
        diagnose_input(PICTURE, TIMM, (SIDE, SIDE), noise[:-1]).sentence
        == "no known mistake makes the shape [95, 96, 3]"
    )
    assert diagnose_input(PICTURE, TIMM, (SIDE, SIDE), np.zeros((2, SIDE, SIDE, 3))).sentence == (
        f"the shape [2, {SIDE}, {SIDE}, 3] is not that of one picture"
    )
    noise[0, 0] = np.nan
    assert diagnose_input(PICTURE, TIMM, (SIDE, SIDE), noise).sentence == "the input has infinities or NaN in it"


@pytest.mark.parametrize(("dy", "dx", "words"), [(1, 0, "(y +1, x +0)"), (0, -2, "(y +0, x -2)")])
def test_a_crop_that_begins_elsewhere(dy, dx, words):
    x = normal(pixels()).astype(np.float32)
    found = diagnose_input(PICTURE, TIMM, (SIDE, SIDE), np.roll(x, (-dy, -dx), (0, 1)))
    assert (found.mistake, words in found.sentence) == ("shifted", True), found
    assert diagnose_input(PICTURE, TIMM, (8, 8), np.ones((8, 8, 3), np.float32)).mistake != "shifted"


WITHOUT = {
    "bgr": lambda x: x[..., ::-1],
    "mirrored": lambda x: x[:, :, ::-1],
    "shifted": lambda x: np.roll(x, (2, -1), (1, 2)),
    "normalisation": lambda x: x * STD + MEAN,
    "unknown normalisation": lambda x: x * 0.7 + 0.1,
}


@pytest.mark.parametrize("mistake", WITHOUT)
def test_of_a_batch_without_pictures(mistake):
    right = np.random.default_rng(7).standard_normal((2, 24, 24, 3))
    assert diagnose_without_picture(right, TIMM, WITHOUT[mistake](right)).mistake == mistake
    other = diagnose_without_picture(right, TIMM, np.abs(right) ** 0.3)
    assert (other.mistake, other.residual) == (None, other.before)


def opencv(picture, height, width):
    """What cv2.resize with INTER_LINEAR makes: weights of 11 bits, and sums of quarters of a level."""

    def along(size_in, size_out):
        place = (np.arange(size_out) + 0.5) * size_in / size_out - 0.5
        first = np.floor(place).astype(int)
        weights = np.rint(np.stack([1 - (place - first), place - first]) * 2048).astype(int)
        return np.clip([first, first + 1], 0, size_in - 1), weights

    (rows, down), (columns, across) = along(picture.shape[0], height), along(picture.shape[1], width)
    lines = sum(picture[:, c].astype(int) * w[:, None] for c, w in zip(columns, across, strict=True)) >> 4
    quarters = sum(lines[r] * w[:, None, None] >> 16 for r, w in zip(rows, down, strict=True))
    return (quarters + 2 >> 2).astype(np.float64)


def letterboxed(level):
    x = np.full((SIDE, SIDE, 3), float(level))
    x[16:80] = opencv(PICTURE, 64, SIDE)
    return x


@pytest.mark.parametrize(("x", "around"), [
    (lambda: normal(letterboxed(114)), "around it the level 114 stands"),
    (lambda: np.where(letterboxed(-1) < 0, 0, normal(letterboxed(-1)))[:, ::-1], "around it 0 stands"),
], ids=["grey", "zeros after normalisation, mirrored"])  # fmt: skip
def test_letterboxed(x, around):
    found = diagnose_input(PICTURE, TIMM, (SIDE, SIDE), x().astype(np.float32))
    assert found.mistake.startswith("framed + resize"), found
    assert found.sentence.startswith(f"the picture fills rows 16 to 80 of {SIDE} alone; {around} (letterboxed, padded)")
    assert "as cv2.INTER_LINEAR" in found.sentence
    assert "crop" not in found.sentence


def test_what_is_nearly_right_is_asked_about():
    """TensorFlow 1 has a table of weights; without it, the error is as small as a rounding of levels."""
    recipe = RECIPES["lite"]
    sides = [(size, np.arange(SIDE) * np.float32(size / SIDE)) for size in PICTURE.shape[:2]]
    x = PICTURE.astype(np.float64)
    for axis, (size, place) in enumerate(sides):
        first, total = np.floor(place).astype(int), 0.0
        for tap in range(-1, 3):
            distance = np.abs(place - first - tap)
            near, far = (
                (1.25 * distance - 2.25) * distance**2 + 1,
                ((-0.75 * distance + 3.75) * distance - 6) * distance + 3,
            )
            weight = np.where(distance < 1, near, far)[(slice(None), *[None] * 2)]
            total = total + np.moveaxis(x, axis, 0)[np.clip(first + tap, 0, size - 1)] * weight
        x = np.moveaxis(total, 0, axis)
    found = diagnose_input(PICTURE, replace(recipe, crop="none", crop_amount=0.0), (SIDE, SIDE), (x - 127) / 128)
    assert found.sentence == "the resize is not tf1-bicubic: positions between pixels not rounded to 1/1024"

"""A recipe by hand: the numbers of timm's and torchvision's own transforms, and what makes no sense."""

import json

import numpy as np
import pytest
from helpers import any_torchvision  # noqa: F401
from PIL import Image

import refnet
from refnet.cli import main
from refnet.errors import InputError
from refnet.preprocessing.by_hand import NOTHING, ByHand, own_name
from refnet.preprocessing.preprocess import preprocess
from refnet.preprocessing.recipe import LITE, RECIPES

from timm.data import create_transform  # isort: skip
from torchvision.transforms import InterpolationMode  # isort: skip
from torchvision.transforms._presets import ImageClassification  # isort: skip

RNG = np.random.default_rng(5)
PICTURES = [RNG.integers(0, 256, shape, dtype=np.uint8) for shape in ((61, 83, 3), (97, 50, 3), (60, 70, 3))]
MEAN, STD = (0.4914, 0.4822, 0.4465), (0.2471, 0.2435, 0.2616)


def theirs(transform, picture):
    return transform(Image.fromarray(picture)).numpy().transpose(1, 2, 0)


def loses_mostly_rows(picture, height, width, fraction):
    """Whether Pillow 13 resizes rows first, where all before begin with the columns: docs/pictures.md."""
    return picture.shape[0] - int(height / fraction) > 2 * (picture.shape[1] - int(width / fraction))


@pytest.mark.parametrize("size", [32, 37, (40, 48), (45, 31)])
@pytest.mark.parametrize("interpolation", ["bicubic", "bilinear", "nearest"])
@pytest.mark.parametrize(
    ("crop", "timms"),
    [
        ("center 0.875", {"crop_pct": 0.875}),
        ("center", {}),
        ("center:0.95", {"crop_pct": 0.95, "crop_mode": "center"}),
        ("center 1", {"crop_pct": 1.0}),
        ("squash", {"crop_pct": 1.0, "crop_mode": "squash"}),
        ("squash 0.9", {"crop_pct": 0.9, "crop_mode": "squash"}),
    ],
)
def test_timm(size, interpolation, crop, timms):
    recipe = ByHand(size, MEAN, STD, crop, interpolation).apply(RECIPES["timm"])
    height, width = ByHand(size).sides
    transform = create_transform((3, height, width), mean=MEAN, std=STD, interpolation=interpolation, **timms)
    squash = timms["crop_pct"] if "squash" in crop else None
    pictures = [each for each in PICTURES if not (squash and loses_mostly_rows(each, height, width, squash))]
    assert len(pictures) >= 2
    for picture in pictures:
        assert np.array_equal(preprocess(picture, recipe, height, width), theirs(transform, picture))


@pytest.mark.parametrize("interpolation", ["bicubic", "bilinear", "nearest"])
def test_torchvision(interpolation):
    recipe = ByHand(32, MEAN, STD, "shorter-side 40", interpolation).apply(RECIPES["torchvision"])
    transform = ImageClassification(
        crop_size=32, resize_size=40, mean=MEAN, std=STD, interpolation=InterpolationMode(interpolation)
    )
    for picture in PICTURES:
        assert np.array_equal(preprocess(picture, recipe, 32, 32), theirs(transform, picture))


def test_parts_change_what_they_name_and_nothing_else():
    timm = RECIPES["timm"]
    assert NOTHING.apply(timm) is timm
    assert ByHand(size=300).apply(timm) is timm
    assert ByHand(crop="center 0.875", interpolation="bicubic").apply(timm) is timm
    own = ByHand(crop="padding 16").apply(LITE)
    assert (own.name, own.crop, own.crop_amount, own.resize, own.normalise) == (
        "lite-own", "padding", 16, "tf1-bicubic", LITE.normalise,
    )  # fmt: skip
    assert ByHand(crop="centre 0.9").apply(own).name == "lite-own"
    assert own_name("x" * 64) == "x" * 60 + "-own"
    assert ByHand(interpolation="bilinear").apply(LITE).resize == "tf1-bilinear"
    assert ByHand(interpolation="pil-nearest").apply(LITE).resize == "pil-nearest"
    assert (ByHand(crop="none").apply(timm).crop, ByHand(crop="squash").apply(timm).crop) == ("none", "none")


@pytest.mark.parametrize(
    ("text", "pair"), [("336", (336, 336)), ("300x400", (300, 400)), ((3, 4), (3, 4)), (9, (9, 9))]
)
def test_sizes(text, pair):
    assert ByHand(size=text).sides == pair


def test_scales_of_the_mean():
    """Of 0..1 as torchvision has it, of 0..255 as TensorFlow has it."""
    assert ByHand(mean=MEAN, std=STD).apply(LITE).normalise == (
        ("divide", (255.0, 255.0, 255.0)), ("subtract", MEAN), ("divide", STD),
    )  # fmt: skip
    assert ByHand(mean=[127] * 3, std=[128] * 3).apply(RECIPES["timm"]).normalise == LITE.normalise
    assert ByHand(mean=[0] * 3, std=[255] * 3).apply(LITE).normalise[0] == ("subtract", (0.0, 0.0, 0.0))
    assert ByHand(mean=[103.939, 116.779, 123.68], std=[1] * 3).apply(LITE).normalise[1] == ("divide", (1.0, 1.0, 1.0))
    assert ByHand(mean=[0] * 3, std=[1] * 3).apply(LITE).normalise[0] == ("divide", (255.0, 255.0, 255.0))


@pytest.mark.parametrize(
    ("said", "message"),
    [
        ({"size": "big"}, "size 'big': want 336, or HEIGHTxWIDTH as in 300x400"),
        ({"size": 0}, "size 0: want at least one pixel a side"),
        ({"size": True}, "size True: want at least one"),
        ({"size": 2.5}, "size 2.5: want a whole number of pixels"),
        ({"size": (1, 2, 3)}, r"size \(1, 2, 3\): want a whole"),
        ({"mean": MEAN}, "mean alone: want both, mean and std, on one scale"),
        ({"std": STD}, "std alone: want both"),
        ({"mean": MEAN, "std": (1, 2)}, r"std \(1, 2\): want three numbers: red, green, blue"),
        ({"mean": "abc", "std": STD}, "mean abc: want three numbers"),
        ({"mean": (float("nan"),) * 3, "std": STD}, "mean .*: want three numbers"),
        ({"mean": MEAN, "std": (0, 1, 1)}, r"std \(0, 1, 1\): want numbers above 0"),
        ({"mean": MEAN, "std": (58, 57, 57)}, "mean 0.4914 0.4822 0.4465 and std 58 57 57 are of two scales"),
        ({"mean": (123, 116, 103), "std": STD}, "are of two scales; want both for pixels from 0 to 1, such as"),
        ({"mean": (1e9,) * 3, "std": (1e9,) * 3}, "want a number from"),
        ({"crop": "border"}, "unknown crop 'border'; want 'center 0.875' or 'squash', as in timm, or one of refnet's"),
        ({"crop": 7}, "unknown crop 7"),
        ({"crop": "center 7"}, "recipe crop_amount: 7.0; want a number from 0.1 to 1"),
        ({"crop": "center 0.8.7"}, "crop 'center 0.8.7': 0.8.7 is no number"),
        ({"crop": "padding"}, "crop 'padding' wants an amount behind it, from 0 to 1024"),
        ({"crop": "shorter-side 255.5"}, "want a whole number of pixels"),
        ({"crop": "none 3"}, "recipe crop_amount: 3.0"),
        ({"interpolation": "lanczos"}, "unknown interpolation 'lanczos'; want bicubic, bilinear, nearest as in"),
        ({"interpolation": 3}, "unknown interpolation 3"),
    ],
)
def test_what_makes_no_sense(said, message):
    with pytest.raises(InputError, match=message):
        ByHand(**said).apply(RECIPES["timm"])


def test_an_interpolation_that_the_software_lacks():
    with pytest.raises(
        InputError, match=r"unknown interpolation 'nearest'; want bicubic, bilinear as in .* pil-nearest"
    ):
        ByHand(interpolation="nearest").apply(LITE)


class TestThroughTheNetwork:
    def test_load_and_predict(self):
        said = {"size": (40, 56), "mean": MEAN, "std": STD, "crop": "center 0.9", "interpolation": "bilinear"}
        network = refnet.load("lite0", recipe="timm", **said)
        transform = create_transform((3, 40, 56), mean=MEAN, std=STD, crop_pct=0.9, interpolation="bilinear")
        x = network.preprocess(PICTURES[0])
        assert np.array_equal(x[0], theirs(transform, PICTURES[0]))
        assert (network.plan.height, network.plan.width, network.recipe.name) == (40, 56, "timm-own")
        assert refnet.predict(PICTURES[0], "lite0", recipe="timm", **said) == network.predict(PICTURES[0])
        with pytest.raises(InputError, match=r"makes the shorter side 256 pixels long, .* 300; .* 'center 0.875'"):
            refnet.load("lite0", recipe="torchvision", size=300)
        with pytest.raises(InputError, match="input size 99999999x99999999"):
            refnet.load("lite0", size=99999999)

    def test_command_line(self, tmp_path, capsys):
        Image.fromarray(PICTURES[0]).save(tmp_path / "a.png")
        options = ["--size", "40", "--mean", "0.5", "0.5", "0.5", "--std", "0.5", "0.5", "0.5", "--crop", "center 0.9"]
        assert main(["predict", str(tmp_path / "a.png"), *options, "--interpolation", "bilinear", "--json"]) == 0
        out, said = capsys.readouterr()
        assert said == "refnet: recipe lite-own is used instead of the weights' own, lite\n"
        network = refnet.load(
            "lite0", size=40, mean=[0.5] * 3, std=[0.5] * 3, crop="center 0.9", interpolation="bilinear"
        )
        wanted = network.predict(PICTURES[0])
        assert [answer["index"] for answer in json.loads(out)["predictions"]] == [best.index for best in wanted]
        assert main(["predict", str(tmp_path / "a.png"), "--crop", "round"]) == 2
        assert "unknown crop 'round'" in capsys.readouterr()[1]

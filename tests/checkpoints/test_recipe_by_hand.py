"""A recipe by hand is written into the weight file, unless the checkpoint says otherwise itself."""

import json

import numpy as np
import pytest
from helpers.generated_checkpoints import state
from PIL import Image

import refnet
from refnet.checkpoints import certificate
from refnet.cli import main
from refnet.errors import InputError
from refnet.preprocessing.by_hand import ByHand
from refnet.preprocessing.recipe import RECIPES
from refnet.weights import reader

from timm.data import create_transform  # isort: skip

MEAN, STD = (0.4914, 0.4822, 0.4465), (0.2471, 0.2435, 0.2616)
PICTURE = np.random.default_rng(5).integers(0, 256, (61, 83, 3), dtype=np.uint8)


def test_convert_writes_it_down(save, tmp_path):
    path = save("mine.safetensors", state("torchvision", classes=3))
    out = refnet.convert(
        path, size=96, mean=MEAN, std=STD, crop="center 0.95", interpolation="bilinear", out=tmp_path / "a.h5"
    )
    weights = reader.read(out)
    assert weights.architecture.resolution == 96
    assert weights.recipe == ByHand(96, MEAN, STD, "center 0.95", "bilinear").apply(RECIPES["torchvision"])
    transform = create_transform((3, 96, 96), mean=MEAN, std=STD, crop_pct=0.95, interpolation="bilinear")
    theirs = transform(Image.fromarray(PICTURE)).numpy().transpose(1, 2, 0)
    assert np.array_equal(refnet.load(out).preprocess(PICTURE)[0], theirs)
    certified = json.loads(certificate.beside(out).read_text())
    assert certified["conversion"]["recipe_by_hand"]["size"] == [96, 96]
    assert main(["verify", str(out)]) == 0


def test_convert_refuses_what_cannot_be(save, tmp_path):
    path = save("mine.safetensors", state("torchvision", classes=3))
    with pytest.raises(InputError, match="size 96x64: a weight file states one side; convert it for a square"):
        refnet.convert(path, size=(96, 64), out=tmp_path / "a.h5")
    with pytest.raises(InputError, match="makes the shorter side 256 pixels long, fewer than the network's 300"):
        refnet.convert(path, size=300, out=tmp_path / "a.h5")
    assert list(tmp_path.glob("*.h5")) == []


def test_the_certificate_says_whose_the_labels_are(save, tmp_path):
    path = save("mine.safetensors", state("torchvision", classes=3))
    (tmp_path / "names.json").write_text('{"2": "dog", "0": "cat", "1": "cow"}')
    for table, whose in ((None, "none"), (tmp_path / "names.json", "the given table")):
        out = refnet.convert(path, labels=table, out=tmp_path / "a.h5")
        assert json.loads(certificate.beside(out).read_text())["conversion"]["labels"] == whose
    assert refnet.load(out).labels.texts == ("cat", "cow", "dog")


def test_the_command_line(save, tmp_path, capsys):
    path = str(save("mine.safetensors", state("torchvision", classes=3)))
    command = ["convert", path, "--size", "96", "--crop", "center 0.9", "-o", str(tmp_path / "a.h5")]
    assert main(command) == 0
    assert reader.read(tmp_path / "a.h5").recipe.crop_amount == 0.9
    capsys.readouterr()
    assert main(["convert", str(tmp_path / "a.h5"), "--invert", "--size", "96", "-o", str(tmp_path / "b.npz")]) == 2
    assert "--invert takes no --size" in capsys.readouterr()[1]

"""Options of a training that say something of pictures: taken where they can mean one thing, and told."""

import argparse
import json

import pytest
import torch
from helpers.torch_networks import narrow_b0, network  # noqa: F401

from refnet.checkpoints import certificate
from refnet.checkpoints.cards.card import NO_CARD
from refnet.checkpoints.cards.training import from_content
from refnet.checkpoints.conversion import convert
from refnet.checkpoints.stated import Stated
from refnet.errors import CheckpointError
from refnet.weights import reader


@pytest.mark.parametrize(
    ("content", "size"),
    [
        ({"img_size": 300}, 300),
        ({"args": {"image_size": [300, 300]}}, 300),
        ({"hyper_parameters": {"data": {"input_size": (3, 256, 256)}}}, 256),
        ({"cfg": {"imgsz": 300, "lr": 0.1}, "img_size": 300}, 300),
        ({"cfg": {"imgsz": 300}, "img_size": 224}, None),
    ],
)
def test_the_size(content, size):
    card = from_content({"state_dict": {}} | content)
    assert card.pictures.size == size
    assert card.told[0].endswith("taken as the side of its pictures" if size else "for they differ")


@pytest.mark.parametrize(
    "content",
    [
        {},
        {"args": {"img_size": None, "size": 300, "lr": 300, "resolution": "high"}},
        {"args": {"img_size": [300, 200], "image_size": True, "imgsz": 1 << 40}},
        {"state_dict": {"img_size": 300}, "args": [300], 5: 300},
    ],
)
def test_what_says_nothing(content):
    assert from_content(content) is NO_CARD


@pytest.mark.parametrize(
    ("content", "told"),
    [
        ({"args": {"mean": 0.5}}, "args.mean is 0.5: not taken"),
        ({"hparams": {"std": [1, 2, "x"]}}, "hparams.std is [1, 2, 'x']: not taken"),
        ({"config": {"global_pool": "max", "bn_eps": 1e-3}}, "config.global_pool is 'max': not taken"),
        ({"temperature": 2.0}, "temperature is 2.0: not taken"),
        ({"classes": ["a", "a", 3], "class_names": {"a": 0, "b": 5}}, "class_names does not name classes"),
    ],
)
def test_what_may_matter_and_is_not_read_is_told(content, told):
    assert from_content({"state_dict": {}} | content).told[0].startswith(told)


def test_names_of_classes():
    for content in ({"class_to_idx": {"dog": 1, "cat": 0}}, {"hparams": {"classes": ["cat", "dog"]}}):
        card = from_content({"state_dict": {}} | content)
        assert card.labels is not None
        assert [label.text for label in card.labels] == ["cat", "dog"]


@pytest.mark.usefixtures("narrow_b0")
@pytest.mark.parametrize("name", ["tf_efficientnet_b0", "tf_efficientnet_b0.ns_jft_in1k"])
def test_the_name_of_the_network(name, tmp_path):
    """It tells timm's two families apart, which have the same names; torchvision's are others."""
    torch.save({"arch": name, "state_dict": network("timm-tf").state_dict()}, tmp_path / "x.pth")
    with pytest.raises(CheckpointError, match="do not tell how they want to be used") as caught:
        convert(tmp_path / "x.pth", out=tmp_path / "a.h5")
    assert all(option.startswith("--publisher timm-tf:") for option in caught.value.options)
    with pytest.raises(CheckpointError, match="state --publisher timm, but arch says that it is timm-tf"):
        convert(tmp_path / "x.pth", Stated(publisher="timm:ra"), out=tmp_path / "a.h5")
    torch.save({"arch": "efficientnet_b0", "state_dict": network("torchvision").state_dict()}, tmp_path / "x.pth")
    assert reader.read(convert(tmp_path / "x.pth", out=tmp_path / "a.h5")).provenance.publisher == "torchvision"


@pytest.mark.usefixtures("narrow_b0")
def test_in_a_weight_file(tmp_path):
    options = argparse.Namespace(img_size=300, mean=[0.5, 0.5, 0.5], std=[0.25, 0.25, 0.25])
    torch.save({"model": network("torchvision").state_dict(), "opt": options}, tmp_path / "x.pth")
    written = convert(tmp_path / "x.pth", out=tmp_path / "a.h5")
    weights = reader.read(written)
    assert weights.architecture.resolution == 300
    assert weights.recipe.normalise[1:] == (("subtract", (0.5,) * 3), ("divide", (0.25,) * 3))
    told = json.loads(certificate.beside(written).read_text())["conversion"]["told"]
    assert "opt.img_size is 300: taken as the side of its pictures" in told

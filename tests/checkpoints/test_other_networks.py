"""Other networks are called by their names, as their publishers' own software builds them; ours never are."""

import numpy as np
import pytest
import timm
import torch
from helpers import any_torchvision  # noqa: F401
from torchvision import models

import refnet
from refnet.architecture.variants import variant
from refnet.checkpoints.names_and_shapes import variant_by_shapes
from refnet.checkpoints.other_networks import OURS, looks_like, no_network
from refnet.checkpoints.publishers import PUBLISHERS
from refnet.errors import CheckpointError

OF_TIMM = {
    "tf_efficientnetv2_s": "EfficientNetV2-S (its first blocks are fused convolutions)",
    "tf_efficientnetv2_m": "EfficientNetV2-M",
    "tf_efficientnetv2_b0": "EfficientNetV2-B0",
    "tf_efficientnetv2_b3": "EfficientNetV2-B3",
    "efficientnet_es": "EfficientNet-EdgeTPU",
    "efficientnet_x_b3": "EfficientNet-X or -H",
    "tf_efficientnet_cc_b0_4e": "EfficientNet-CondConv",
    "efficientnet_b3_gn": "an EfficientNet with another normalisation",
    "mixnet_s": "MixNet",
    "mobilenetv2_100": "MobileNetV2",
    "mobilenetv3_small_050": "MobileNetV3 or its like",
    "mobilenetv4_conv_small": "MobileNetV4",
    "mnasnet_100": "MNASNet or its like",
    "fbnetc_100": "FBNet",
    "ghostnet_100": "GhostNet",
    "convnext_atto": "ConvNeXt or its like",
    "vit_tiny_patch16_224": "a Vision Transformer or its like",
    "resnet18": "a network of the ResNet family",
    "regnety_002": "RegNet",
    "dm_nfnet_f0": "NFNet",
}
OF_TORCHVISION = {
    "efficientnet_v2_s": "EfficientNetV2-S",
    "mobilenet_v2": "MobileNetV2",
    "mobilenet_v3_small": "MobileNetV3",
    "mnasnet0_5": "MNASNet",
    "resnet18": "a network of the ResNet family",
    "densenet121": "DenseNet",
    "convnext_tiny": "ConvNeXt or its like",
    "alexnet": "AlexNet",
    "squeezenet1_0": "SqueezeNet",
    "shufflenet_v2_x0_5": "ShuffleNet",
}
# Names as their software writes them, which is too heavy to be run here.
BY_HAND = {
    "EfficientNetV2-B0": {  # Keras Applications
        f"block{stage}{letter}_{part}/kernel": shape
        for stage, letters in enumerate(("a", "ab", "ab", "abc", "abcde", "abcdefgh"), 1)
        for letter in letters
        for part, shape in {"project_conv": (3, 3, 32, 16), "expand_conv": (3, 3, 16, 64)}.items()
    },
    "EfficientDet": dict.fromkeys(("bifpn.0.p6_w1", "regressor.header.0.weight"), ()),
    "a U-Net or its like": dict.fromkeys(
        ("encoder._bn0.bias", "decoder.blocks.0.bias", "segmentation_head.0.bias"), ()
    ),
    "RangiLyu's EfficientNet-Lite": dict.fromkeys(("stem.0.weight", "blocks.0.0._depthwise_conv.weight"), ()),
    "MONAI's EfficientNetBN": dict.fromkeys(("_conv_stem.weight", "_blocks.0.0._depthwise_conv.weight"), ()),
    "VGG": {"block1_conv1/kernel": (3, 3, 3, 64), "block5_conv1/kernel": (3, 3, 512, 512)},
}


def shapes(model):
    return {name: tuple(tensor.shape) for name, tensor in model.state_dict().items()}


@pytest.mark.parametrize("name", OF_TIMM)
def test_of_timm(name):
    with torch.device("meta"):
        assert looks_like(shapes(timm.create_model(name))).startswith(f"this looks like {OF_TIMM[name]}")


@pytest.mark.parametrize("name", OF_TORCHVISION)
def test_of_torchvision(name):
    with torch.device("meta"):
        found = looks_like(shapes(models.get_model(name, weights=None)))
    assert found.startswith(f"this looks like {OF_TORCHVISION[name]}")


@pytest.mark.parametrize("network", BY_HAND)
def test_by_hand(network):
    text = looks_like(BY_HAND[network])
    assert text.startswith(f"this looks like {network}")
    assert text.endswith(OURS)


def test_behind_a_wrapper():
    assert "ResNet" in looks_like({"module.model.layer1.0.conv1.weight": (64, 64, 3, 3)})


@pytest.mark.parametrize("publisher", PUBLISHERS.values(), ids=lambda each: each.name)
def test_ours_are_never_another(publisher):
    assert [name for name in publisher.variants if looks_like(publisher.shapes(variant(name)))] == []


@pytest.mark.parametrize("name", ["a\nlayer1.0.conv1.weight", "x" * 100_000, "(((", ""])
def test_strangers(name):
    assert looks_like({name: (1,)}) is None


@pytest.mark.parametrize("stated", [{}, {"publisher": "timm"}])
def test_a_refusal_names_the_network(save, stated):
    path = save("resnet.safetensors", {f"layer1.{i}.conv1.weight": np.zeros(3, np.float32) for i in range(300)})
    with pytest.raises(CheckpointError) as caught:
        refnet.convert(path, **stated)
    assert str(caught.value) == f"{path}: this looks like a network of the ResNet family; {OURS}"


def test_a_stranger_is_told_by_its_first_names(save):
    path = save("odd.safetensors", {f"odd.{i:03}.weight": np.zeros(3, np.float32) for i in range(300)})
    with pytest.raises(
        CheckpointError, match=r"no network that refnet knows: the first names are 'odd\.000\.weight', "
    ):
        refnet.convert(path)


def test_what_is_no_network(tmp_path):
    model = torch.nn.Linear(2, 2)
    optimiser = torch.optim.SGD(model.parameters(), momentum=0.9)
    model(torch.ones(1, 2)).sum().backward()
    optimiser.step()
    scheduler = torch.optim.lr_scheduler.StepLR(optimiser, 3)
    for what, content in (("an optimiser", optimiser), ("a scheduler of learning rates", scheduler)):
        torch.save(content.state_dict(), tmp_path / "a.pth")
        with pytest.raises(CheckpointError, match=f"a.pth: the state of {what} alone; the network's weights are in"):
            refnet.convert(tmp_path / "a.pth")


def test_a_checkpoint_with_more_than_an_optimiser_is_one():
    assert no_network({"state_dict": {}, "optimizer": {"state": {}, "param_groups": []}}) is None


@pytest.mark.parametrize("name", ["efficientnet_b1_pruned", "tinynet_e", "semnasnet_100"])
def test_widths_or_depths_of_their_own(name):
    with torch.device("meta"):
        theirs = shapes(timm.create_model(name))
    with pytest.raises(
        CheckpointError, match=r"has these tensors \(widths or depths of its own, as of a pruned network"
    ):
        variant_by_shapes(theirs, PUBLISHERS["timm"])

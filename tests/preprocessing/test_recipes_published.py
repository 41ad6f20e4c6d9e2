"""Recipes against the publishers' own code, bit for bit: torchvision, timm, lukemelas, TensorFlow, Keras."""

import numpy as np
import pytest
from helpers import any_torchvision  # noqa: F401
from helpers.places import CHELSEA, DATA
from PIL import Image

from refnet.preprocessing.normalise import NORMALISATIONS, normalise
from refnet.preprocessing.preprocess import preprocess
from refnet.preprocessing.recipe import RECIPES, Recipe

import timm  # isort: skip
from timm.data import create_transform, resolve_data_config  # isort: skip
from torchvision import models, transforms  # isort: skip

FIXTURES = DATA / "tf" / "resize.npz"
with Image.open(CHELSEA) as chelsea:  # 451 x 300
    UPRIGHT = chelsea.convert("RGB").transpose(Image.Transpose.ROTATE_90)
    PICTURES = {"wide": chelsea.convert("RGB"), "upright": UPRIGHT, "small": UPRIGHT.crop((40, 50, 141, 203))}


def check(recipe, size, transform, pictures=tuple(PICTURES)):
    """Compare on pictures, and say which differs."""
    for name in pictures:
        theirs = transform(PICTURES[name]).numpy().transpose(1, 2, 0)
        assert np.array_equal(preprocess(PICTURES[name], recipe, size, size), theirs), name


TORCHVISION = [
    weights
    for number in range(8)
    for weights in models.get_model_weights(f"efficientnet_b{number}")
]  # fmt: skip


@pytest.mark.parametrize("weights", TORCHVISION, ids=str)
def test_torchvision(weights):
    transform = weights.transforms()
    (side,), (size,) = transform.resize_size, transform.crop_size
    recipe = Recipe(
        name="torchvision-of-these",
        crop="shorter-side",
        crop_amount=side,
        resize=f"pil-{transform.interpolation.value}",
        normalise=NORMALISATIONS["torch-imagenet"],
    )
    check(recipe, size, transform)
    assert len(TORCHVISION) == 9


def test_torchvision_by_name():
    check(RECIPES["torchvision"], 224, models.EfficientNet_B0_Weights.IMAGENET1K_V1.transforms())


def test_torchvision_pads_what_is_smaller():
    transform = models.EfficientNet_B1_Weights.IMAGENET1K_V2.transforms(resize_size=101, crop_size=240)
    torch_imagenet = NORMALISATIONS["torch-imagenet"]
    check(Recipe("pads", "shorter-side", 101, "pil-bilinear", torch_imagenet), 240, transform)


@pytest.mark.parametrize(
    ("model", "resize", "normalisation"),
    [
        ("efficientnet_b0.ra_in1k", "pil-bicubic", "torch-imagenet"),  # 0.875
        ("efficientnet_b0.ra4_e3600_r224_in1k", "pil-bicubic", "torch-half"),  # 0.9
        ("tf_efficientnet_b1.ap_in1k", "pil-bicubic", "torch-half"),  # 0.882
        ("tf_efficientnet_b3.aa_in1k", "pil-bicubic", "torch-imagenet"),  # 0.904
        ("tf_efficientnet_b4.ns_jft_in1k", "pil-bicubic", "torch-imagenet"),  # 0.922
        ("efficientnet_b5.sw_in12k", "pil-bicubic", "torch-imagenet"),  # 0.95
        ("tf_efficientnet_l2.ns_jft_in1k", "pil-bicubic", "torch-imagenet"),  # 0.96
        ("tf_efficientnet_lite3.in1k", "pil-bilinear", "torch-half"),  # 0.904
    ],
)
def test_timm(model, resize, normalisation):
    config = resolve_data_config(pretrained_cfg=timm.get_pretrained_cfg(model).to_dict())
    recipe = Recipe(model, "shorter-fraction", config["crop_pct"], resize, NORMALISATIONS[normalisation])
    check(recipe, config["input_size"][1], create_transform(**config))


def test_timm_stretches_for_one_model():
    config = resolve_data_config(pretrained_cfg=timm.get_pretrained_cfg("efficientnet_b5.sw_in12k_ft_in1k").to_dict())
    assert (config["crop_mode"], config["crop_pct"]) == ("squash", 1.0)
    recipe = Recipe("timm-stretched", "none", 0, "pil-bicubic", NORMALISATIONS["torch-imagenet"])
    # Not the upright one: Pillow 13 stretches it in the other order.
    check(recipe, 448, create_transform(**config), ("wide", "small"))


def test_timm_by_name():
    for name, model in (("timm", "efficientnet_b0.ra_in1k"), ("timm-half", "tf_efficientnet_lite0.in1k")):
        config = resolve_data_config(pretrained_cfg=timm.get_pretrained_cfg(model).to_dict())
        check(RECIPES[name], 224, create_transform(**config))


@pytest.mark.parametrize(
    ("name", "normalised"),
    [
        ("lukemelas", transforms.Normalize(mean=[0.485, 0.456, 0.406], std=[0.229, 0.224, 0.225])),
        ("lukemelas-advprop", transforms.Lambda(lambda image: image * 2.0 - 1.0)),
    ],
)
def test_lukemelas(name, normalised):
    resized = transforms.Resize(300, interpolation=Image.Resampling.BICUBIC)
    steps = [resized, transforms.CenterCrop(300), transforms.ToTensor(), normalised]
    check(RECIPES[name], 300, transforms.Compose(steps))


TENSORFLOW = {
    "2019_baseline": RECIPES["tf"],
    "2019_advprop": RECIPES["tf-advprop"],
    "2019_lite": RECIPES["lite"],
    "2021_baseline": RECIPES["tf-2021"],
    "2021_advprop": Recipe("advprop", "fraction", 0.875, "tf1-bicubic", NORMALISATIONS["tf-advprop"]),
    "2021_lite": Recipe("lite", "fraction", 0.875, "tf1-bicubic", NORMALISATIONS["tf-lite"]),
}


@pytest.mark.parametrize(("name", "recipe"), TENSORFLOW.items(), ids=TENSORFLOW)
def test_tensorflow(name, recipe):
    with np.load(FIXTURES) as arrays:
        wanted = [key for key in arrays if key.startswith(name)]
        assert len(wanted) == 2
        for key in wanted:
            _, _, picture, size = key.split("_")
            x = preprocess(arrays[f"picture_{picture}"], recipe, int(size), int(size))
            assert x.tobytes() == arrays[key].tobytes(), key


def test_keras():
    for picture in PICTURES.values():
        loaded = picture.resize((240, 240), Image.Resampling.NEAREST)  # as keras.utils.load_img does
        x = normalise(np.asarray(loaded, np.float32), NORMALISATIONS["keras-imagenet"])
        assert np.array_equal(preprocess(picture, RECIPES["keras"], 240, 240), x)

"""Every entry of timm, torchvision and lukemelas against the publisher's own software."""

import pytest
from efficientnet_pytorch.utils import url_map, url_map_advprop
from timm.models import get_pretrained_cfg
from torchvision import models

from refnet.weights.releases import RecipeEntry, find, published, publisher_without_set

TAGS = {
    "timm-tf:in1k": "in1k", "timm-tf:aa": "aa_in1k", "timm-tf:ra": "ra_in1k", "timm-tf:ap": "ap_in1k",
    "timm-tf:ns": "ns_jft_in1k", "timm-tf:ns475": "ns_jft_in1k_475",
    "timm:ra": "ra_in1k", "timm:ra2": "ra2_in1k", "timm:ft": "ft_in1k", "timm:sw": "sw_in12k_ft_in1k",
    "timm:sw12k": "sw_in12k",
}  # fmt: skip
RA4 = {"b0": "ra4_e3600_r224_in1k", "b1": "ra4_e3600_r240_in1k"}
NORMALISE = {
    "torch-imagenet": ((0.485, 0.456, 0.406), (0.229, 0.224, 0.225)),
    "torch-half": ((0.5, 0.5, 0.5), (0.5, 0.5, 0.5)),
}


def of(*publishers):
    chosen = [release for release in published() if publisher_without_set(release.publisher) in publishers]
    return [pytest.param(release, id=release.name) for release in chosen]


@pytest.mark.parametrize("release", of("timm", "timm-tf"))
def test_timm(release):
    prefix = "tf_" if release.publisher.startswith("timm-tf") else ""
    theirs = get_pretrained_cfg(
        f"{prefix}efficientnet_{release.model}.{TAGS.get(release.publisher) or RA4[release.model]}"
    )
    if release.file == "model.safetensors":
        assert not theirs.url
        assert release.url == f"https://huggingface.co/{theirs.hf_hub_id}/resolve/main/model.safetensors"
    else:  # the repository moved; timm names some files at its old place
        assert release.url == theirs.url.replace("/rwightman/", "/huggingface/")
    size = theirs.test_input_size or theirs.input_size
    assert (release.size, release.classes) == (size[-1], theirs.num_classes)
    if theirs.crop_mode == "squash":
        assert (release.recipe.crop, release.recipe.amount) == ("none", 0)
    else:
        assert (release.recipe.crop, theirs.crop_mode) == ("shorter-fraction", "center")
        assert release.recipe.amount == (theirs.test_crop_pct or theirs.crop_pct)
    assert release.recipe.resize == f"pil-{theirs.interpolation}"
    assert NORMALISE[release.recipe.normalise] == (theirs.mean, theirs.std)
    assert release.licence.lower() == theirs.license


@pytest.mark.parametrize("model", [f"b{i}" for i in range(6)] + ["lite0"])
def test_what_timm_means_by_a_bare_name(model):
    theirs = get_pretrained_cfg(f"efficientnet_{model}")
    ours = find(f"{model}@timm")
    assert theirs.tag == (TAGS.get(ours.publisher) or RA4[model])


@pytest.mark.parametrize("release", of("torchvision"))
def test_torchvision(release):
    version = release.publisher.removeprefix("torchvision:").upper()
    theirs = models.get_model_weights(f"efficientnet_{release.model}")[f"IMAGENET1K_{version}"]
    how = theirs.transforms()
    assert release.url == theirs.url
    assert release.recipe == RecipeEntry(
        "shorter-side", how.resize_size[0], f"pil-{how.interpolation.value}", "torch-imagenet"
    )
    assert (tuple(how.mean), tuple(how.std)) == NORMALISE["torch-imagenet"]
    assert [release.size] == how.crop_size
    assert {"acc@1": release.top1, "acc@5": release.top5} == theirs.meta["_metrics"]["ImageNet-1K"]
    assert round(release.bytes / 2**20, 3) == theirs.meta["_file_size"]
    assert release.classes == len(theirs.meta["categories"])


@pytest.mark.parametrize("model", [f"b{i}" for i in range(8)])
def test_what_torchvision_means_by_default(model):
    assert find(f"{model}@torchvision").url == models.get_model_weights(f"efficientnet_{model}").DEFAULT.url


@pytest.mark.parametrize(("publisher", "theirs"), [("autoaugment", url_map), ("advprop", url_map_advprop)])
def test_lukemelas(publisher, theirs):
    ours = [release for release in published() if release.publisher == f"lukemelas:{publisher}"]
    assert {f"efficientnet-{release.model}": release.url for release in ours} == theirs

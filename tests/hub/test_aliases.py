"""Names as people write them: each means one network, or is refused with the names that do."""

import re

import helpers.any_torchvision  # noqa: F401
import pytest
import timm
from timm.models import get_pretrained_cfg

import refnet
from refnet.architecture.scaling import TABLE
from refnet.errors import UnknownModelError
from refnet.hub.aliases import canonical
from refnet.weights import releases

ALL = "want one of b0, b1, b2, b3, b4, b5, b6, b7, b8, l2, lite0, lite1, lite2, lite3, lite4"
OR_ELSE = f"{ALL}, one of these with @synthetic, NAME@PUBLISHER (`refnet info --published`), or the path of a file"


@pytest.mark.parametrize("name", TABLE)
@pytest.mark.parametrize(
    "before", ["", "efficientnet_", "efficientnet-", "EfficientNet-", "EfficientNet", "efficientnet "]
)
@pytest.mark.parametrize("after", ["", "@synthetic"])
def test_a_variant_in_any_spelling(name, before, after):
    assert canonical(f"{before}{name}{after}") == name + after
    assert canonical(f"{before}{name.upper()}{after}") == name + after


@pytest.mark.parametrize(
    ("name", "means"),
    [
        ("EfficientNet-B1@timm-tf", "b1@timm-tf"),
        ("efficientnet_b1@timm:ra4", "b1@timm:ra4"),
        ("LITE0@lite", "lite0@lite"),
        ("b0@TORCHVISION", "b0@torchvision"),
        ("EFFICIENTNET-B1@Timm-TF:AA", "b1@timm-tf:aa"),
        ("b0@SYNTHETIC", "b0@synthetic"),
    ],
)
def test_a_variant_of_a_publisher(name, means):
    assert canonical(name) == means


def test_every_door_knows_them():
    assert repr(refnet.load("EfficientNet-Lite0@synthetic", threads=1)) == "<Network lite0 float32 from synthetic>"
    assert refnet.fetch("LITE0") == refnet.fetch("lite0")


@pytest.mark.parametrize(
    ("name", "instead"),
    [
        ("b9", OR_ELSE),
        ("lite", OR_ELSE),
        ("lite5", OR_ELSE),
        ("efficientnet_b9", OR_ELSE),
        ("resnet50", OR_ELSE),
        ("", OR_ELSE),
        ("litte0", f"did you mean 'lite0'? {OR_ELSE}"),
        ("b00", f"did you mean 'b0'? {OR_ELSE}"),
        ("eficientnet_b3", f"did you mean 'b3'? {OR_ELSE}"),
        ("effnet-b2@synthetic", f"did you mean 'b2'? {OR_ELSE}"),
        ("efficientnetv2_s", f"EfficientNetV2 is another family of networks; {ALL}"),
        ("tf_efficientnetv2_b0", f"EfficientNetV2 is another family of networks; {ALL}"),
        ("efficientnet_b0.ra_in1k", "that is timm's name; here it is b0@timm:ra"),
        ("timm/tf_efficientnet_lite0.in1k", "that is timm's name; here it is lite0@timm-tf:in1k"),
        (
            "google/efficientnet-b0",
            "no publisher's weights have that name here; `refnet info --published b0` lists those that have",
        ),
        (
            "fine tuned.pth",
            "a checkpoint becomes an .h5 file that is known here by `refnet convert 'fine tuned.pth'`",
        ),
        ("B0.SAFETENSORS", "a checkpoint becomes an .h5 file that is known here by `refnet convert B0.SAFETENSORS`"),
    ],
)
def test_what_is_said_of_another_name(name, instead):
    with pytest.raises(UnknownModelError) as error:
        canonical(name)
    assert str(error.value) == f"unknown model {name!r}; {instead}"


ANOTHER = f"that is a network of another architecture; {ALL}"


@pytest.mark.parametrize(
    ("name", "instead"),
    [
        *(
            (name, ANOTHER)
            for name in (
                "efficientnet_b0_gn",
                "efficientnet_b0_g8_gn",
                "efficientnet_b0_g16_evos",
                "efficientnet_b3_gn.untrained",
                "efficientnet_b3_pruned",
                "timm/efficientnet_b3_pruned.in1k",
                "efficientnet_cc_b0",
                "efficientnet_cc_b0_4e",
                "tf_efficientnet_cc_b1_8e.in1k",
                "efficientnet_blur_b0",
                "efficientnet_x_b3",
                "efficientnet_h_b5.sw_r448_e450_in1k",
                "efficientnet_es",
                "tf_efficientnet_el.in1k",
                "efficientnet-edgetpu-S",
            )
        ),
        *(
            (name, f"did you mean {near!r}? {OR_ELSE}")
            for name, near in {
                "EFFICIENTNET_B0_WEIGHTS": "b0",
                "efficientnet_b0_ns": "b0",
                "efficientnet_b0.ns_jft_in1k": "b0",
                "efficientnet_b6.untrained": "b6",
                "tf_efficientnet_b0.ra4_e3600_r224_in1k": "b0",
                "tf_efficientnet_b0_xyz": "b0",
                "tf_efficientnet_b8.ns_jft_in1k": "b8",
            }.items()
        ),
        *(
            (name, f"that is timm's name; here it is {means}")
            for name, means in {
                "tf_efficientnet_b0.ns_jft_in1k": "b0@timm-tf:ns",
                "timm/tf_efficientnet_b0.ap_in1k": "b0@timm-tf:ap",
                "tf_efficientnet_b1.in1k": "b1@timm-tf:in1k",
                "tf_efficientnet_b7.aa_in1k": "b7@timm-tf:aa",
                "TF_EfficientNet_B8.ra_in1k": "b8@timm-tf:ra",
                "tf_efficientnet_l2.ns_jft_in1k_475": "l2@timm-tf:ns475",
                "tf_efficientnet_b0_ns": "b0@timm-tf:ns",
                "tf_efficientnet_b2_ap": "b2@timm-tf:ap",
                "tf_efficientnet_b3_aa": "b3@timm-tf:aa",
                "tf_efficientnet_l2_ns": "l2@timm-tf:ns",
                "tf_efficientnet_l2_ns_475": "l2@timm-tf:ns475",
                "efficientnet_b0.ra4_e3600_r224_in1k": "b0@timm:ra4",
                "efficientnet_b1.ft_in1k": "b1@timm:ft",
                "efficientnet_b3.ra2_in1k": "b3@timm:ra2",
                "efficientnet_b5.sw_in12k_ft_in1k": "b5@timm:sw",
                "efficientnet_b5.sw_in12k": "b5@timm:sw12k",
            }.items()
        ),
    ],
)
def test_a_tag_of_timm_means_one_set_and_another_network_none(name, instead):
    with pytest.raises(UnknownModelError) as error:
        canonical(name)
    assert str(error.value) == f"unknown model {name!r}; {instead}"


def test_every_trained_name_of_timm_is_answered():
    """All that it has today of the variants, each by one set that is published here."""
    trained = [
        name
        for name in timm.list_models("*efficientnet_*", pretrained=True)
        if re.fullmatch(rf"(tf_)?efficientnet_({'|'.join(TABLE)})\..*", name)
    ]
    assert len(trained) > 40
    for name in trained:
        with pytest.raises(UnknownModelError, match=r"that is timm's name; here it is [a-z0-9@:-]+$"):
            canonical(name)


def test_names_are_in_lower_case():
    """So that a name in any case is known."""
    for release in releases.published():
        assert release.name == release.name.lower()
        assert canonical(release.name.upper()) == release.name


def test_a_name_that_changed_its_meaning_is_not_guessed_at():
    """timm's bare name is the one set of weights today and was another before; ours is a third."""
    assert get_pretrained_cfg("tf_efficientnet_b0").tag == "ns_jft_in1k"
    assert releases.find("b0@timm-tf").publisher == "timm-tf:aa"
    with pytest.raises(UnknownModelError) as error:
        canonical("tf_efficientnet_b0")
    here = str(error.value).rpartition("here it is ")[2].split(" or ")
    tags = {
        name.partition(".")[2].partition("_")[0] for name in timm.list_models("tf_efficientnet_b0*", pretrained=True)
    }
    assert {name.partition(":")[2] for name in here} == tags == {"aa", "ap", "in1k", "ns"}
    assert [canonical(name) for name in here] == here

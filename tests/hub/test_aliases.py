"""Names as people write them: each means one network, or is refused with the names that do."""

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
OR_ELSE = f"{ALL}, one of these with @synthetic, NAME@PUBLISHER (`refnet info --published`), or the path of an .h5 file"


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
        ("efficientnet_b0.ra_in1k", "that is timm's name; here it is b0@timm:ra or b0@timm:ra4"),
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

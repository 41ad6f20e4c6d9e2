"""Whose checkpoint a file is: what tells, what is asked, and what a name is not enough for."""

import json
from dataclasses import replace

import numpy as np
import pytest
import safetensors.numpy
from helpers.generated_checkpoints import state

from refnet.architecture.variants import variant
from refnet.checkpoints import certificate
from refnet.checkpoints.checkpoint_file import Fingerprint
from refnet.checkpoints.conversion import convert
from refnet.checkpoints.identity import identify
from refnet.checkpoints.publishers import PUBLISHERS
from refnet.checkpoints.state_dict import StateDict
from refnet.checkpoints.stated import Stated
from refnet.errors import CheckpointError, UnknownModelError
from refnet.weights import reader
from refnet.weights.releases import find, published, publisher_without_set
from refnet.weights.synthetic import tensors


class TestWhoseItIs:
    def test_names_alone_where_they_tell(self, torchvision_file, tmp_path):
        """Torchvision published B0 once."""
        weights = reader.read(convert(torchvision_file, out=tmp_path / "a.h5"))
        assert weights.provenance.publisher == "torchvision"
        assert (weights.padding, weights.bn_eps, weights.architecture.resolution) == ("symmetric", 1e-5, 224)
        assert weights.provenance.licence == ""

    def test_what_the_tensors_cannot_tell_is_asked(self, save, tmp_path):
        path = save("mine.safetensors", state("timm"))
        with pytest.raises(CheckpointError) as caught:
            convert(path, out=tmp_path / "a.h5")
        text = str(caught.value)
        assert text.startswith(f"{path}: the tensors are those of b0, but do not tell how they want to be used; ")
        for option in (
            "timm-tf:aa, timm-tf:in1k, timm-tf:ns: padding same, eps 0.001, 224 pixels, shorter-fraction 0.875, "
            "torch-imagenet; ",
            "timm-tf:ap: padding same, eps 0.001, 224 pixels, shorter-fraction 0.875, torch-half",
            "timm:ra: padding symmetric, eps 1e-05, 224 pixels, shorter-fraction 0.875, torch-imagenet",
        ):
            assert option in text
        assert "bicubic" not in text  # what all do alike is no question
        assert text.endswith(f"; for one, `refnet convert {path} --publisher timm-tf:aa`")
        assert not list(tmp_path.glob("*.h5"))

    @pytest.mark.parametrize(("word", "eps"), [("timm:ra", 1e-5), ("timm-tf:ap", 1e-3), ("timm:ra4", 1e-5)])
    def test_the_callers_word(self, save, tmp_path, word, eps):
        weights = reader.read(
            convert(save("mine.safetensors", state("timm")), Stated(publisher=word), out=tmp_path / "a.h5")
        )
        assert (weights.provenance.publisher, weights.bn_eps) == (word, eps)

    def test_a_publisher_whose_sets_differ(self, save, tmp_path):
        with pytest.raises(CheckpointError, match="do not tell how they want to be used") as caught:
            convert(save("mine.safetensors", state("timm")), Stated(publisher="timm"), out=tmp_path / "a.h5")
        assert "timm:ra: 224 pixels, shorter-fraction 0.875, torch-imagenet" in str(caught.value)
        assert "timm-tf" not in str(caught.value)

    def test_what_the_hub_calls_every_file(self, save, tmp_path):
        """A name that does not tell the variant tells nothing."""
        with pytest.raises(CheckpointError, match="do not tell how they want to be used"):
            convert(save("model.safetensors", state("timm")), out=tmp_path / "a.h5")

    def test_the_published_name(self, save, tmp_path):
        """Where no hash is published, the name decides; the file is taken for the published one."""
        path = save("model.safetensors", state("torchvision"))
        path = path.rename(path.with_name("efficientnet_b1-c27df63c.pth"))
        written = convert(path, out=tmp_path / "a.h5")
        assert reader.read(written).provenance.publisher == "torchvision"  # the tensors are not those of b1
        assert (
            json.loads(certificate.beside(written).read_text())["conversion"]["recognised_by"] == "the tensors' names"
        )

    def test_a_published_name_with_another_hash(self, save, tmp_path):
        path = save("tf_efficientnet_b0_ns-c0e6a31c.pth", state("timm-tf"))
        with pytest.raises(
            CheckpointError, match="name of b0@timm-tf:ns, but not its hash: it was packed again, changed"
        ):
            convert(path, out=tmp_path / "a.h5")

    @pytest.mark.parametrize(
        ("options", "error", "text"),
        [
            ({"publisher": "lukemelas"}, CheckpointError, "no variant of lukemelas has these tensors; nearest is b0: "),
            ({"publisher": "nobody"}, UnknownModelError, "unknown publisher 'nobody'; known are tf, "),
            ({"publisher": "torchvision:v7"}, UnknownModelError, "unknown set 'torchvision:v7'"),
            ({"publisher": "tf:lite"}, CheckpointError, "no variant of tf has these tensors"),
            ({"model": "b3"}, CheckpointError, "the tensors are those of b0, not of b3"),
        ],
    )
    def test_a_word_that_does_not_fit(self, torchvision_file, tmp_path, options, error, text):
        with pytest.raises(error, match=text):
            convert(torchvision_file, Stated(**options), out=tmp_path / "a.h5")

    def test_what_was_never_published(self, tmp_path):
        """Nobody published Lite3 under these names; it wants what Lite0 to Lite2 want, at its own size."""
        path = tmp_path / "mine.safetensors"
        lite3 = variant("lite3", classes=2)
        theirs = PUBLISHERS["lite"].to_theirs(tensors(lite3), lite3)
        safetensors.numpy.save_file(theirs, path)
        weights = reader.read(convert(path, out=tmp_path / "a.h5"))
        assert (weights.provenance.publisher, weights.recipe.name) == ("lite", "lite")
        assert weights.architecture == lite3

    def test_what_only_one_of_two_publishers_has(self, tmp_path):
        """Timm converted Lite1 and trained none: somebody may have trained one all the same."""
        path = tmp_path / "mine.safetensors"
        lite1 = variant("lite1")
        theirs = PUBLISHERS["timm"].to_theirs(tensors(lite1), lite1)
        safetensors.numpy.save_file(theirs, path)
        with pytest.raises(CheckpointError) as caught:
            convert(path, out=tmp_path / "a.h5")
        assert "timm-tf:in1k: padding same, eps 0.001, shorter-fraction 0.882" in str(caught.value)
        assert "timm:ra: padding symmetric, eps 1e-05, shorter-fraction 0.875" in str(caught.value)

    def test_a_name_that_several_published_files_have(self, tmp_path):
        """TensorFlow's baseline, AutoAugment and AdvProp are all called efficientnet-b1.tar.gz."""
        b1 = variant("b1")
        state = StateDict({pair.theirs: np.empty(pair.their_shape, np.float32) for pair in PUBLISHERS["tf"].pairs(b1)})
        file = Fingerprint("efficientnet-b1.tar.gz", 1, "0" * 64, "0" * 32)
        with pytest.raises(CheckpointError, match="do not tell how they want to be used") as caught:
            identify(file, state)
        text = str(caught.value)
        assert text.startswith("the tensors are those of b1")
        assert "tf:ckpts, tf:ckptsaug: tf-imagenet" in text
        assert "tf:advprop: tf-advprop" in text
        assert "tf:noisystudent" not in text
        assert not identify(file, state, publisher="tf:advprop").is_release
        assert identify(file, state, release=find("b1@tf:advprop")).is_release

    def test_what_a_hash_says_stands(self):
        """Eight digits under another name tell the set, but do not make it the published file."""
        b1 = variant("b1")
        state = StateDict(
            {pair.theirs: np.empty(pair.their_shape, np.float32) for pair in PUBLISHERS["timm"].pairs(b1)}
        )
        file = Fingerprint("mine.pth", 1, "99dd0c41" + "0" * 56, None)
        found = identify(file, state)
        assert (found.publisher, found.is_release) == ("timm-tf:ns", False)
        assert found.by == "the first 8 digits of its SHA-256, which are published"
        with pytest.raises(CheckpointError, match=r"this is b1@timm-tf:ns, not of timm-tf:aa"):
            identify(file, state, publisher="timm-tf:aa")
        named = Fingerprint("tf_efficientnet_b1_ns-99dd0c41.pth", 1, "99dd0c41" + "0" * 56, None)
        assert identify(named, state, publisher="timm-tf").is_release

    def test_a_published_name_and_another_hash_are_told(self):
        """Where there is but one use, it converts; what is odd about it is in the certificate."""
        b4 = variant("b4")
        shapes = {pair.theirs: pair.their_shape for pair in PUBLISHERS["torchvision"].pairs(b4)}
        state = StateDict({name: np.empty(shape, np.float32) for name, shape in shapes.items()})
        found = identify(Fingerprint("efficientnet_b4_rwightman-23ab8bcd.pth", 1, "0" * 64, None), state)
        assert (found.publisher, found.is_release) == ("torchvision", False)
        assert found.by == (
            "the tensors' names; the file has the name of b4@torchvision:v1, but not its hash: it was packed again, "
            "changed or damaged"
        )

    @pytest.mark.parametrize("release", published(), ids=lambda release: release.name)
    def test_every_published_file_is_itself(self, release):
        """By its hash if one is known, else by where it comes from; never as another one."""
        architecture = variant(release.model, classes=release.classes)
        shapes = {
            pair.theirs: pair.their_shape
            for pair in PUBLISHERS[publisher_without_set(release.publisher)].pairs(architecture)
        }
        state = StateDict({name: np.empty(shape, np.float32) for name, shape in shapes.items()})
        sha256 = release.member_sha256 or release.sha256
        file = Fingerprint(release.file, 1, (sha256 or "0").ljust(64, "0"), release.md5)
        fetched = identify(file, state, publisher=release.publisher, release=release)
        assert (fetched.release, fetched.is_release, fetched.architecture.resolution) == (release, True, release.size)
        if sha256 or release.md5:
            assert identify(file, state) == replace(fetched, by=identify(file, state).by)

    def test_strangers(self, save, tmp_path):
        path = save("resnet.safetensors", {"conv1.weight": np.zeros((1, 1), np.float32)})
        with pytest.raises(CheckpointError, match=r"resnet.safetensors: no network that refnet knows"):
            convert(path, out=tmp_path / "a.h5")

    def test_all_that_is_missing_and_unknown_in_one_message(self, save, tmp_path):
        content = state("torchvision", **{"features.9.x": np.zeros(1, np.float32)})
        del content["features.0.0.weight"], content["features.8.1.bias"]
        with pytest.raises(CheckpointError) as caught:
            convert(save("a.safetensors", content), out=tmp_path / "a.h5")
        for what in ("features.0.0.weight is missing", "features.8.1.bias", "'features.9.x' is unknown"):
            assert what in str(caught.value)

"""From a checkpoint to a weight file and back: what is detected, what is asked, what is written."""

import hashlib
import json
from dataclasses import replace
from functools import cache
from pathlib import Path

import h5py
import numpy as np
import pytest
import safetensors.numpy
import torch

import refnet
from refnet import store
from refnet.architecture import variant
from refnet.checkpoints import certificate
from refnet.checkpoints.conversion import STAGES, convert
from refnet.checkpoints.identity import identify
from refnet.checkpoints.inversion import invert
from refnet.checkpoints.publishers import PUBLISHERS
from refnet.checkpoints.source import Fingerprint
from refnet.checkpoints.state_dict import StateDict
from refnet.errors import CheckpointError, InputError, UnknownModelError, WeightsError
from refnet.export import export_onnx
from refnet.models import synthetic_weights
from refnet.releases import find, published
from refnet.synthetic import tensors

B0 = variant("b0")


def state(publisher: str, classes: int = 1000, **change) -> dict[str, np.ndarray]:
    """A checkpoint of B0 in the publisher's names."""
    theirs = PUBLISHERS[publisher].to_theirs(generated(classes), variant("b0", classes=classes))
    return {name: array.copy() for name, array in theirs.items()} | change


@cache
def generated(classes: int = 1000) -> dict[str, np.ndarray]:
    return tensors(variant("b0", classes=classes))


@pytest.fixture
def save(tmp_path):
    """Write a checkpoint as safetensors."""

    def save(name: str, content: dict[str, np.ndarray]) -> Path:
        path = tmp_path / name
        safetensors.numpy.save_file({key: np.ascontiguousarray(array) for key, array in content.items()}, path)
        return path

    return save


@pytest.fixture
def torchvision_file(save):
    return save("efficientnet_b0_rwightman-0.safetensors", state("torchvision"))


def test_all_that_goes_into_the_weight_file(save, tmp_path):
    """A published name: publisher, set, resolution, recipe and averaging follow from the registry."""
    counters = {"bn1.num_batches_tracked": np.array(0)}
    path = save("tf_efficientnet_b0_ns-c0e6a31c.safetensors", state("timm-tf") | counters)
    told = []
    written = convert(path, publisher="timm-tf:ns", out=tmp_path / "b0.h5", tell=told.append)
    weights = refnet.load(written).weights
    assert written == tmp_path / "b0.h5"
    assert tuple(told) == STAGES
    assert (weights.architecture, weights.padding, weights.bn_eps) == (B0, "same", 1e-3)
    assert (weights.recipe.crop, weights.recipe.crop_amount, weights.recipe.resize) == (
        "shorter-fraction",
        0.875,
        "pil-bicubic",
    )
    origin = weights.provenance
    assert (origin.publisher, origin.source, origin.averaging) == ("timm-tf:ns", path.name, "unknown")
    assert origin.source_sha256 == hashlib.sha256(path.read_bytes()).hexdigest()
    assert origin.dropped == (("bn1.num_batches_tracked", "counts training steps; inference does not use it"),)
    assert weights.labels[388].name == "giant panda"
    for key, tensor in generated().items():
        assert weights.tensors[key].tobytes() == tensor.tobytes()


class TestWhoseItIs:
    def test_names_alone_where_they_tell(self, torchvision_file, tmp_path):
        """Torchvision published B0 once."""
        weights = store.read(convert(torchvision_file, out=tmp_path / "a.h5"))
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
            "pil-bicubic, torch-imagenet; ",
            "timm-tf:ap: padding same, eps 0.001, 224 pixels, shorter-fraction 0.875, pil-bicubic, torch-half",
            "timm:ra: padding symmetric, eps 1e-05, 224 pixels, shorter-fraction 0.875, pil-bicubic, torch-imagenet",
        ):
            assert option in text
        assert not list(tmp_path.glob("*.h5"))

    @pytest.mark.parametrize(("word", "eps"), [("timm:ra", 1e-5), ("timm-tf:ap", 1e-3), ("timm:ra4", 1e-5)])
    def test_the_callers_word(self, save, tmp_path, word, eps):
        weights = store.read(convert(save("mine.safetensors", state("timm")), publisher=word, out=tmp_path / "a.h5"))
        assert (weights.provenance.publisher, weights.bn_eps) == (word, eps)

    def test_a_publisher_whose_sets_differ(self, save, tmp_path):
        with pytest.raises(CheckpointError, match="do not tell how they want to be used") as caught:
            convert(save("mine.safetensors", state("timm")), publisher="timm", out=tmp_path / "a.h5")
        assert "timm:ra: padding symmetric" in str(caught.value)
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
        assert store.read(written).provenance.publisher == "torchvision"  # the tensors are not those of b1
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
            convert(torchvision_file, out=tmp_path / "a.h5", **options)

    def test_what_was_never_published(self, tmp_path):
        """Nobody published Lite3 under these names; it wants what Lite0 to Lite2 want, at its own size."""
        path = tmp_path / "mine.safetensors"
        lite3 = variant("lite3", classes=2)
        theirs = PUBLISHERS["lite"].to_theirs(tensors(lite3), lite3)
        safetensors.numpy.save_file(theirs, path)
        weights = store.read(convert(path, out=tmp_path / "a.h5"))
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
        assert "timm-tf:in1k: padding same, eps 0.001, 240 pixels" in str(caught.value)
        assert "timm:ra: padding symmetric, eps 1e-05, 240 pixels" in str(caught.value)

    def test_a_name_that_several_published_files_have(self, tmp_path):
        """TensorFlow's baseline, AutoAugment and AdvProp are all called efficientnet-b1.tar.gz."""
        b1 = variant("b1")
        state = StateDict({pair.theirs: np.empty(pair.their_shape, np.float32) for pair in PUBLISHERS["tf"].pairs(b1)})
        file = Fingerprint("efficientnet-b1.tar.gz", 1, "0" * 64, "0" * 32)
        with pytest.raises(CheckpointError, match="do not tell how they want to be used") as caught:
            identify(file, state)
        text = str(caught.value)
        assert text.startswith("the tensors are those of b1")
        assert "tf:ckpts, tf:ckptsaug: padding same" in text
        assert "tf:advprop: padding same" in text
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
            for pair in PUBLISHERS[release.publisher.partition(":")[0]].pairs(architecture)
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
        with pytest.raises(
            CheckpointError, match=r"resnet.safetensors: the names are no publisher's that is known here"
        ):
            convert(path, out=tmp_path / "a.h5")

    def test_all_that_is_missing_and_unknown_in_one_message(self, save, tmp_path):
        content = state("torchvision", extra=np.zeros(1, np.float32))
        del content["features.0.0.weight"], content["classifier.1.bias"]
        with pytest.raises(CheckpointError) as caught:
            convert(save("a.safetensors", content), out=tmp_path / "a.h5")
        for what in ("features.0.0.weight is missing", "classifier.1.bias is missing", "'extra' is unknown"):
            assert what in str(caught.value)


class TestClasses:
    def test_fine_tuned(self, save, tmp_path):
        (tmp_path / "labels.txt").write_text("daisy\nrose\ntulip\n")
        path = save("mine.safetensors", state("torchvision", classes=3))
        network = refnet.load(convert(path, labels=tmp_path / "labels.txt", out=tmp_path / "a.h5"))
        assert network.labels[1].text == "rose"
        assert len(network.predict(np.zeros((64, 64, 3), np.uint8), top=3)) == 3

    def test_without_labels_there_are_none(self, save, tmp_path):
        written = convert(save("a.safetensors", state("torchvision", classes=3)), out=tmp_path / "a.h5")
        assert store.read(written).labels is None

    def test_labels_that_do_not_fit(self, torchvision_file, tmp_path):
        (tmp_path / "labels.txt").write_text("daisy\nrose\n")
        with pytest.raises(InputError, match="2 classes does not fit a network of 1000"):
            convert(torchvision_file, labels=tmp_path / "labels.txt", out=tmp_path / "a.h5")

    def test_background_first(self, save, tmp_path):
        written = convert(save("a.safetensors", state("torchvision", classes=1001)), out=tmp_path / "a.h5")
        labels = store.read(written).labels
        assert (labels[0].text, labels[389].name) == ("background", "giant panda")

    def test_no_classifier_gives_features(self, save, tmp_path):
        written = convert(save("a.safetensors", state("torchvision", classes=0)), out=tmp_path / "a.h5")
        network = refnet.load(written)
        assert network.features(np.zeros((1, 32, 32, 3), np.float32)).shape == (1, 1280)
        with pytest.raises(InputError, match="no classifier"):
            network.predict(np.zeros((64, 64, 3), np.uint8))


class TestInvert:
    @pytest.mark.parametrize("suffix", [".npz", ".safetensors"])
    def test_the_sources_bits(self, torchvision_file, tmp_path, suffix):
        written = convert(torchvision_file, out=tmp_path / "a.h5")
        again = invert(written, tmp_path / f"again{suffix}")
        source = safetensors.numpy.load_file(torchvision_file)
        found = np.load(again) if suffix == ".npz" else safetensors.numpy.load_file(again)
        assert set(found) == set(source)
        for name, array in source.items():
            assert (found[name].shape, found[name].tobytes()) == (array.shape, array.tobytes())

    def test_of_moving_averages(self, tmp_path):
        """They get their own names back."""
        weights = synthetic_weights("lite0")
        origin = store.Provenance("tf:lite", averaging="ema")
        store.write(tmp_path / "a.h5", store.Weights(**{**vars(weights), "provenance": origin}))
        with np.load(invert(tmp_path / "a.h5", tmp_path / "a.npz")) as found:
            assert "efficientnet-lite0/stem/conv2d/kernel/ExponentialMovingAverage" in found

    def test_wrong_inputs(self, torchvision_file, tmp_path):
        written = convert(torchvision_file, out=tmp_path / "a.h5")
        with pytest.raises(InputError, match=r"want a name that ends in \.npz or \.safetensors"):
            invert(written, tmp_path / "a.pth")
        with pytest.raises(InputError, match="not written"):
            invert(written, tmp_path / "nowhere" / "a.npz")
        with pytest.raises(WeightsError):
            invert(torchvision_file, tmp_path / "a.npz")


class TestOutput:
    def test_by_default_here_and_never_over_a_file(self, torchvision_file, tmp_path, monkeypatch):
        monkeypatch.chdir(tmp_path)
        assert convert(torchvision_file) == Path("b0.h5")
        before = Path("b0.h5").read_bytes()
        with pytest.raises(InputError, match=r"b0\.h5 is there already; name the output with -o"):
            convert(torchvision_file)
        assert Path("b0.h5").read_bytes() == before

    def test_the_same_source_gives_the_same_bytes(self, torchvision_file, tmp_path):
        one, two = (convert(torchvision_file, out=tmp_path / f"{name}.h5") for name in "ab")
        assert one.read_bytes() == two.read_bytes()
        assert certificate.beside(one).read_bytes() == certificate.beside(two).read_bytes()

    @pytest.mark.parametrize("out", ["a.bin", "nowhere/a.h5"])
    def test_wrong_places_are_refused_before_any_work(self, torchvision_file, tmp_path, out):
        told = []
        with pytest.raises(InputError, match=r"want a name that ends in|there is no folder"):
            convert(torchvision_file, out=tmp_path / out, tell=told.append)
        assert told == []

    def test_weights_that_no_network_can_run(self, save, tmp_path):
        content = state("torchvision")
        content["features.0.1.running_var"][3] = np.nan
        with pytest.raises(WeightsError, match=r"stem/bn/variance\[3\] is nan"):
            convert(save("a.safetensors", content), out=tmp_path / "a.h5")
        assert [path.name for path in tmp_path.iterdir()] == ["a.safetensors"]


class TestCertificate:
    @pytest.fixture
    def written(self, torchvision_file, tmp_path):
        return convert(torchvision_file, out=tmp_path / "a.h5")

    def test_what_it_says(self, written, torchvision_file):
        content = json.loads(certificate.beside(written).read_text("ascii"))
        assert content["conversion"] == {
            "file": torchvision_file.name,
            "bytes": torchvision_file.stat().st_size,
            "sha256": hashlib.sha256(torchvision_file.read_bytes()).hexdigest(),
            "md5": None,
            "format": "safetensors",
            "recognised_by": "the tensors' names",
            "normalisation": "the publisher's",
            "state_dict": "",
            "prefix": "",
            "widened": [],
        }
        weights = content["weights"]
        assert (weights["model"], weights["publisher"], weights["finite"]) == ("b0", "torchvision", True)
        assert weights["source_sha256"] == hashlib.sha256(torchvision_file.read_bytes()).hexdigest()
        assert weights["digest"] == store.read(written).digest()
        by_name = {entry["name"]: entry for entry in weights["tensors"]}
        assert len(by_name) == 311
        stem = generated()["stem/kernel"]
        assert by_name["stem/kernel"] | {"digest": ""} == {
            "name": "stem/kernel",
            "source": "features.0.0.weight",
            "source_shape": [32, 3, 3, 3],
            "shape": [3, 3, 3, 32],
            "min": float(stem.min()),
            "max": float(stem.max()),
            "subnormals": 0,
            "digest": "",
        }

    def test_subnormals_are_counted(self, save, tmp_path):
        content = state("torchvision")
        content["features.0.1.bias"][:3] = 1e-40
        content["features.0.1.bias"][3] = 0
        written = convert(save("a.safetensors", content), out=tmp_path / "a.h5")
        assert json.loads(certificate.beside(written).read_text())["weights"]["subnormals"] == 3

    def test_it_is_proven_again(self, written):
        assert certificate.prove(written, store.read(written)) is None

    @pytest.mark.parametrize(
        ("change", "where"),
        [
            ({"averaging": "ema"}, "weights.averaging is 'ema' there and 'unknown' in the weights"),
            ({"tensors": []}, "weights.tensors is [] there"),
            ({"digest": "0"}, "weights.digest is '0' there"),
            ({"finite": 1}, "weights.finite is 1 there and True in the weights"),
        ],
    )
    def test_a_certificate_that_says_something_else(self, written, change, where):
        path = certificate.beside(written)
        content = json.loads(path.read_text())
        content["weights"] |= change
        path.write_text(json.dumps(content))
        assert certificate.prove(written, store.read(written)).startswith(where)

    def test_of_another_file(self, written):
        path = certificate.beside(written)
        content = json.loads(path.read_text())
        content["weights"]["tensors"][5]["max"] = 3.5
        path.write_text(json.dumps(content))
        difference = certificate.prove(written, store.read(written))
        assert difference.startswith("weights.tensors[block1a/depthwise/kernel].max is 3.5 there")

    @pytest.mark.parametrize(
        "text", ["", "{", "[]", "{}", "[" * 100_000, '{"certificate": 2, "conversion": 0, "weights": 0}']
    )
    def test_hostile(self, written, text):
        certificate.beside(written).write_text(text)
        with pytest.raises(WeightsError, match=r"a\.certificate\.json"):
            certificate.prove(written, store.read(written))


class TestFormats:
    """Whole networks from every other format; see test_families.py for files by the publishers' own software."""

    def keras_file(self, path: Path, mean, variance, classes: int = 1000) -> Path:
        """Keras Applications' layout: layer_names, and a group with weight_names for each layer."""
        theirs = state("keras", classes)
        theirs |= {
            "normalization/mean": np.array(mean, np.float32),
            "normalization/variance": np.array(variance, np.float32),
            "normalization/count": np.array(0, np.int64),
        }
        layers: dict[str, list[str]] = {}
        for name in theirs:
            layers.setdefault(name.partition("/")[0], []).append(name)
        with h5py.File(path, "w") as file:
            file.attrs["layer_names"] = np.array([layer.encode() for layer in layers])
            for layer, names in layers.items():
                group = file.create_group(layer)
                group.attrs["weight_names"] = np.array([f"{name}:0".encode() for name in names])
                for name in names:
                    group.create_dataset(f"{name}:0", data=theirs[name])
        return path

    def test_keras(self, tmp_path):
        path = self.keras_file(tmp_path / "mine.h5", [0.485, 0.456, 0.406], [0.229, 0.224, 0.225])
        weights = store.read(convert(path, out=tmp_path / "a.h5"))
        assert (weights.provenance.publisher, weights.padding, weights.recipe.name) == ("keras", "same", "keras")
        assert (
            weights.tensors["block1a/depthwise/kernel"].tobytes() == generated()["block1a/depthwise/kernel"].tobytes()
        )
        assert dict(weights.provenance.dropped)["normalization/mean"].endswith("part of the recipe for pictures")
        with np.load(invert(tmp_path / "a.h5", tmp_path / "a.npz")) as again:
            assert again["block1a_dwconv/depthwise_kernel"].shape == (3, 3, 32, 1)

    def test_keras_with_numbers_of_its_own(self, tmp_path):
        path = self.keras_file(tmp_path / "mine.h5", [0.5, 0.5, 0.5], [0.25, 0.25, 0.0625])
        recipe = store.read(convert(path, out=tmp_path / "a.h5")).recipe
        assert (recipe.name, recipe.crop, recipe.resize) == ("keras-own", "none", "pil-nearest")
        assert recipe.normalise[1:] == (("subtract", (0.5, 0.5, 0.5)), ("divide", (0.5, 0.5, 0.25)))

    def test_keras_without_its_top(self, tmp_path):
        path = self.keras_file(tmp_path / "mine.h5", [0.485, 0.456, 0.406], [0.229, 0.224, 0.225], classes=0)
        assert store.read(convert(path, out=tmp_path / "a.h5")).architecture == variant("b0", classes=0)

    def test_what_refnet_exported(self, tmp_path):
        """It says all about itself but the labels."""
        ours = synthetic_weights("b0")
        export_onnx(ours, tmp_path / "b0.onnx")
        again = store.read(convert(tmp_path / "b0.onnx", out=tmp_path / "a.h5"))
        assert again.digest() == ours.digest()
        assert (again.recipe, again.bn_eps, again.provenance) == (ours.recipe, ours.bn_eps, ours.provenance)
        assert again.labels is not None
        assert certificate.prove(tmp_path / "a.h5", again) is None

    def test_a_prefix_and_a_moving_average(self, save, tmp_path):
        """As a training run of PyTorch leaves it."""
        average = {f"module.{name}": torch.from_numpy(array) for name, array in state("torchvision").items()}
        plain = {name: torch.zeros_like(array) for name, array in average.items()}
        torch.save({"epoch": 3, "state_dict": plain, "state_dict_ema": average}, tmp_path / "last.pth")
        written = convert(tmp_path / "last.pth", out=tmp_path / "a.h5")
        weights = store.read(written)
        assert weights.provenance.averaging == "ema"
        assert weights.tensors["stem/kernel"].tobytes() == generated()["stem/kernel"].tobytes()
        conversion = json.loads(certificate.beside(written).read_text())["conversion"]
        assert (conversion["state_dict"], conversion["prefix"]) == ("state_dict_ema", "module.")

    def test_halves_become_singles(self, save, tmp_path):
        """Exactly; which they were is in the certificate."""
        halves = {name: array.astype(np.float16) for name, array in state("torchvision").items()}
        written = convert(save("a.safetensors", halves), out=tmp_path / "a.h5")
        found = store.read(written).tensors["stem/kernel"]
        assert found.tobytes() == generated()["stem/kernel"].astype(np.float16).astype(np.float32).tobytes()
        assert len(json.loads(certificate.beside(written).read_text())["conversion"]["widened"]) == 311

"""From a checkpoint to a weight file: what is detected, what is written, and that it is all or nothing."""

import hashlib
import json
from pathlib import Path

import h5py
import numpy as np
import pytest
import torch
from helpers.generated_checkpoints import B0, generated, state

import refnet
from refnet.architecture.variants import variant
from refnet.checkpoints import certificate
from refnet.checkpoints.conversion import STAGES, convert
from refnet.checkpoints.inversion import invert
from refnet.checkpoints.stated import Stated
from refnet.errors import CheckpointError, InputError, WeightsError
from refnet.export.onnx import export_onnx
from refnet.hub.models import synthetic_weights
from refnet.preprocessing.by_hand import ByHand
from refnet.weights import reader


def test_all_that_goes_into_the_weight_file(save, tmp_path):
    """A published name: publisher, set, resolution, recipe and averaging follow from the registry."""
    counters = {"bn1.num_batches_tracked": np.array(0)}
    path = save("tf_efficientnet_b0_ns-c0e6a31c.safetensors", state("timm-tf") | counters)
    stages = []
    written = convert(path, Stated(publisher="timm-tf:ns"), out=tmp_path / "b0.h5", on_stage=stages.append)
    weights = refnet.load(written).weights
    assert written == tmp_path / "b0.h5"
    assert tuple(stages) == STAGES
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


class TestClasses:
    def test_fine_tuned(self, save, tmp_path):
        (tmp_path / "labels.txt").write_text("daisy\nrose\ntulip\n")
        path = save("mine.safetensors", state("torchvision", classes=3))
        network = refnet.load(convert(path, labels=tmp_path / "labels.txt", out=tmp_path / "a.h5"))
        assert network.labels[1].text == "rose"
        assert len(network.predict(np.zeros((64, 64, 3), np.uint8), top=3)) == 3

    def test_without_labels_there_are_none(self, save, tmp_path):
        written = convert(save("a.safetensors", state("torchvision", classes=3)), out=tmp_path / "a.h5")
        assert reader.read(written).labels is None

    def test_labels_that_do_not_fit(self, torchvision_file, tmp_path):
        (tmp_path / "labels.txt").write_text("daisy\nrose\n")
        with pytest.raises(InputError, match="2 names do not fit a network of 1000 classes"):
            convert(torchvision_file, labels=tmp_path / "labels.txt", out=tmp_path / "a.h5")

    def test_background_first(self, save, tmp_path):
        written = convert(save("a.safetensors", state("torchvision", classes=1001)), out=tmp_path / "a.h5")
        labels = reader.read(written).labels
        assert (labels[0].text, labels[389].name) == ("background", "giant panda")

    def test_no_classifier_gives_features(self, save, tmp_path):
        written = convert(save("a.safetensors", state("torchvision", classes=0)), out=tmp_path / "a.h5")
        network = refnet.load(written)
        assert network.features(np.zeros((1, 32, 32, 3), np.float32)).shape == (1, 1280)
        with pytest.raises(InputError, match="no classifier"):
            network.predict(np.zeros((64, 64, 3), np.uint8))


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
        stages = []
        with pytest.raises(InputError, match=r"want a name that ends in|there is no directory"):
            convert(torchvision_file, out=tmp_path / out, on_stage=stages.append)
        assert stages == []

    def test_weights_that_no_network_can_run(self, save, tmp_path):
        content = state("torchvision")
        content["features.0.1.running_var"][3] = np.nan
        with pytest.raises(WeightsError, match=r"stem/bn/variance\[3\] is nan"):
            convert(save("a.safetensors", content), out=tmp_path / "a.h5")
        assert [path.name for path in tmp_path.iterdir()] == ["a.safetensors"]


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
        weights = reader.read(convert(path, out=tmp_path / "a.h5"))
        assert (weights.provenance.publisher, weights.padding, weights.recipe.name) == ("keras", "same", "keras")
        assert (
            weights.tensors["block1a/depthwise/kernel"].tobytes() == generated()["block1a/depthwise/kernel"].tobytes()
        )
        assert dict(weights.provenance.dropped)["normalization/mean"].endswith("part of the recipe for pictures")
        with np.load(invert(tmp_path / "a.h5", tmp_path / "a.npz")) as again:
            assert again["block1a_dwconv/depthwise_kernel"].shape == (3, 3, 32, 1)

    def test_keras_with_numbers_of_its_own(self, tmp_path):
        path = self.keras_file(tmp_path / "mine.h5", [0.5, 0.5, 0.5], [0.25, 0.25, 0.0625])
        recipe = reader.read(convert(path, out=tmp_path / "a.h5")).recipe
        assert (recipe.name, recipe.crop, recipe.resize) == ("keras-own", "none", "pil-nearest")
        assert recipe.normalise[1:] == (("subtract", (0.5, 0.5, 0.5)), ("divide", (0.5, 0.5, 0.25)))

    def test_numbers_by_hand_do_not_replace_those_of_the_file(self, tmp_path):
        path = self.keras_file(tmp_path / "mine.h5", [0.5, 0.5, 0.5], [0.25, 0.25, 0.0625])
        with pytest.raises(
            CheckpointError, match=r"mine.h5: the file says itself how pixels are normalised, and not by"
        ):
            convert(path, by_hand=ByHand(mean=(0.1, 0.1, 0.1), std=(1, 1, 1)), out=tmp_path / "a.h5")
        weights = reader.read(convert(path, by_hand=ByHand(64, interpolation="bilinear"), out=tmp_path / "a.h5"))
        assert (weights.architecture.resolution, weights.recipe.resize) == (64, "pil-bilinear")
        assert weights.recipe.normalise[1] == ("subtract", (0.5, 0.5, 0.5))

    def test_keras_without_its_top(self, tmp_path):
        path = self.keras_file(tmp_path / "mine.h5", [0.485, 0.456, 0.406], [0.229, 0.224, 0.225], classes=0)
        assert reader.read(convert(path, out=tmp_path / "a.h5")).architecture == variant("b0", classes=0)

    def test_what_refnet_exported(self, tmp_path):
        """It says all about itself but the labels."""
        ours = synthetic_weights("b0")
        export_onnx(ours, tmp_path / "b0.onnx")
        again = reader.read(convert(tmp_path / "b0.onnx", out=tmp_path / "a.h5"))
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
        weights = reader.read(written)
        assert weights.provenance.averaging == "ema"
        assert weights.tensors["stem/kernel"].tobytes() == generated()["stem/kernel"].tobytes()
        conversion = json.loads(certificate.beside(written).read_text())["conversion"]
        assert (conversion["state_dict"], conversion["prefix"]) == ("state_dict_ema", "module.")

    def test_halves_become_singles(self, save, tmp_path):
        """Exactly; which they were is in the certificate."""
        halves = {name: array.astype(np.float16) for name, array in state("torchvision").items()}
        written = convert(save("a.safetensors", halves), out=tmp_path / "a.h5")
        found = reader.read(written).tensors["stem/kernel"]
        assert found.tobytes() == generated()["stem/kernel"].astype(np.float16).astype(np.float32).tobytes()
        assert len(json.loads(certificate.beside(written).read_text())["conversion"]["widened"]) == 311

"""Hugging Face's folders and timm's options: all that they say is honoured, or refused by its name.

The folder in tests/data/hugging_face was written by tools/make_hugging_face_fixtures.py, with transformers itself.
"""

import argparse
import json
import shutil
from functools import cache

import numpy as np
import pytest
import safetensors.torch
import torch
from helpers.places import DATA
from helpers.torch_networks import LIMIT, distance, narrow_b0, network, new, ours, run, train  # noqa: F401

import refnet
from refnet.checkpoints.conversion import convert
from refnet.checkpoints.stated import Stated
from refnet.errors import CheckpointError
from refnet.preprocessing.normalise import normalise
from refnet.weights import reader

FOLDER = DATA / "hugging_face" / "b-narrow"
LEFT_OUT = object()


@cache
def numbers():
    with np.load(FOLDER.with_suffix(".npz")) as file:
        return dict(file)


@pytest.fixture
def folder(tmp_path):
    """A copy of the folder with other entries in its configurations."""

    def folder(name="copy", processor=(), **entries):
        copy = tmp_path / name
        shutil.copytree(FOLDER, copy)
        for file, changes in (("config.json", entries), ("preprocessor_config.json", dict(processor))):
            content = json.loads((copy / file).read_text()) | changes
            left = {key: value for key, value in content.items() if value is not LEFT_OUT}
            (copy / file).write_text(json.dumps(left))
        return copy

    return folder


class TestTransformers:
    @pytest.mark.parametrize("size", ["own", "other"])
    def test_the_same_numbers(self, size, folder, tmp_path):
        found, mine = ours(folder(), tmp_path / "a.h5", numbers()[size])
        assert distance(mine, numbers()[f"{size}_logits"]) < LIMIT
        weights = found.weights
        assert (weights.provenance.publisher, weights.padding, weights.bn_eps) == ("huggingface", "same@70", 1e-3)
        assert (weights.architecture.name, weights.architecture.resolution) == ("custom", 70)
        assert [label.text for label in found.labels] == ["daisy", "rose", "tulip"]
        assert found.weights.architecture.top.output == "softmax"

    def test_features_alone(self, folder, tmp_path):
        _, mine = ours(folder(), tmp_path / "a.h5", numbers()["own"], head="none")
        assert distance(mine, numbers()["own_features"]) < LIMIT

    def test_the_model_without_a_head(self, folder, tmp_path):
        """EfficientNetModel saves the same names without a prefix."""
        copy = folder(architectures=["EfficientNetModel"])
        state = safetensors.torch.load_file(copy / "model.safetensors")
        (copy / "model.safetensors").unlink()
        inside = {name.removeprefix("efficientnet."): t for name, t in state.items() if name.startswith("eff")}
        torch.save(inside, copy / "pytorch_model.bin")
        _, mine = ours(copy, tmp_path / "a.h5", numbers()["own"])
        assert distance(mine, numbers()["own_features"]) < LIMIT

    def test_pictures(self, folder, tmp_path):
        """Its pixels are those of transformers' own image processor, to the bit."""
        recipe = reader.read(convert(folder(), out=tmp_path / "a.h5")).recipe
        assert (recipe.crop, recipe.resize) == ("none", "pil-bicubic")
        mine = normalise(numbers()["pixels"].astype(np.float32), recipe.normalise)
        assert np.array_equal(mine, numbers()["input"][0])

    @pytest.mark.parametrize(
        ("entries", "fact"),
        [
            ({"batch_norm_eps": 1e-5}, lambda weights: weights.bn_eps == 1e-5),
            ({"batch_norm_eps": LEFT_OUT}, lambda weights: weights.bn_eps == 1e-3),
            ({"hidden_act": "silu"}, lambda weights: True),
            ({"pooling_type": "max"}, lambda weights: weights.architecture.top.pooling == "max"),
            (
                {"problem_type": "multi_label_classification"},
                lambda weights: weights.architecture.top.output == "sigmoid",
            ),
            ({"problem_type": "regression"}, lambda weights: weights.architecture.top.output == "none"),
            ({"problem_type": None}, lambda weights: weights.architecture.top.output == "softmax"),
            ({"image_size": 64, "depthwise_padding": []}, lambda weights: weights.padding == "same@64"),
            ({"id2label": {"0": "LABEL_0", "1": "LABEL_1", "2": "LABEL_2"}}, lambda weights: weights.labels is None),
            ({"processor": {"resample": 0}}, lambda weights: weights.recipe.resize == "pil-nearest"),
            ({"processor": {"include_top": False}}, lambda weights: len(weights.recipe.normalise) == 2),
            ({"processor": {"rescale_offset": True}}, lambda weights: len(weights.recipe.normalise) == 5),
            ({"processor": {"do_normalize": False}}, lambda weights: len(weights.recipe.normalise) == 2),
            (
                {"processor": {"size": {"height": 96, "width": 96}}},
                lambda weights: weights.architecture.resolution == 96,
            ),
        ],
    )
    def test_honoured(self, entries, fact, folder, tmp_path):
        assert fact(reader.read(convert(folder(**entries), out=tmp_path / "a.h5")))

    @pytest.mark.parametrize(
        ("entries", "message"),
        [
            ({"hidden_act": "gelu"}, "config.json: hidden_act is 'gelu': want swish"),
            ({"pooling_type": "median"}, "pooling_type is 'median': want mean or max"),
            ({"depthwise_padding": []}, r"depthwise_padding is \[\]: those of no picture"),
            ({"depthwise_padding": ["1"]}, "depthwise_padding"),
            ({"kernel_sizes": [3] * 7}, "kernel_sizes"),
            ({"strides": [1] * 7}, "strides"),
            ({"expand_ratios": [1, 4, 6, 6, 6, 6, 6]}, "expand_ratios"),
            ({"squeeze_expansion_ratio": 0.5}, "squeeze_expansion_ratio"),
            ({"num_channels": 1}, "num_channels"),
            ({"width_coefficient": 0.5}, "not the tensors of custom"),
            ({"depth_coefficient": 0.6}, "depthwise_padding|not the tensors of custom"),
            ({"width_coefficient": 0.125}, "adds its input here, and does not in transformers"),
            ({"width_coefficient": -1}, "width_coefficient"),
            ({"width_coefficient": "x"}, "width_coefficient"),
            ({"image_size": [70, 64]}, "image_size"),
            ({"image_size": 10**9}, "not the coefficients"),
            ({"batch_norm_eps": "x"}, "batch_norm_eps"),
            ({"model_type": "vit"}, "says that this is 'vit', which is no EfficientNet"),
            ({"id2label": {"0": "a", "1": "b"}}, "names 2 classes, the network has 3"),
            ({"id2label": {"0": "a", "1": 5, "2": "c"}}, "names of the classes"),
            ({"processor": {"do_center_crop": True}}, "do_center_crop is True: a crop behind resizing"),
            ({"processor": {"do_resize": False}}, "do_resize"),
            ({"processor": {"resample": 1}}, "resample is 1"),
            ({"processor": {"size": {"height": 64, "width": 70}}}, "size"),
            ({"processor": {"image_mean": [0.5]}, "x": 1}, None),
            ({"processor": {"image_mean": [0.5, 0.5]}}, "image_mean"),
            ({"processor": {"image_processor_type": "ViTImageProcessor"}}, "image_processor_type"),
        ],
    )
    def test_refused_by_name(self, entries, message, folder, tmp_path):
        copy = folder(**entries)
        if message is None:
            convert(copy, out=tmp_path / "a.h5")
            return
        with pytest.raises(CheckpointError, match=message) as caught:
            convert(copy, out=tmp_path / "a.h5")
        assert len(str(caught.value)) < 800

    def test_one_number(self, folder, tmp_path):
        copy = folder(id2label={"0": "LABEL_0"}, problem_type=None)
        state = safetensors.torch.load_file(copy / "model.safetensors")
        state |= {name: state[name][:1].clone() for name in ("classifier.weight", "classifier.bias")}
        safetensors.torch.save_file(state, copy / "model.safetensors")
        with pytest.raises(CheckpointError, match="ends in one number") as caught:
            convert(copy, out=tmp_path / "a.h5")
        assert caught.value.options == ("--output sigmoid", "--output none")
        found, _ = ours(copy, tmp_path / "a.h5", numbers()["own"], output="sigmoid")
        assert found.weights.architecture.top.output == "sigmoid"

    @pytest.mark.parametrize(
        ("name", "message"),
        [
            ("preprocessor_config.json", "preprocessor_config.json is missing beside it"),
            ("config.json", "found|config.json is missing"),
            ("model.safetensors", "without tensors: want model.safetensors or pytorch_model.bin"),
        ],
    )
    def test_a_missing_file(self, name, message, folder, tmp_path):
        copy = folder()
        (copy / name).unlink()
        with pytest.raises(CheckpointError, match=message):
            convert(copy, out=tmp_path / "a.h5")

    def test_the_file_alone(self, folder, tmp_path):
        copy = folder()
        (copy / "config.json").unlink()
        with pytest.raises(CheckpointError, match=r"names are those of transformers: config.json is missing beside it"):
            convert(copy / "model.safetensors", out=tmp_path / "a.h5")
        (copy / "model.safetensors").rename(tmp_path / "mine.safetensors")
        with pytest.raises(CheckpointError, match=r"config.json is missing beside it"):
            convert(tmp_path / "mine.safetensors", out=tmp_path / "a.h5")

    def test_in_parts(self, folder, tmp_path):
        copy = folder()
        (copy / "model.safetensors").rename(copy / "model-00001-of-00002.safetensors")
        (copy / "model.safetensors.index.json").write_text("{}")
        with pytest.raises(CheckpointError, match=r"in several parts \(model.safetensors.index.json\); save it as one"):
            convert(copy, out=tmp_path / "a.h5")

    @pytest.mark.parametrize("text", ["", "[]", "{", '{"a": 1, "a": 2}', "[" * 100_000, "\xff"])
    def test_what_is_no_json(self, text, folder, tmp_path):
        copy = folder()
        (copy / "config.json").write_bytes(text.encode("latin-1"))
        with pytest.raises(CheckpointError, match=r"config.json: cannot read it as JSON"):
            convert(copy, out=tmp_path / "a.h5")


IMAGENET = {"mean": [0.485, 0.456, 0.406], "std": [0.229, 0.224, 0.225]}
DESCRIBED = {
    "tag": "mine",
    "custom_load": False,
    "input_size": [3, 256, 256],
    "fixed_input_size": False,
    "interpolation": "bilinear",
    "crop_pct": 0.9,
    "crop_mode": "center",
    "num_classes": 3,
    "pool_size": [8, 8],
    "first_conv": "conv_stem",
    "classifier": "classifier",
    "mean": [0.5, 0.5, 0.5],
    "std": [0.25, 0.25, 0.25],
}


@pytest.mark.usefixtures("narrow_b0")
class TestTimm:
    def folder(self, tmp_path, publisher, prefix="", described=DESCRIBED, **entries):
        """As timm's push_to_hf_hub and transformers' TimmWrapper save it; the second with a prefix."""
        made = tmp_path / "hub"
        made.mkdir()
        state = {prefix + name: tensor for name, tensor in network(publisher).state_dict().items()}
        safetensors.torch.save_file(state, made / "model.safetensors", {"format": "pt"})
        name = "tf_efficientnet_b0" if publisher == "timm-tf" else "efficientnet_b0"
        content = {"architecture": name, "num_classes": 3, "num_features": 1280, "pretrained_cfg": described}
        if prefix:
            content |= {"architectures": ["TimmWrapperForImageClassification"], "model_type": "timm_wrapper"}
        (made / "config.json").write_text(json.dumps(content | entries))
        return made

    @pytest.mark.parametrize("prefix", ["", "timm_model."])
    @pytest.mark.parametrize("publisher", ["timm", "timm-tf"])
    def test_the_same_numbers(self, publisher, prefix, tmp_path):
        made = self.folder(tmp_path, publisher, prefix, label_names=["a", "b", "c"])
        found, mine = ours(made, tmp_path / "a.h5")
        assert distance(mine, run(network(publisher))) < LIMIT
        recipe = found.weights.recipe
        assert found.weights.provenance.publisher == publisher
        assert (recipe.crop, recipe.crop_amount, recipe.resize) == ("shorter-fraction", 0.9, "pil-bilinear")
        assert recipe.normalise[1:] == (("subtract", (0.5,) * 3), ("divide", (0.25,) * 3))
        assert (found.weights.architecture.resolution, found.labels[1].text) == (256, "b")

    def test_the_network_of_another_name(self, tmp_path):
        made = self.folder(tmp_path, "timm", architecture="efficientnet_b3")
        with pytest.raises(CheckpointError, match="the tensors are those of b0, not of b3"):
            convert(made, out=tmp_path / "a.h5")

    @pytest.mark.parametrize(
        ("entries", "message"),
        [
            ({"architecture": "resnet50"}, "model is 'resnet50': refnet has timm's"),
            ({"global_pool": "attention"}, "global_pool is 'attention': want one of"),
            (
                {"model_args": {"act_layer": "relu"}},
                "act_layer is 'relu': an argument of the network that is not known",
            ),
            ({"model_args": {"in_chans": 1}}, "pictures have 1 channels, the stem takes 3"),
            ({"model_args": {"pad_type": "reflect"}}, "pad_type"),
            ({"described": DESCRIBED | {"crop_mode": "border"}}, "crop_mode is 'border': want center"),
            ({"described": DESCRIBED | {"interpolation": "lanczos"}}, "interpolation is 'lanczos'"),
            ({"described": DESCRIBED | {"crop_pct": 1.5}}, "crop_pct is 1.5"),
            ({"described": DESCRIBED | {"input_size": [3, 224, 256]}}, "input_size"),
            ({"described": DESCRIBED | {"mean": [0.5, "x", 0.5]}}, "mean"),
            ({"label_names": ["a"]}, "names 1 classes, the network has 3"),
        ],
    )
    def test_refused_by_name(self, entries, message, tmp_path):
        with pytest.raises(CheckpointError, match=message):
            convert(self.folder(tmp_path, "timm", **entries), out=tmp_path / "a.h5")

    def training(self, publisher="timm", **options):
        """As timm's train.py saves it, with the options that say something of the network and its pictures."""
        name = "tf_efficientnet_b0" if publisher == "timm-tf" else "efficientnet_b0"
        args = {
            "model": name, "num_classes": None, "in_chans": None, "gp": None, "img_size": None, "input_size": None,
            "crop_pct": None, "mean": None, "std": None, "interpolation": "", "bn_eps": None, "bn_momentum": None,
            "model_kwargs": {}, "lr": 0.1, "opt": "sgd", "data_dir": "x",
        } | options  # fmt: skip
        return {"epoch": 3, "arch": name, "args": argparse.Namespace(**args), "version": 2, "metric": 77.0}

    @pytest.mark.parametrize(("gp", "pooling"), [("max", "max"), ("catavgmax", "concatenated"), ("avgmax", "mean+max")])
    def test_the_options_of_a_training(self, gp, pooling, tmp_path):
        model = train(new("timm", global_pool=gp, bn_eps=1e-4))
        options = {"gp": gp, "img_size": 300, "crop_pct": 1.0, "interpolation": "bilinear", "mean": [0.5], "std": [0.5]}
        content = self.training(**options, bn_eps=1e-4, num_classes=3) | {"state_dict": model.state_dict()}
        torch.save(content, tmp_path / "last.pth.tar")
        found, mine = ours(tmp_path / "last.pth.tar", tmp_path / "a.h5")
        assert distance(mine, run(model)) < LIMIT
        weights = found.weights
        assert (weights.architecture.top.pooling, weights.architecture.resolution) == (pooling, 300)
        assert (weights.bn_eps, weights.padding, weights.recipe.crop_amount) == (1e-4, "symmetric", 1.0)
        assert weights.recipe.normalise[1:] == (("subtract", (0.5,) * 3), ("divide", (0.5,) * 3))

    def test_options_that_leave_pictures_open(self, tmp_path):
        """Whose zeros and epsilon they are is known then, not which of timm's sizes and crops."""
        content = self.training("timm-tf") | {"state_dict": network("timm-tf").state_dict()}
        torch.save(content, tmp_path / "last.pth")
        found, mine = ours(tmp_path / "last.pth", tmp_path / "a.h5")
        assert distance(mine, run(network("timm-tf"))) < LIMIT
        assert found.weights.recipe.normalise[1] == ("subtract", (0.485, 0.456, 0.406))
        torch.save(self.training("timm") | {"state_dict": network("timm").state_dict()}, tmp_path / "last.pth")
        with pytest.raises(CheckpointError, match="do not tell how they want to be used") as caught:
            convert(tmp_path / "last.pth", out=tmp_path / "a.h5")
        assert caught.value.options[0].startswith("--publisher timm:")

    @pytest.mark.parametrize(
        ("options", "message"),
        [
            (
                {"in_chans": 1, "img_size": 96, "crop_pct": 1.0, "interpolation": "bicubic"},
                "args says that pictures have 1 channels, the stem takes 3",
            ),
            ({"gp": "abc"}, "args: global_pool is 'abc'"),
            ({"model": "tf_efficientnetv2_s"}, "model is 'tf_efficientnetv2_s'"),
            ({"model": "efficientnet_b1"}, "the tensors are those of b0, not of b1"),
            ({"model_kwargs": {"act_layer": "relu"}}, "act_layer"),
            ({"input_size": [1, 64, 48]}, "input_size"),
            ({"crop_pct": "x"}, "crop_pct"),
        ],
    )
    def test_options_that_are_refused(self, options, message, tmp_path):
        torch.save(self.training(**options) | {"state_dict": network("timm").state_dict()}, tmp_path / "last.pth")
        with pytest.raises(CheckpointError, match=message):
            convert(tmp_path / "last.pth", out=tmp_path / "a.h5")

    def test_what_is_stated_and_what_is_said(self, tmp_path):
        made = self.folder(tmp_path, "timm", global_pool="max")
        with pytest.raises(CheckpointError, match=r"state --publisher lukemelas, but config.json says that it is timm"):
            convert(made, Stated(publisher="lukemelas"), out=tmp_path / "a.h5")
        with pytest.raises(CheckpointError, match=r"state --pooling mean, but config.json says that it is max"):
            convert(made, Stated(pooling="mean"), out=tmp_path / "a.h5")
        assert refnet.load(convert(made, Stated(pooling="max"), out=tmp_path / "a.h5"))


@pytest.mark.usefixtures("narrow_b0")
def test_another_configuration_beside_it(tmp_path):
    safetensors.torch.save_file(network("torchvision").state_dict(), tmp_path / "model.safetensors")
    (tmp_path / "config.json").write_text('{"lr": 0.1}')
    assert convert(tmp_path / "model.safetensors", out=tmp_path / "a.h5")
    (tmp_path / "config.json").unlink()
    assert convert(tmp_path / "model.safetensors", out=tmp_path / "a.h5")

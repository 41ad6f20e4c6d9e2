"""Keras 3's files: names beside the variables, from the configuration, or counted; and files that abuse them."""

import io
import json
import warnings
import zipfile
from collections.abc import Callable

import h5py
import numpy as np
import pytest

from refnet.checkpoints.readers.keras import hdf5_tree, keras3, placement
from refnet.checkpoints.readers.keras.keras_content import Content, Layer
from refnet.errors import CheckpointError

KERNEL = np.arange(12, dtype=np.float32).reshape(2, 2, 1, 3)
CONFIG = {
    "class_name": "Functional",
    "config": {
        "name": "model",
        "layers": [
            {"class_name": "InputLayer", "config": {"name": "input"}},
            {"class_name": "Conv2D", "config": {"name": "stem_conv"}},
            {"class_name": "Conv2D", "config": {"name": "top_conv"}},
        ],
    },
}


def weights(fill: Callable[[h5py.File], None]) -> bytes:
    buffer = io.BytesIO()
    with h5py.File(buffer, "w") as file:
        fill(file)
    return buffer.getvalue()


def load_weights(data: bytes) -> Content:
    return hdf5_tree.parse(data, keras3.read)


def two_layers(file: h5py.File) -> None:
    file["layers/conv2d/vars/0"] = KERNEL
    file["layers/conv2d_1/vars/0"] = KERNEL + 1
    file["layers/conv2d_1/vars/1"] = KERNEL[0]
    file.create_group("layers/input_layer/vars")
    file["optimizer/vars/0"] = "never looked at"


def archive(config: object = CONFIG, compression: int = zipfile.ZIP_STORED, **members: bytes | None) -> bytes:
    content = {
        "metadata.json": b'{"keras_version": "3.0.0"}',
        "config.json": json.dumps(config).encode(),
        "model.weights.h5": weights(two_layers),
    } | {name.replace("__", "."): member for name, member in members.items()}
    buffer = io.BytesIO()
    with warnings.catch_warnings(), zipfile.ZipFile(buffer, "w", compression) as file:
        warnings.simplefilter("ignore")  # that there are two of one name
        for name, member in content.items():
            if member is not None:
                file.writestr(name.removesuffix("*"), member)
    return buffer.getvalue()


class TestNames:
    def test_counted(self):
        tensors = load_weights(weights(two_layers)).tensors
        assert list(tensors) == ["conv2d/kernel", "conv2d_1/kernel", "conv2d_1/bias"]
        assert np.array_equal(tensors["conv2d_1/kernel"], KERNEL + 1)

    def test_from_the_configuration(self):
        content = keras3.load_archive(archive(**{"assets/words.txt": b""}))
        assert list(content.tensors) == ["stem_conv/kernel", "top_conv/kernel", "top_conv/bias"]
        assert (content.version, content.model.name) == ("3.0.0", "model")

    def test_beside_the_variables(self):
        """Whatever the order of the layers."""

        def fill(file):
            two_layers(file)
            file["layers/conv2d/vars"].attrs["name"] = "top_conv"
            file["layers/conv2d_1/vars"].attrs["name"] = "stem_conv"

        for content in (
            load_weights(weights(fill)),
            keras3.load_archive(archive(model__weights__h5=weights(fill))),
        ):
            assert list(content.tensors) == ["top_conv/kernel", "stem_conv/kernel", "stem_conv/bias"]

    def test_of_a_model_in_a_model(self):
        def fill(file):
            file["layers/functional/layers/conv2d/vars/0"] = KERNEL
            file["layers/dense/vars/1"] = KERNEL[0]
            file["backbone/layers/depthwise_conv2d/vars/0"] = KERNEL

        assert sorted(load_weights(weights(fill)).tensors) == [
            "conv2d/kernel",
            "dense/bias",
            "depthwise_conv2d/kernel",
        ]
        inner = Layer("net", "Functional", {}, (Layer("a", "Conv2D", {}), Layer("b", "DepthwiseConv2D", {})))
        model = Layer("m", "Functional", {}, (Layer("c", "Dense", {}), inner, Layer("d", "BatchNormalization", {})))
        assert {group: layer.name for group, _, layer in placement.groups(model)} == {
            "layers/dense": "c",
            "layers/functional": "net",
            "layers/functional/layers/conv2d": "a",
            "layers/functional/layers/depthwise_conv2d": "b",
            "layers/batch_normalization": "d",
        }

    def test_of_what_no_efficientnet_has(self):
        def fill(file):
            file["layers/lstm/vars/0"] = KERNEL
            file["layers/conv2d/vars/2"] = KERNEL
            file["layers/conv2d/vars/scale"] = KERNEL

        assert sorted(load_weights(weights(fill)).tensors) == ["conv2d/2", "conv2d/scale", "lstm/0"]

    def test_of_the_training(self):
        """A compiled model of Keras 2 has metrics; a layer may be called so."""

        def fill(file):
            for path in ("metrics/mean", "optimizer", "layers/metrics"):
                file[f"{path}/vars/0"] = KERNEL

        assert list(load_weights(weights(fill)).tensors) == ["metrics/0"]


def circle(file: h5py.File) -> None:
    file.create_group("layers")["again"] = file["/"]


def linked(link: object) -> Callable[[h5py.File], None]:
    def fill(file):
        file.create_group("layers")["conv2d"] = link

    return fill


def twice(file: h5py.File) -> None:
    two_layers(file)
    for layer in ("conv2d", "conv2d_1"):
        file[f"layers/{layer}/vars"].attrs["name"] = "same"


def two_names(file: h5py.File) -> None:
    two_layers(file)
    file["layers/conv2d/vars"].attrs["name"] = ["a", "b"]


def shared(file: h5py.File) -> None:
    two_layers(file)
    file["layers/conv2d_2"] = file["layers/conv2d"]


@pytest.mark.parametrize(
    ("fill", "message"),
    [
        (circle, "lies deeper than 16 groups"),
        (linked(h5py.ExternalLink("/etc/passwd", "/x")), "'conv2d' is not a hard link"),
        (linked(h5py.SoftLink("/layers")), "'conv2d' is not a hard link"),
        (linked(np.zeros(3)), "conv2d is not a group"),
        (linked(np.dtype("<f4")), "conv2d is not a group"),
        (lambda file: file.create_group("layers/conv2d/vars/0"), "0 is not a dataset"),
        (lambda file: [file.create_group(f"layers/{i}") for i in range(8200)], "a group of 8192 links or more"),
        (twice, "two variables are called 'same/kernel'"),
        (two_names, "an attribute is not a list of at most 1 texts of 1024 bytes"),
        (shared, "share their bytes"),
    ],
)
def test_weights_that_are_not_laid_out_so(fill, message):
    with pytest.raises(CheckpointError, match=message):
        load_weights(weights(fill))


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (archive(compression=zipfile.ZIP_DEFLATED), "is compressed; PyTorch and Keras store members as they are"),
        (archive(model__weights__h5=None), r"missing \['model.weights.h5'\], unknown \[\]"),
        (archive(metadata__json=None), r"missing \['metadata.json'\]"),
        (archive(model__weights__npz=b"x"), r"unknown \['model.weights.npz'\]"),
        (archive(**{"../../evil": b"x"}), r"unknown \['\.\./\.\./evil'\]"),
        (archive(**{"config__json*": b"{}"}), "two members of one name"),
        (archive(model__weights__h5=b"PK"), "not an HDF5 file"),
        (archive(config__json=b"not JSON"), "the model's configuration is not JSON"),
        (archive(metadata__json=b"["), r"metadata\.json is not JSON"),
        (archive(config={"class_name": "Lambda"}), "does not describe layers as Keras does"),
        (archive()[:-9], "not a zip archive that can be read"),
    ],
)
def test_archives_that_are_none(data, message):
    with pytest.raises(CheckpointError, match=message):
        keras3.load_archive(data)


def test_a_changed_byte_of_the_weights_is_noticed():
    data = bytearray(archive())
    data[data.index(KERNEL.tobytes()[4:])] ^= 1
    with pytest.raises(CheckpointError, match=r"member 'model\.weights\.h5' is damaged: its checksum disagrees"):
        keras3.load_archive(bytes(data))

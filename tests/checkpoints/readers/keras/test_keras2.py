"""The layout of Keras 2's files in all its spellings, and files that abuse it."""

import io
from collections.abc import Callable

import h5py
import numpy as np
import pytest

from refnet.checkpoints.readers.keras import hdf5_tree, keras2
from refnet.checkpoints.readers.keras.keras_content import Content
from refnet.errors import CheckpointError

KERNEL = np.arange(12, dtype=np.float32).reshape(2, 2, 1, 3)


def write(fill: Callable[[h5py.File], None]) -> bytes:
    buffer = io.BytesIO()
    with h5py.File(buffer, "w") as file:
        fill(file)
    return buffer.getvalue()


def load(data: bytes) -> Content:
    return hdf5_tree.parse(data, keras2.read)


def add_layer(top: h5py.Group, layer: str, variables: dict[str, np.ndarray]) -> None:
    group = top.create_group(layer)
    group.attrs["weight_names"] = np.array([name.encode() for name in variables])
    for name, array in variables.items():
        group[name] = array


def simple(file: h5py.File) -> None:
    file.attrs["layer_names"] = np.array([b"input", b"stem_conv"])
    add_layer(file, "input", {})
    add_layer(file, "stem_conv", {"stem_conv/kernel:0": KERNEL})


class TestSpellings:
    @pytest.mark.parametrize(
        "names",
        [
            np.array([b"input", b"stem_conv"]),
            [b"input", b"stem_conv"],
            ["input", "stem_conv"],
            np.array([b"input\0\0\0", b"stem_conv"], "S40"),
        ],
        ids=["fixed", "variable", "variable UTF-8", "padded"],
    )
    def test_of_names(self, names):
        def fill(file):
            simple(file)
            file.attrs["layer_names"] = names

        tensors = load(write(fill)).tensors
        assert list(tensors) == ["stem_conv/kernel"]
        assert np.array_equal(tensors["stem_conv/kernel"], KERNEL)

    def test_lists_too_long_for_one_attribute(self):
        layers = [f"layer_{i:04d}_{'x' * 50}" for i in range(2000)]

        def fill(file):
            for part, names in enumerate(np.array_split(np.array([name.encode() for name in layers]), 3)):
                file.attrs[f"layer_names{part}"] = names
            for layer in layers[:-1]:
                file.create_group(layer).attrs["weight_names"] = np.zeros(0)
            add_layer(file, layers[-1], {"kernel:0": KERNEL})

        assert list(load(write(fill)).tensors) == [f"{layers[-1]}/kernel"]

    @pytest.mark.parametrize(
        ("path", "name"),
        [
            ("block1a_dwconv/depthwise_kernel:0", "block1a_dwconv/depthwise_kernel"),
            ("depthwise_kernel:0", "block1a_dwconv/depthwise_kernel"),
            ("block1a_dwconv_1/kernel", "block1a_dwconv/kernel"),
            ("a/b/c/moving_mean:12", "block1a_dwconv/moving_mean"),
        ],
    )
    def test_of_variables(self, path, name):
        def fill(file):
            file.attrs["layer_names"] = np.array([b"block1a_dwconv"])
            add_layer(file, "block1a_dwconv", {path: KERNEL})

        assert list(load(write(fill)).tensors) == [name]

    def test_a_model_in_a_model(self):
        def fill(file):
            top = file.create_group("model_weights")
            top.attrs["layer_names"] = np.array([b"net", b"predictions"])
            add_layer(top, "net", {"stem_conv/kernel:0": KERNEL, "net/stem_bn/gamma:0": KERNEL[0]})
            add_layer(top, "predictions", {"predictions/bias:0": KERNEL[1]})
            file.create_group("optimizer_weights").attrs["weight_names"] = 3

        assert list(load(write(fill)).tensors) == ["stem_conv/kernel", "stem_bn/gamma", "predictions/bias"]


def renamed(layers: object = None, variables: object = None) -> Callable[[h5py.File], None]:
    def fill(file):
        simple(file)
        if layers is not None:
            file.attrs["layer_names"] = layers
        if variables is not None:
            file["stem_conv"].attrs["weight_names"] = variables

    return fill


def without_names(file: h5py.File) -> None:
    simple(file)
    del file["input"].attrs["weight_names"]


@pytest.mark.parametrize(
    ("fill", "message"),
    [
        (lambda file: None, "attribute layer_names is missing"),
        (renamed(layers=7), "not a list of at most 8192 texts"),
        (renamed(layers=np.zeros((2, 2), "S3")), "not a list"),
        (renamed(layers=np.zeros(9000, "S1")), "not a list of at most 8192 texts"),
        (renamed(layers=np.array([b"x" * 1025])), "texts of 1024 bytes"),
        (renamed(layers=["x" * 1025]), "a text of 1025 bytes is not where the file says, or longer than 1024"),
        (renamed(layers=np.array([b"\xff"])), "a text is not UTF-8"),
        (renamed(layers=[b"stem_conv"] * 2), r"two variables are called 'stem_conv/kernel'"),
        (renamed(layers=[b"absent"]), "'absent' is missing"),
        (renamed(layers=[b"/"]), "'/' is missing"),
        (renamed(layers=[b"."]), r"'\.' is missing"),
        (renamed(layers=[b"../x"]), r"'\.\./x' is missing"),
        (renamed(layers=[b"stem_conv/stem_conv/kernel:0"]), "kernel:0 is not a group"),
        (renamed(variables=[b"stem_conv"]), "stem_conv is not a dataset"),
        (renamed(variables=[b"stem_conv/kernel:0", b"stem_conv/kernel:0"]), "two variables are called"),
        (renamed(variables=[b"/stem_conv/kernel:0"]), "'/stem_conv' is missing"),
        (without_names, "attribute weight_names of 'input' is missing"),
    ],
)
def test_what_is_not_laid_out_so(fill, message):
    with pytest.raises(CheckpointError, match=message):
        load(write(fill))

"""Models by Keras 2, KerasHub and PyPI's efficientnet (``tools/make_keras_program_fixtures.py``)."""

import io
import zipfile

import h5py
import numpy as np
import pytest
from helpers.keras_programs import TOLERANCE, difference, found_in, ours
from helpers.places import DATA

from refnet.architecture.top import Top, TopLayer
from refnet.checkpoints.graph.keras.build import from_keras
from refnet.checkpoints.readers.keras import keras_file
from refnet.errors import CheckpointError

FOLDER = DATA / "keras_programs"
FILES = {
    "tutorial.h5": (Top(layers=(TopLayer("batch_norm", eps=1e-3),)), "same", 1e-3),
    "operations.h5": (Top(output="sigmoid"), "same", 1e-3),
    "max.keras": (Top("max"), "same", 1e-3),
    "hub.keras": (Top(), "symmetric", 1e-5),
    "package.h5": (Top(), "same", 1e-3),
}


@pytest.mark.parametrize("file", FILES)
def test_as_their_software_answers(file):
    program = from_keras(keras_file.read(FOLDER / file))
    found = found_in(program)
    assert (found.architecture.name, found.architecture.resolution) == ("small", 32)
    assert (found.architecture.top, found.padding, found.bn_eps) == FILES[file]
    scale = np.float64 if file == "hub.keras" else np.float32  # Keras 2 rounds it
    with np.load(FOLDER / "expected.npz") as expected:
        assert difference(ours(program, found, expected["pixels"], scale), expected[file]) < TOLERANCE


def without_names(data: bytes) -> bytes:
    """The same archive as older versions of Keras write it, where variables have no layer's name beside them."""
    result = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(data)) as archive, zipfile.ZipFile(result, "w") as written:
        for name in archive.namelist():
            content = archive.read(name)
            if name.endswith(".h5"):
                weights = io.BytesIO(content)
                with h5py.File(weights, "r+") as file:
                    file.visititems(lambda _, group: group.attrs.pop("name", None) and None)
                content = weights.getvalue()
            written.writestr(name, content)
    return result.getvalue()


@pytest.mark.parametrize("file", ["hub.keras", "max.keras"])
def test_names_beside_variables_are_not_needed(file):
    data = (FOLDER / file).read_bytes()
    named, nameless = (found_in(from_keras(keras_file.load(each))) for each in (data, without_names(data)))
    assert named.sources == nameless.sources
    assert all(array.tobytes() == nameless.tensors[key].tobytes() for key, array in named.tensors.items())


def test_what_is_told_of_kerashub():
    told = from_keras(keras_file.read(FOLDER / "hub.keras")).told
    assert told == ("its preprocessor resizes pictures by bilinear, in its own way; here the recipe says how",)


@pytest.mark.parametrize(
    ("before", "after", "reason"),
    [
        ('"stackwise_block_types": ["v1",', '"stackwise_block_types": ["fused",', "keras_hub>EfficientNetBackbone"),
        ('"stackwise_kernel_sizes": [3, 3,', '"stackwise_kernel_sizes": [3, 5,', "block2a_dwconv'.*kernel_size"),
        ('"stackwise_strides": [1, 2,', '"stackwise_strides": [1, 1,', "stride"),
        ('"projection_activation": null', '"projection_activation": "swish"', "activation"),
        ('"include_stem_padding": true', '"include_stem_padding": false', "pads"),
        ('"stem_conv_padding": "valid"', '"stem_conv_padding": "same"', "cannot stand there|pads"),
        ('"depth_divisor": 8', '"depth_divisor": 4', "stem_conv'.*filters"),
        ('"activation": "swish"', '"activation": "gelu"', "gelu"),
        ('"module": "keras_hub.src.models.efficientnet.efficientnet_backbone"', '"module": "mine"', "of its author"),
        ('"pooling": "avg"', '"pooling": "both"', "of its author"),
    ],
)
def test_other_lists_are_refused(before, after, reason):
    with pytest.raises(CheckpointError, match=reason):
        found_in(from_keras(keras_file.load(changed(before, after))))


@pytest.mark.parametrize(
    ("before", "after", "top"),
    [
        ('"pooling": "avg"', '"pooling": "max"', Top("max")),
        ('"activation": "softmax"', '"activation": null', Top(output="none")),
    ],
)
def test_other_tops(before, after, top):
    assert found_in(from_keras(keras_file.load(changed(before, after)))).architecture.top == top


def test_one_coefficient_for_all_stages():
    """As keras-hub 0.18 writes it."""
    data = (FOLDER / "hub.keras").read_bytes()
    for what, number in (("width", 0.02), ("depth", 0.25)):
        each = ", ".join([str(number)] * 7)
        data = changed(f'"stackwise_{what}_coefficients": [{each}]', f'"{what}_coefficient": {number}', data)
    old, new = (found_in(from_keras(keras_file.load(each))) for each in (data, (FOLDER / "hub.keras").read_bytes()))
    assert (old.sources, old.architecture) == (new.sources, new.architecture)


def changed(before: str, after: str, data: bytes | None = None) -> bytes:
    """KerasHub's file with another configuration."""
    result = io.BytesIO()
    before_it = io.BytesIO(data or (FOLDER / "hub.keras").read_bytes())
    with zipfile.ZipFile(before_it) as archive, zipfile.ZipFile(result, "w") as written:
        for name in archive.namelist():
            content = archive.read(name)
            if name == "config.json":
                assert before.encode() in content
                content = content.replace(before.encode(), after.encode(), 1)
            written.writestr(name, content)
    return result.getvalue()

"""Files written by Keras (tools/make_keras_fixtures.py): told apart, read as Keras reads them, damaged ones refused."""

import io
import shutil
import zipfile

import numpy as np
import pytest
import torch
from helpers.places import DATA
from hypothesis import given, settings
from hypothesis import strategies as st

from refnet.checkpoints.naming import keras
from refnet.checkpoints.readers.keras import hdf5_tree, keras2, keras3, keras_file
from refnet.errors import CheckpointError
from refnet.weights.paths import find

FOLDER = DATA / "keras"
FILES = ("weights.h5", "notop.h5", "model.h5", "keras3.keras", "keras3.weights.h5", "nested.h5", "keras2.keras")
DATA = {file: (FOLDER / file).read_bytes() for file in FILES}
NORMALIZATION = ("normalization/mean", "normalization/variance", "normalization/count")


@pytest.fixture(scope="module")
def variables() -> dict[str, np.ndarray]:
    """What Keras says of the network that is in all files."""
    with np.load(FOLDER / "expected.npz") as file:
        return keras.rename({name.replace("|", "/"): file[name] for name in file.files if "|" in name})


class TestAgainstKeras:
    @pytest.mark.parametrize("file", FILES)
    def test_every_tensor_has_the_same_bytes(self, file, variables):
        tensors = keras.rename(keras_file.load(DATA[file]).tensors)
        expected = {name: array for name, array in variables.items() if "notop" not in file or "predic" not in name}
        assert len(expected) == (157 if file == "notop.h5" else 159)
        assert tensors.keys() == {*expected, *NORMALIZATION}
        for name, array in expected.items():
            assert (tensors[name].shape, tensors[name].dtype) == (array.shape, np.float32)
            assert tensors[name].tobytes() == array.tobytes()
            assert tensors[name].flags.c_contiguous

    def test_the_normalization(self):
        found = {file: [keras_file.load(DATA[file]).tensors[name] for name in NORMALIZATION] for file in FILES}
        assert all(count.shape == () and count.dtype == np.int64 for _, _, count in found.values())
        numbers = {file: np.float32([mean, variance]).tolist() for file, (mean, variance, _) in found.items()}
        published = np.float32([[0.485, 0.456, 0.406], [0.229, 0.224, 0.225]]).tolist()
        assert all(numbers[file] == published for file in FILES[:4])
        assert numbers["nested.h5"] == np.float32([[0.5, 0.4, 0.3], [0.08, 0.07, 0.06]]).tolist()
        assert numbers["keras2.keras"] == [[0, 0, 0], [1, 1, 1]]

    def test_what_else_they_say(self):
        found = {file: keras_file.load(data) for file, data in DATA.items()}
        assert [content.version for content in found.values()] == [
            "2.21.0",
            "2.21.0",
            "2.21.0",
            "3.15.1",
            "",
            "3.15.1",
            "2.21.0",
        ]
        assert [file for file in FILES if found[file].model is None] == ["weights.h5", "notop.h5", "keras3.weights.h5"]
        before_stem = ["InputLayer", "Rescaling", "Normalization", "TFOpLambda", "ZeroPadding2D", "Conv2D"]
        assert [layer.kind for layer in found["model.h5"].model.flat()][:6] == before_stem
        outer = [(layer.kind, layer.name) for layer in found["nested.h5"].model.inside]
        assert outer[1:] == [("Functional", "efficientnet"), ("Dense", "predictions")]

    def test_a_file_without_names_has_counted_layers(self):
        """The names in a .keras of Keras 2 come from its configuration; the weights alone have none."""
        with zipfile.ZipFile(io.BytesIO(DATA["keras2.keras"])) as archive:
            content = keras_file.load(archive.read("model.weights.h5"))
        assert {
            "conv2d/kernel",
            "conv2d_29/kernel",
            "depthwise_conv2d_7/kernel",
            "dense/bias",
        } <= content.tensors.keys()
        assert {"batch_normalization_24/moving_variance", *NORMALIZATION} <= content.tensors.keys()
        assert len(content.tensors) == 162


class TestRecognition:
    @pytest.mark.parametrize("file", FILES)
    def test_by_content_not_by_name(self, file, tmp_path):
        shutil.copy(FOLDER / file, tmp_path / "x")
        assert keras_file.is_keras_file(io.BytesIO(DATA[file]))
        assert keras_file.read(tmp_path / "x").tensors.keys() == keras_file.load(DATA[file]).tensors.keys()

    @pytest.mark.parametrize("read", [keras2.read, keras3.read])
    def test_the_readers_by_themselves(self, read):
        own = "weights.h5" if read is keras2.read else "keras3.weights.h5"
        assert len(hdf5_tree.parse(DATA[own], read).tensors) == 162
        with pytest.raises(CheckpointError, match="does not begin like one"):
            hdf5_tree.parse(DATA["keras3.keras"], read)

    def test_the_reader_of_archives_by_itself(self):
        assert len(keras3.load_archive(DATA["keras3.keras"]).tensors) == 162
        with pytest.raises(CheckpointError, match="attribute layer_names is missing"):
            hdf5_tree.parse(DATA["keras3.weights.h5"], keras2.read)

    def test_refnets_own(self):
        data = find("lite0").read_bytes()
        assert keras_file.is_keras_file(io.BytesIO(data))
        with pytest.raises(CheckpointError, match="a weight file of refnet already; it needs no conversion"):
            keras_file.load(data)

    def test_pytorchs(self):
        buffer = io.BytesIO()
        torch.save({"x": torch.zeros(1)}, buffer)
        assert not keras_file.is_keras_file(io.BytesIO(buffer.getvalue()))
        with pytest.raises(CheckpointError, match=r"not a \.keras file: missing \['model\.weights\.h5'"):
            keras_file.load(buffer.getvalue())

    @pytest.mark.parametrize("data", [b"", b"\x89HDF", b"{}", bytes(512) + DATA["weights.h5"]])
    def test_strangers(self, data):
        assert not keras_file.is_keras_file(io.BytesIO(data))
        with pytest.raises(CheckpointError, match="not an HDF5 file, or cut short: it does not begin like one"):
            keras_file.load(data)

    def test_errors_name_the_file(self, tmp_path):
        (tmp_path / "x.h5").write_bytes(DATA["weights.h5"][:1000])
        with pytest.raises(CheckpointError, match=r"x\.h5: cannot be read as HDF5, cut short or damaged: .*truncated"):
            keras_file.read(tmp_path / "x.h5")


@settings(max_examples=150)
@given(
    st.sampled_from(FILES),
    st.lists(st.tuples(st.floats(0, 1, exclude_max=True), st.integers(0, 255)), min_size=1, max_size=20),
    st.floats(0, 1),
)
def test_damaged_anywhere(file, changes, kept):
    """Refused, or with tensors that fit into the file."""
    damaged = bytearray(DATA[file])
    for place, value in changes:
        damaged[int(place**2 * len(damaged))] = value  # mostly near the start, where the structure is
    data = bytes(damaged[: int(len(damaged) * kept**0.1)])
    try:
        tensors = keras_file.load(data).tensors
    except CheckpointError:
        return
    assert sum(array.nbytes for array in tensors.values()) < len(data)

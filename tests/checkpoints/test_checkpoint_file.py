"""Formats are told by the first bytes, whatever a file is called; what is none is said."""

import gzip
import hashlib
import json
import shutil
import struct
import tarfile
from pathlib import Path

import h5py
import numpy as np
import pytest
import safetensors.numpy
import torch
from helpers.places import DATA, ROOT

from refnet.architecture.variants import variant
from refnet.checkpoints import checkpoint_file
from refnet.checkpoints.names_and_shapes import variant_by_shapes
from refnet.checkpoints.publishers import PUBLISHERS
from refnet.checkpoints.readers.keras import keras_file
from refnet.errors import CheckpointError
from refnet.files import zip_archive

STATE = {"fc.weight": np.ones((2, 3), np.float32)}


def torch_save(path, **options):
    torch.save({name: torch.from_numpy(array) for name, array in STATE.items()}, path, **options)


WRITERS = {
    "PyTorch zip": torch_save,
    "PyTorch legacy": lambda path: torch_save(path, _use_new_zipfile_serialization=False),
    "safetensors": lambda path: safetensors.numpy.save_file(STATE, path),
}


@pytest.mark.parametrize("kind", WRITERS)
def test_by_first_bytes(kind, tmp_path):
    path = tmp_path / "weights.download"
    WRITERS[kind](path)
    name, found = checkpoint_file.read(path)
    assert name == kind.split()[0]
    assert found.state.tensors["fc.weight"].tobytes() == STATE["fc.weight"].tobytes()
    assert (found.normalise, found.exported) == (None, None)


@pytest.mark.parametrize("low", range(256))
def test_safetensors_begin_with_any_byte(low, tmp_path):
    """The low byte of the header's length; JSON may end with blanks."""
    header = json.dumps({"x": {"dtype": "F32", "shape": [1], "data_offsets": [0, 4]}}).encode()
    header = header.ljust(256 + low)
    (tmp_path / "x.pth").write_bytes(struct.pack("<Q", len(header)) + header + bytes(4))
    assert checkpoint_file.read(tmp_path / "x.pth")[0] == "safetensors"


@pytest.mark.parametrize("name", ["weights.h5", "model.h5", "keras3.weights.h5", "keras3.keras", "keras2.keras"])
def test_keras(name):
    path = DATA / "keras" / name
    kind, found = checkpoint_file.read(path)
    assert kind == "Keras"
    assert {"stem_conv/kernel", "predictions/bias"} <= found.state.tensors.keys()
    if name in ("weights.h5", "keras3.weights.h5"):
        assert [operation for operation, _ in found.normalise][:3] == ["multiply", "subtract", "divide"]
        assert found.program is None
    else:
        assert found.program.graph.outputs == ("predictions",)


@pytest.mark.parametrize("inside", ["", "efficientnetb0"], ids=["functional", "nested"])
def test_a_fine_tuned_keras(inside, tmp_path):
    """Its classifier has a name of its own, its network may be one layer."""
    keras = PUBLISHERS["keras"]
    layers: dict[str, list[str]] = {}
    with h5py.File(tmp_path / "mine.h5", "w") as file:
        for name, shape in keras.shapes(variant("b0", classes=7)).items():
            name = name.replace("predictions", "dense_3")
            layer = name.partition("/")[0] if "dense_3" in name else inside or name.partition("/")[0]
            layers.setdefault(layer, []).append(f"{name}:0".encode())
            file[f"{layer}/{name}:0"] = np.zeros(shape, np.float32)
        file.attrs["layer_names"] = np.array([layer.encode() for layer in layers])
        for layer, names in layers.items():
            file[layer].attrs["weight_names"] = np.array(names)
    tensors = checkpoint_file.read(tmp_path / "mine.h5")[1].state.tensors
    found = variant_by_shapes({name: array.shape for name, array in tensors.items()}, keras)
    assert (found.name, found.classes) == ("b0", 7)


class TestTensorflow:
    def test_an_archive(self):
        kind, found = checkpoint_file.read(DATA / "families" / "tf.tar.gz")
        assert (kind, found.state.averaging) == ("TensorFlow", "ema")

    @pytest.fixture
    def unpacked(self, tmp_path):
        with tarfile.open(DATA / "families" / "tf.tar.gz") as archive:
            for member in filter(tarfile.TarInfo.isfile, archive):
                (tmp_path / Path(member.name).name).write_bytes(archive.extractfile(member).read())
        (index,) = tmp_path.rglob("*.index")
        return index

    def test_several_files_by_any_of_their_names(self, unpacked):
        wanted = checkpoint_file.read(DATA / "families" / "tf.tar.gz")[1].state.tensors
        for path in (unpacked, unpacked.with_suffix(""), unpacked.parent):
            found = checkpoint_file.read(path)[1].state.tensors
            assert {name: array.tobytes() for name, array in found.items()} == {
                name: array.tobytes() for name, array in wanted.items()
            }

    def test_their_fingerprint_is_that_of_the_index(self, unpacked):
        for path in (unpacked, unpacked.with_suffix(""), unpacked.parent):
            assert checkpoint_file.fingerprint(path).sha256 == hashlib.sha256(unpacked.read_bytes()).hexdigest()

    def test_a_folder_of_two(self, unpacked):
        shutil.copy(unpacked, unpacked.with_name("other.index"))
        with pytest.raises(CheckpointError, match=r"a folder with one \.index file is wanted, found \['"):
            checkpoint_file.read(unpacked.parent)


def test_a_zip_is_told_by_its_directory_alone(tmp_path, monkeypatch):
    """What is 4 GB large is not read twice."""
    shutil.copy(DATA / "keras" / "keras3.keras", tmp_path / "x")
    with (tmp_path / "x").open("rb") as file:
        taken = []
        monkeypatch.setattr(
            zip_archive.Guarded, "read", lambda self, size=-1: taken.append(file.read(size)) or taken[-1]
        )
        assert keras_file.is_keras_file(file)
    assert sum(map(len, taken)) < 1 << 10 < (tmp_path / "x").stat().st_size


def test_fingerprint(tmp_path):
    (tmp_path / "a.pth").write_bytes(b"abc")
    found = checkpoint_file.fingerprint(tmp_path / "a.pth")
    assert (found.name, found.bytes) == ("a.pth", 3)
    assert found.sha256 == "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
    assert found.md5 is None


def test_a_name_that_no_weight_file_may_state(tmp_path):
    (tmp_path / "a\nb\x1b.pth").touch()
    assert checkpoint_file.fingerprint(tmp_path / "a\nb\x1b.pth").name == "a\\nb\\x1b.pth"


def test_fingerprint_of_keras():
    path = DATA / "keras" / "weights.h5"
    assert checkpoint_file.fingerprint(path).md5 == hashlib.md5(path.read_bytes()).hexdigest()


class TestWrong:
    @pytest.mark.parametrize(
        ("content", "text"),
        [
            (b"", "in no format that is known here"),
            (
                b"hello, world",
                "in no format that is known here (safetensors, TensorFlow Lite, Keras, NumPy, PyTorch, TensorFlow, "
                "ONNX)",
            ),
            (b"version https://git-lfs.github.com/spec/v1\noid sha256:00", "a pointer of Git LFS, not the file itself"),
            (b"<!DOCTYPE html><title>Not found", "a web page; download the file itself"),
            (b"\x89HDF\r\n\x1a\n" + bytes(100), "HDF5"),
            (b"PK\x03\x04" + bytes(100), "zip"),
            (b"\x80\x02" + bytes(100), "opcode"),
            (gzip.compress(b"no tar"), "gzip of something that is no tar archive"),
            (b"\xff" * 8 + b"{}", "header"),
        ],
    )
    def test_content(self, content, text, tmp_path):
        path = tmp_path / "a.pth"
        path.write_bytes(content)
        with pytest.raises(CheckpointError) as caught:
            checkpoint_file.read(path)
        assert str(caught.value).startswith(f"{path}: ")
        assert str(caught.value).count(str(path)) == 1
        assert text in str(caught.value)

    def test_no_file(self, tmp_path):
        with pytest.raises(CheckpointError, match=r"a\.pth does not exist"):
            checkpoint_file.read(tmp_path / "a.pth")

    @pytest.mark.parametrize("read", [checkpoint_file.read, checkpoint_file.fingerprint])
    @pytest.mark.parametrize("name", ["x" * 300, "x" * 255])
    def test_a_name_too_long(self, read, name, tmp_path):
        with pytest.raises(CheckpointError) as caught:
            read(tmp_path / name)
        assert str(caught.value) == f"{tmp_path / name}: File name too long"

    @pytest.mark.parametrize("method", ["is_dir", "iterdir"])
    def test_a_folder_that_may_not_be_read(self, method, tmp_path, monkeypatch):
        def denied(path):
            raise PermissionError(13, "Permission denied", str(path))

        monkeypatch.setattr(Path, method, denied)
        with pytest.raises(CheckpointError) as caught:
            checkpoint_file.read(tmp_path)
        assert str(caught.value) == f"{tmp_path}: Permission denied"

    def test_a_weight_file_of_ours(self):
        with pytest.raises(CheckpointError, match="a weight file of refnet already; it needs no conversion"):
            checkpoint_file.read(ROOT / "weights" / "lite0.h5")

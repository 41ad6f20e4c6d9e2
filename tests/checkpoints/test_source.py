"""Formats are told by the first bytes, whatever a file is called; what is none is said."""

import gzip
import hashlib
import shutil
from pathlib import Path

import numpy as np
import pytest
import safetensors.numpy
import torch

from refnet.checkpoints import source
from refnet.errors import CheckpointError

DATA = Path(__file__).parents[1] / "data"
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
    name, found = source.read(path)
    assert name == kind.split()[0]
    assert found.state.tensors["fc.weight"].tobytes() == STATE["fc.weight"].tobytes()
    assert (found.normalise, found.exported) == (None, None)


@pytest.mark.parametrize("name", ["weights.h5", "model.h5", "keras3.weights.h5", "keras3.keras", "keras2.keras"])
def test_keras(name):
    path = DATA / "keras" / name
    kind, found = source.read(path)
    assert kind == "Keras"
    assert {"stem_conv/kernel", "predictions/bias"} <= found.state.tensors.keys()
    assert [operation for operation, _ in found.normalise][:3] == ["multiply", "subtract", "divide"]


class TestTensorflow:
    def test_an_archive(self):
        kind, found = source.read(DATA / "families" / "tf.tar.gz")
        assert (kind, found.state.averaging) == ("TensorFlow", "ema")

    @pytest.fixture
    def unpacked(self, tmp_path):
        shutil.unpack_archive(DATA / "families" / "tf.tar.gz", tmp_path, filter="data")
        (index,) = tmp_path.rglob("*.index")
        return index

    def test_several_files_by_any_of_their_names(self, unpacked):
        wanted = source.read(DATA / "families" / "tf.tar.gz")[1].state.tensors
        for path in (unpacked, unpacked.with_suffix(""), unpacked.parent):
            found = source.read(path)[1].state.tensors
            assert {name: array.tobytes() for name, array in found.items()} == {
                name: array.tobytes() for name, array in wanted.items()
            }

    def test_their_fingerprint_is_that_of_the_index(self, unpacked):
        for path in (unpacked, unpacked.with_suffix(""), unpacked.parent):
            assert source.fingerprint(path).sha256 == hashlib.sha256(unpacked.read_bytes()).hexdigest()

    def test_a_folder_of_two(self, unpacked):
        shutil.copy(unpacked, unpacked.with_name("other.index"))
        with pytest.raises(CheckpointError, match=r"a folder with one \.index file is wanted, found \['"):
            source.read(unpacked.parent)


def test_fingerprint(tmp_path):
    (tmp_path / "a.pth").write_bytes(b"abc")
    found = source.fingerprint(tmp_path / "a.pth")
    assert (found.name, found.bytes) == ("a.pth", 3)
    assert found.sha256 == "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
    assert found.md5 == "900150983cd24fb0d6963f7d28e17f72"


class TestWrong:
    @pytest.mark.parametrize(
        ("content", "text"),
        [
            (b"", "in no format that is known here"),
            (b"hello, world", "in no format that is known here (Keras, PyTorch, TensorFlow, safetensors, ONNX)"),
            (b"version https://git-lfs.github.com/spec/v1\noid sha256:00", "a pointer of Git LFS, not the file itself"),
            (b"<!DOCTYPE html><title>Not found", "a web page; download the file itself"),
            (b"\x89HDF\r\n\x1a\n" + bytes(100), "HDF5"),
            (b"PK\x03\x04" + bytes(100), "zip"),
            (b"\x80\x02" + bytes(100), "opcode"),
            (gzip.compress(b"no tar"), "bytes 0 to 512 are outside"),
            (b"\xff" * 8 + b"{}", "header"),
        ],
    )
    def test_content(self, content, text, tmp_path):
        path = tmp_path / "a.pth"
        path.write_bytes(content)
        with pytest.raises(CheckpointError) as caught:
            source.read(path)
        assert str(caught.value).startswith(f"{path}: ")
        assert str(caught.value).count(str(path)) == 1
        assert text in str(caught.value)

    def test_no_file(self, tmp_path):
        with pytest.raises(CheckpointError, match=r"a\.pth does not exist"):
            source.read(tmp_path / "a.pth")

    def test_a_weight_file_of_ours(self):
        with pytest.raises(CheckpointError, match="a weight file of refnet already; it needs no conversion"):
            source.read(Path(__file__).parents[2] / "weights" / "lite0.h5")

"""Which files a checkpoint is made of, and whether one of them changed."""

from pathlib import Path

import h5py
import pytest

from refnet.errors import CheckpointError
from refnet.hub import source_files
from refnet.hub.source_files import content_of, is_foreign, state_of
from refnet.weights.paths import find

OURS = find("lite0")


@pytest.mark.parametrize(
    ("name", "content", "foreign"),
    [
        ("a.pth", b"\x80\x02", True),
        ("a.keras", b"PK\x03\x04", True),
        ("a.anything", b"???", True),
        ("a.h5", b"version https://git-lfs.github.com/spec/v1", True),
        ("a.h5", b"<!DOCTYPE html>", True),
        ("a.h5", b"\x80\x02", True),  # of PyTorch under another name
        ("a.h5", b"???", False),  # a damaged weight file, for all one knows
        ("a.h5", b"", False),
    ],
)
def test_by_what_is_in_it(tmp_path, name, content, foreign):
    path = tmp_path / name
    path.write_bytes(content)
    assert is_foreign(path) is foreign


def test_a_file_of_keras_is_none_of_ours(tmp_path):
    with h5py.File(tmp_path / "a.h5", "w") as file:
        file.create_group("model_weights")
    assert is_foreign(tmp_path / "a.h5")


def test_a_damaged_weight_file_is_still_ours(tmp_path):
    path = tmp_path / "a.h5"
    path.write_bytes(OURS.read_bytes()[:5000])
    assert not is_foreign(path)


def test_ours_under_any_name(tmp_path):
    path = tmp_path / "mine"
    path.write_bytes(OURS.read_bytes())
    assert not is_foreign(path)


def test_folders_and_prefixes(tmp_path):
    (tmp_path / "model.ckpt.index").write_bytes(b"")
    assert is_foreign(tmp_path)
    assert is_foreign(tmp_path / "model.ckpt")
    assert not is_foreign(tmp_path / "other.ckpt")
    assert not is_foreign(Path("nul\0"))


def change(path):
    path.write_bytes(path.read_bytes() + b"x")


@pytest.mark.parametrize(
    ("named", "parts", "others"),
    [
        ("a.pth", ["a.pth"], ["b.pth"]),
        ("a.safetensors", ["a.safetensors", "config.json"], ["b.json"]),
        ("m.ckpt", ["m.ckpt.index", "m.ckpt.data-00000-of-00001"], ["n.ckpt.index"]),
        ("m.ckpt.index", ["m.ckpt.index", "m.ckpt.data-00000-of-00001"], ["m"]),
        (
            "saved_model.pb",
            ["saved_model.pb", "variables/variables.index", "variables/variables.data-00000-of-00001"],
            [],
        ),
        ("variables", ["variables/variables.index", "saved_model.pb"], []),
        ("m.ckpt.data-00000-of-00001", ["m.ckpt.data-00000-of-00001", "m.ckpt.index"], ["n.ckpt.index"]),
        (".", ["config.json", "inner/weights.bin"], []),
        ("plain.onnx", ["plain.onnx"], ["weights.bin"]),
        ("large.onnx", ["large.onnx", "weights.bin"], []),
    ],
)
def test_a_change_of_any_part_is_noticed(tmp_path, named, parts, others):
    for name in (*parts, *others):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_bytes(b"..location.." if name == "large.onnx" else name.encode())
    path = tmp_path / named
    for name in (*parts, *others):
        before = state_of(path), content_of(path)
        change(tmp_path / name)
        assert (state_of(path) != before[0], content_of(path) != before[1]) == (name in parts,) * 2


def test_a_part_that_comes_or_goes_is_noticed(tmp_path):
    path = tmp_path / "model.safetensors"
    path.write_bytes(b"a")
    before = state_of(path), content_of(path)
    (tmp_path / "config.json").write_bytes(b"{}")
    assert state_of(path) != before[0]
    assert content_of(path) != before[1]


def test_where_external_data_is_told_across_pieces(tmp_path, monkeypatch):
    monkeypatch.setattr(source_files, "PIECE", 8)
    (tmp_path / "a.onnx").write_bytes(b"abclocationdef")
    (tmp_path / "b").write_bytes(b"")
    assert len(state_of(tmp_path / "a.onnx")) == 2


def test_a_folder_of_all_sorts_of_things_is_no_checkpoint(tmp_path, monkeypatch):
    monkeypatch.setattr(source_files, "MAX_FILES", 3)
    for number in range(4):
        (tmp_path / str(number)).touch()
    with pytest.raises(CheckpointError, match="4 files lie there, and a checkpoint has at most 3"):
        state_of(tmp_path)


def test_a_whole_disk_is_not_walked_through(tmp_path, monkeypatch):
    monkeypatch.setattr(source_files, "MAX_SEEN", 3)
    (tmp_path / "a").mkdir()
    for number in range(3):
        (tmp_path / "a" / str(number)).mkdir()
    with pytest.raises(CheckpointError, match="more than 3 files and folders; want the folder of one checkpoint"):
        state_of(tmp_path)

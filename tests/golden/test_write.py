"""Writing: a golden appears whole or not at all, and never takes the place of something else."""

from __future__ import annotations

import hashlib
import json
import resource
import signal
import zipfile
from pathlib import Path

import h5py
import numpy as np
import pytest
from helpers.generated_goldens import RUN, X, write

from refnet.errors import InputError
from refnet.golden.axes import TensorLayout
from refnet.golden.read import open_reader
from refnet.golden.write import open_writer
from refnet.reference.digest import tensor_digest

NCHW = TensorLayout("NCHW", (("C", 4),))
STEM = ("stem", "NHWC", X, "float32", NCHW)
CONTAINERS = ["golden", "golden.h5", "golden.npz"]


def add(writer, name="stem", **how):
    return writer.add(name, "NHWC", X, **{"layout": NCHW, **how})


@pytest.mark.parametrize("name", CONTAINERS)
def test_facts(tmp_path, name):
    part = ((0, 1), (2, 6), (0, 5), (0, 7))
    with open_writer(tmp_path / name, RUN) as writer:
        entry = add(writer, part=part, digest=tensor_digest(X))
    assert (entry.minimum, entry.maximum, entry.distinct) == (X.min(), X.max(), X.size)
    assert (entry.part, entry.shape, entry.digest) == (part, X.shape, tensor_digest(X))
    with open_reader(tmp_path / name) as reader:
        assert reader.manifest.run == RUN
        assert reader.manifest.entries == (entry,)
    stored = np.zeros((1, 8, 4, 5), np.float32)
    stored[:, :7] = X.transpose(0, 3, 1, 2)
    stored = stored.reshape(1, 2, 4, 4, 5).transpose(0, 1, 3, 4, 2).tobytes()
    if name == "golden":
        stored = (tmp_path / name / entry.file).read_bytes()
    assert entry.sha256 == hashlib.sha256(stored).hexdigest()


def test_inside_hdf5(tmp_path):
    target = write(tmp_path, ".h5", [STEM, ("stem/kernel", "CK", X[0, 0], "bfloat16", TensorLayout("CK"))])
    with h5py.File(target) as file:
        attributes = dict(file["stem"].attrs)
        assert {key: attributes[key] for key in ("axes", "order", "dtype", "index")} == {
            "axes": b"NHWC", "order": b"NCHW", "dtype": b"float32", "index": 0,
        }  # fmt: skip
        assert (attributes["tile"], attributes["stored_axes"]) == (b"C:4", b"NCHWc")
        assert attributes["shape"].tolist() == list(X.shape)
        assert file["weights/stem/kernel"].dtype == np.uint16
        assert json.loads(file["manifest"][()])["format"] == "refnet golden"
        assert all(file[path].chunks is None for path in ("stem", "weights/stem/kernel", "manifest"))


def test_a_part_inside_hdf5(tmp_path):
    part = ((0, 1), (2, 6), (0, 5), (0, 7))
    with open_writer(tmp_path / "golden.h5", RUN) as writer:
        add(writer, part=part)
        add(writer, "head")
    with h5py.File(tmp_path / "golden.h5") as file:
        assert file["stem"].attrs["part"].tolist() == [list(bounds) for bounds in part]
        assert "part" not in file["head"].attrs


def test_inside_npz(tmp_path):
    target = write(tmp_path, ".npz", [STEM])
    with np.load(target) as file:
        assert file["stem"].shape == (1, 2, 4, 5, 4)
    with zipfile.ZipFile(target) as archive:
        assert archive.namelist() == ["stem.npy", "manifest.json"]


@pytest.mark.parametrize("name", CONTAINERS)
def test_left_by_an_error(tmp_path, name):
    """Nothing is left, and an older golden stays as it was."""

    def interrupted():
        with open_writer(tmp_path / name, RUN) as writer:
            add(writer, "head")
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        interrupted()
    assert list(tmp_path.iterdir()) == []
    with open_writer(tmp_path / name, RUN) as writer:
        add(writer)
    with pytest.raises(KeyboardInterrupt):
        interrupted()
    assert [path.name for path in tmp_path.iterdir()] == [name]
    with open_reader(tmp_path / name) as reader:
        assert reader.verify("stem")


@pytest.mark.parametrize("name", CONTAINERS)
def test_replaced(tmp_path, name):
    for step in ("stem", "head"):
        with open_writer(tmp_path / name, RUN) as writer:
            add(writer, step)
    assert [path.name for path in tmp_path.iterdir()] == [name]
    with open_reader(tmp_path / name) as reader:
        assert reader.names == ("head",)


@pytest.mark.parametrize("name", CONTAINERS)
def test_a_full_disk(tmp_path, name):
    """One limit of the system stands for the other: files of at most so many bytes."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    handler = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (10_000, hard))
    try:
        with (
            pytest.raises(InputError, match=f"{name} not written: File too large"),
            open_writer(tmp_path / name, RUN) as writer,
        ):
            writer.add("stem", "NHWC", np.zeros((1, 40, 40, 64), np.float32), layout=NCHW)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
        signal.signal(signal.SIGXFSZ, handler)
    assert list(tmp_path.iterdir()) == []


def test_an_empty_directory(tmp_path):
    (tmp_path / "golden").mkdir()
    assert (write(tmp_path, "npy", [STEM]) / "stem.npy").exists()


def test_where_one_is(tmp_path, monkeypatch):
    """What is there stays the same directory, whatever else may be mounted on it."""
    place = tmp_path / "golden"
    place.mkdir()
    monkeypatch.chdir(place)
    for step in ("stem", "head"):
        with open_writer(Path(), RUN) as writer:
            add(writer, step)
        assert {path.name for path in Path().iterdir()} == {"manifest.json", f"{step}.npy"}
    (place / "deeper").mkdir()
    message = r"holds files that do not belong to a golden \(deeper\)"
    with pytest.raises(InputError, match=message), open_writer(place, RUN):
        pass


def test_what_comes_meanwhile_is_not_replaced(tmp_path):
    target = write(tmp_path, "npy", [STEM])

    def interfere():
        with open_writer(target, RUN) as writer:
            add(writer, "head")
            (target / "notes.txt").write_text("mine")

    with pytest.raises(InputError, match=r"golden holds files that do not belong to a golden \(notes\.txt\)"):
        interfere()
    assert sorted(path.name for path in target.iterdir()) == ["manifest.json", "notes.txt", "stem.npy"]


@pytest.mark.parametrize("golden", [False, True])
@pytest.mark.parametrize(
    ("left", "what"),
    [
        ("part", "another run is writing there, in .*{}; wait for its end"),  # it has no lock yet
        ("old", "{} holds the files of before an interrupted"),
    ],
)
def test_what_an_interrupted_run_left(tmp_path, golden, left, what):
    target = tmp_path / "golden"
    if golden:
        write(tmp_path, "npy", [STEM])
    hidden = target / f".0123456789abcdef.{left}"
    hidden.mkdir(parents=True)
    with pytest.raises(InputError, match=what.format(hidden.name)), open_writer(target, RUN):
        pass
    assert hidden.is_dir()


def test_a_directory_under_the_name_of_a_file(tmp_path):
    target = write(tmp_path, "npy", [STEM])
    (target / "stem.npy").unlink()
    (target / "stem.npy").mkdir()
    with (
        pytest.raises(InputError, match=r"golden holds files that do not belong to a golden \(stem\.npy\)"),
        open_writer(target, RUN),
    ):
        pass
    assert [path.name for path in tmp_path.iterdir()] == ["golden"]


def test_a_directory_of_other_things(tmp_path):
    write(tmp_path, "npy", [STEM])
    (tmp_path / "golden" / "notes.txt").write_text("mine")
    message = r"golden holds files that do not belong to a golden \(notes\.txt\); want a new or empty"
    with pytest.raises(InputError, match=message), open_writer(tmp_path / "golden", RUN):
        pass
    assert (tmp_path / "golden" / "notes.txt").read_text() == "mine"


def test_no_place(tmp_path):
    (tmp_path / "file").touch()
    (tmp_path / "folder.h5").mkdir()
    for name, what in [
        ("file", "is a file; want a new directory, or a name that ends in .h5 or .npz"),
        ("stem.npy", "is the name of one tensor's file; want that of a directory, an .h5 or an .npz"),
        ("network.onnx", "is the name of a file that holds no golden; want a directory, an .h5 or an .npz"),
        ("folder.h5", "not written: it is a directory; want the name of a file"),
        ("none/golden", "not written: No such file or directory"),
        *((f"none/{name}", "not written: there is no directory") for name in CONTAINERS[1:]),
    ]:
        with pytest.raises(InputError, match=f"{name} {what}"), open_writer(tmp_path / name, RUN):
            pass


@pytest.mark.parametrize("name", CONTAINERS)
def test_refused_tensors(tmp_path, name):
    with open_writer(tmp_path / name, RUN) as writer:
        add(writer, "a/b")
        for wrong, what in [
            ({"name": "a.b"}, "a.b is recorded already"), ({"name": "../b"}, "name '../b': want letters"),
            ({"name": "/b"}, "want letters"), ({"name": "a//b"}, "want letters"), ({"name": "a..b"}, "want letters"),
            ({"name": ""}, "want letters"), ({"name": "manifest"}, "want letters"), ({"name": "é"}, "want letters"),
            ({"dtype": "int4"}, "stem: float32 cannot be written as 'int4'"), ({"dtype": "uint8"}, "as 'uint8'"),
            ({"layout": TensorLayout("NCH")}, "leaves out W"),
        ]:  # fmt: skip
            with pytest.raises(InputError, match=what):
                add(writer, **wrong)
    with open_reader(tmp_path / name) as reader:
        assert reader.names == ("a/b",)


def test_formats(tmp_path):
    for how, what in [
        ({"format": "xls"}, "format 'xls': want one of npy, raw, hex, mem, coe, txt, h"),
        ({"text": True}, "format 'npy' holds bits; want text in one of h, txt"),
    ]:
        with pytest.raises(InputError, match=what), open_writer(tmp_path / "golden", RUN, **how):
            pass
    message = r"format 'raw' is for a directory; golden\.h5 has one of its own"
    with pytest.raises(InputError, match=message), open_writer(tmp_path / "golden.h5", RUN, format="raw"):
        pass

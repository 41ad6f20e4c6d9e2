"""Recordings: what is written into any container, in any format, layout and dtype, is read back bit for bit."""

from __future__ import annotations

import h5py
import numpy as np
import pytest
from helpers.generated_goldens import KINDS, X, names, same, tensors, write
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from refnet.errors import InputError
from refnet.golden.axes import TensorLayout, to_layout
from refnet.golden.read import open_reader, to_logical_axes

NCHW = TensorLayout("NCHW")


@pytest.mark.parametrize("kind", KINDS)
@settings(max_examples=80, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(cases=st.lists(tensors(), min_size=1, max_size=3))
def test_read_back(tmp_path, kind, cases):
    named = [(name, *case) for name, case in zip(names(), cases, strict=False)]
    with open_reader(write(tmp_path, kind, named)) as reader:
        assert reader.names == tuple(name for name, *_ in named)
        for name, axes, tensor, dtype, layout in named:
            stored = reader.read(name)
            entry = reader.entry(name)
            assert (stored.entry, stored.dtype, entry.axes, entry.layout) == (entry, dtype, axes, layout)
            assert stored.array.shape == to_layout(tensor, axes, layout).shape
            assert same(to_logical_axes(stored), tensor, dtype, exactly=kind not in ("txt", "text"))
            assert reader.verify(name)


@pytest.mark.parametrize("kind", KINDS)
def test_twice_the_same_bytes(tmp_path, kind):
    one, other = (write(tmp_path, kind, [("stem", "NHWC", X, "float32", NCHW)], name) for name in ("one", "other"))
    files = [sorted(path.rglob("*")) if path.is_dir() else [path] for path in (one, other)]
    assert [file.read_bytes() for file in files[0]] == [file.read_bytes() for file in files[1]]


@pytest.mark.parametrize("kind", ["npy", "raw", "hex", "mem", "coe", "h", "text", "txt", ".npz", ".h5"])
def test_without_a_manifest(tmp_path, kind):
    """Somebody's own dump: no facts but what the file tells."""
    target = write(tmp_path, kind, [("stem", "NHWC", X, "float32", NCHW)])
    if kind == ".h5":
        with h5py.File(target, "a") as file:
            del file["manifest"]
    elif kind == ".npz":
        np.savez(target, stem=X.transpose(0, 3, 1, 2))
    else:
        (target / "manifest.json").unlink()
    with open_reader(target) as reader:
        assert (reader.manifest, reader.names) == (None, ("stem",))
        stored = reader.read("stem", X.size)
        assert (stored.array.ravel() == X.transpose(0, 3, 1, 2).ravel()).all()
        assert stored.array.shape == ((140,) if kind == "raw" else (1, 7, 4, 5))
        assert (stored.dtype, stored.entry, reader.verify("stem")) == ("float32", None, True)
        with pytest.raises(InputError, match="state its order"):
            to_logical_axes(stored)


def test_groups_of_a_foreign_file(tmp_path):
    with h5py.File(tmp_path / "theirs.h5", "w") as file:
        file["model/stem"] = X.astype(">f8")
        file["b.c"] = X
    with open_reader(tmp_path / "theirs.h5") as reader:
        assert reader.names == ("b.c", "model/stem")
        assert reader.find("model.stem") == "model/stem"
        assert reader.read("model.stem").dtype == "float64"
        assert (reader.read("model.stem").array == X).all()
        assert (reader.read("b/c").array == X).all()


def test_a_compressed_npz(tmp_path):
    np.savez_compressed(tmp_path / "theirs.npz", **{"a/b": np.asfortranarray(X.astype(np.float16))})
    with open_reader(tmp_path / "theirs.npz") as reader:
        assert (reader.read("a.b", X.size).array == X.astype(np.float16)).all()


def test_one_file(tmp_path):
    X.tofile(tmp_path / "stem.bin")
    with open_reader(tmp_path / "stem.bin") as reader:
        assert reader.names == ("stem",)
        assert (reader.read("stem").array == X.ravel()).all()
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "elsewhere" / "link.bin").symlink_to(tmp_path / "stem.bin")
    with open_reader(tmp_path / "elsewhere" / "link.bin") as reader:
        assert (reader.read("link").array == X.ravel()).all()


@pytest.mark.parametrize(("values", "dtype"), [(np.float64, "float64"), (np.float32, "float32"), (np.uint8, "uint8")])
def test_width_of_raw_numbers(tmp_path, values, dtype):
    np.arange(100).astype(values).tofile(tmp_path / "stem.bin")
    with open_reader(tmp_path / "stem.bin") as reader:
        stored = reader.read("stem", 100)
    assert (stored.dtype, stored.array.tolist()) == (dtype, list(range(100)))


def test_two_bytes_are_two_dtypes(tmp_path):
    X.astype(np.float16).tofile(tmp_path / "stem.bin")
    with (
        open_reader(tmp_path / "stem.bin") as reader,
        pytest.raises(InputError, match=r"stem\.bin: float16 or bfloat16\? the file does not tell; state the dtype"),
    ):
        reader.read("stem", X.size)
    with open_reader(tmp_path / "stem.bin", dtype="float16") as reader:
        assert (reader.read("stem").array == X.astype(np.float16).ravel()).all()


@pytest.mark.parametrize("kind", ["raw", "hex", "mem", "txt"])
def test_cut_short(tmp_path, kind):
    """Without a length in the file, what is there is read."""
    target = write(tmp_path, kind, [("stem", "K", np.arange(8, dtype=np.float32), "float32", TensorLayout("K"))])
    (file,) = target.glob("stem.*")
    lines = file.read_bytes()
    file.write_bytes(lines[:-4] if kind == "raw" else b"".join(lines.splitlines(keepends=True)[:-1]))
    with open_reader(target) as reader:
        assert reader.read("stem").array.tolist() == list(range(7))
        assert not reader.verify("stem")


def test_a_changed_file(tmp_path):
    for kind in (".h5", ".npz"):
        target = write(tmp_path, kind, [("stem", "NHWC", X, "float32", NCHW)])
        data = bytearray(target.read_bytes())
        at = data.find(X.transpose(0, 3, 1, 2).tobytes())
        data[at] ^= 1
        target.write_bytes(data)
        with open_reader(target) as reader:
            if kind == ".h5":
                assert not reader.verify("stem")
            else:
                with pytest.raises(InputError, match="stem is damaged: Bad CRC-32"):
                    reader.read("stem")


def test_names(tmp_path):
    target = write(tmp_path, "npy", [("block1a/expand/kernel", "CK", X[0, 0], "float32", TensorLayout("CK"))])
    with open_reader(target) as reader:
        assert (target / "block1a.expand.kernel.npy").exists()
        assert reader.entry("block1a.expand.kernel").name == "block1a/expand/kernel"
        assert reader.entry("stem") is None
        with pytest.raises(
            InputError, match="holds no block1a/expand; want one of its 1, such as block1a/expand/kernel"
        ):
            reader.read("block1a/expand")


def test_kinds_that_are_not_read(tmp_path):
    (tmp_path / "x.pt").touch()
    for path, what in [(tmp_path / "x.pt", "is of a kind that is not read"), (tmp_path / "y.npy", "does not exist")]:
        with pytest.raises(InputError, match=f"{what}; want a directory, .h5, .npz, or one of .npy .bin"):
            open_reader(path)
    with pytest.raises(InputError, match="dtype 'int4': want one of float32"):
        open_reader(tmp_path, dtype="int4")

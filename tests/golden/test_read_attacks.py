"""Hostile and damaged recordings: one clear error each, soon, and before memory is taken."""

from __future__ import annotations

import io
import json
import os
import shutil
import time
import tracemalloc
import zipfile
from contextlib import contextmanager

import h5py
import numpy as np
import pytest
from helpers.fuzzing import CHANGES, changed, fuzzed
from helpers.generated_goldens import KINDS, NHWC, X, write
from hypothesis import given, settings

from refnet.errors import InputError
from refnet.golden.axes import TensorLayout
from refnet.golden.formats.tensor_file import UnreadableError
from refnet.golden.read import open_reader

damage = settings(fuzzed, max_examples=100)
STEM = ("stem", "NHWC", X, "float32", NHWC)
SECONDS, MEMORY = 3, 24 << 20  # text is read in pieces of 4 MiB


@contextmanager
def bounded():
    """Watch time and memory."""
    tracemalloc.start()
    started = time.process_time()
    try:
        yield
        assert time.process_time() - started < SECONDS
        assert tracemalloc.get_traced_memory()[1] < MEMORY
    finally:
        tracemalloc.stop()


def read(path, count=None):
    with open_reader(path) as reader:
        for name in reader.names:
            reader.read(name, count)
            reader.verify(name)


def refused(path, message, kind=InputError, count=None):
    with bounded(), pytest.raises(kind, match=message) as caught:
        read(path, count)
    assert len(str(caught.value)) < 1000
    assert str(path) in str(caught.value)


# Damage ---------------------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    """Bytes of a tensor's file of every kind."""
    place = tmp_path_factory.mktemp("whole")
    found = {}
    for kind in KINDS:
        target = write(place, kind, [STEM, ("b/c", "CK", X[0, 0], "float16", TensorLayout("CK"))], f"of_{kind}")
        found[kind] = (target if target.is_file() else next(target.glob("stem.*"))).read_bytes()
        found["manifest"] = (target / "manifest.json").read_bytes() if target.is_dir() else found["manifest"]
    return found


@pytest.mark.parametrize("kind", KINDS)
@damage
@given(changes=CHANGES)
def test_damaged(tmp_path, whole, kind, changes):
    suffixes = {"raw": ".bin", "text": ".h"}
    path = tmp_path / f"stem{kind if kind.startswith('.') else suffixes.get(kind, '.' + kind)}"
    path.write_bytes(changed(whole[kind], changes))
    with bounded():
        try:
            read(path)
        except InputError as error:
            assert len(str(error)) < 1000  # noqa: PT017


@damage
@given(changes=CHANGES)
def test_damaged_manifest(tmp_path, whole, changes):
    (tmp_path / "stem.npy").write_bytes(whole["npy"])
    (tmp_path / "manifest.json").write_bytes(changed(whole["manifest"], changes))
    with bounded():
        try:
            read(tmp_path)
        except InputError as error:
            assert len(str(error)) < 1000  # noqa: PT017


# Directories ----------------------------------------------------------------------------------------------------------


def with_entry(tmp_path, **changes):
    """A golden of one tensor whose manifest says something else of it."""
    target = write(tmp_path, "npy", [STEM])
    content = json.loads((target / "manifest.json").read_text())
    content["entries"][0] |= changes
    (target / "manifest.json").write_text(json.dumps(content))
    return target


@pytest.mark.parametrize("file", ["../stem.npy", "/etc/passwd", "a/b", "..", ".", "", "a\\b", "C:x", "a\0b", "x" * 300])
def test_paths_out(tmp_path, file):
    (tmp_path / "stem.npy").write_bytes(b"")
    refused(with_entry(tmp_path, file=file), "want a file beside the manifest", UnreadableError)


def test_links_and_no_files(tmp_path):
    target = with_entry(tmp_path)
    outside = tmp_path / "outside.npy"
    stem = target / "stem.npy"
    stem.rename(outside)
    refused(target, "stem.npy is missing, or no file inside", UnreadableError)
    stem.symlink_to(outside)
    refused(target, "stem.npy is missing, or no file inside", UnreadableError)
    stem.unlink()
    stem.symlink_to(stem)
    refused(target, "stem.npy is missing, or no file inside", UnreadableError)
    stem.unlink()
    os.mkfifo(stem)
    refused(target, "stem.npy is missing, or no file inside", UnreadableError)
    stem.unlink()
    outside.rename(target / "inside.npy")
    stem.symlink_to("inside.npy")
    read(target)


def test_lies_of_a_manifest(tmp_path):
    refused(with_entry(tmp_path, format="exe"), "as 'exe'; want a file beside", UnreadableError)
    target = with_entry(tmp_path, order="NHC", tile={})
    refused(target, "stem: order NHC leaves out W, which is 5 long")
    with pytest.raises(
        InputError, match=r"golden holds a manifest\.json that cannot be read, .*; remove the directory"
    ):
        write(tmp_path, "npy", [STEM])
    shutil.rmtree(target)
    with open_reader(with_entry(tmp_path, dtype="float64", shape=[1, 4, 5, 8], stored_shape=[1, 4, 5, 8])) as reader:
        stored = reader.read("stem")
    assert (stored.dtype, stored.array.shape) == ("float32", X.shape)  # findings for whoever compares


def test_names_twice(tmp_path):
    target = with_entry(tmp_path)
    content = json.loads((target / "manifest.json").read_text())
    content["entries"] *= 2
    (target / "manifest.json").write_text(json.dumps(content))
    refused(target, "the manifest names a tensor twice")
    (target / "manifest.json").unlink()
    (target / "stem.bin").touch()
    refused(target, "are one tensor twice; leave one")


def test_manifest_without_end(tmp_path):
    target = with_entry(tmp_path)
    with (target / "manifest.json").open("r+b") as file:
        file.truncate(1 << 40)
    refused(target, "manifest.json: 1099511627776 bytes; want at most 16777216")
    (target / "manifest.json").write_bytes(b"\xff\xfe")
    refused(target, "manifest.json is not UTF-8")
    (target / "manifest.json").unlink()
    (target / "manifest.json").mkdir()
    refused(target, "manifest.json: Is a directory")


@pytest.mark.parametrize("suffix", [".hex", ".mem", ".coe", ".txt", ".h", ".npy", ".bin", ".h5", ".npz"])
def test_sparse_files(tmp_path, suffix):
    """A terabyte of nothing."""
    path = tmp_path / f"stem{suffix}"
    with path.open("wb") as file:
        file.truncate(1 << 40)
    refused(path, ".", count=100)


# Archives -------------------------------------------------------------------------------------------------------------


def archive_of(path, shape, zeros, name="stem.npy"):
    """Deflated zeros below the header of an .npy."""
    head = io.BytesIO()
    np.lib.format.write_array_header_1_0(head, {"descr": "<f4", "fortran_order": False, "shape": shape})
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive, archive.open(name, "w", force_zip64=True) as file:
        file.write(head.getvalue())
        for _ in range(zeros >> 20):
            file.write(bytes(1 << 20))
    return path


def test_bombs(tmp_path):
    path = archive_of(tmp_path / "a.npz", (1 << 27,), 1 << 29)
    refused(path, "stem unpacks to .* bytes; save it uncompressed, by np.savez", UnreadableError)
    refused(path, "stem: more than 66336 elements, where 100 are expected", UnreadableError, count=100)
    refused(archive_of(path, (10**15,), 1 << 20), "stem: .* bytes, where float32", UnreadableError)
    refused(archive_of(path, (4,), 1 << 27, "manifest.json"), "manifest.json has more than 16777216 bytes")


def test_archives(tmp_path):
    path = tmp_path / "a.npz"
    path.write_bytes(b"PK")
    refused(path, "not an .npz file that can be read")
    with zipfile.ZipFile(path, "w") as archive:
        for name in ("stem.npy", "twin.npy"):
            archive.writestr(name, b"")
    path.write_bytes(path.read_bytes().replace(b"twin", b"stem"))
    refused(path, "2 members, two of one name or too many")
    with zipfile.ZipFile(path, "w", zipfile.ZIP_LZMA) as archive:
        archive.writestr("stem.npy", b"")
    refused(path, "stem is compressed in a way that is not read", UnreadableError)
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("manifest.json", b"\xff")
    refused(path, "not an .npz file that can be read")
    np.savez(path, stem=np.array([{}]), allow_pickle=True)
    refused(path, "stem: holds object; want float32", UnreadableError)


# HDF5 -----------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (
            lambda f: f.create_dataset("stem", data=X, chunks=True),
            r"save it by h5py's create_dataset\(name, data=array\)",
        ),
        (lambda f: f.create_dataset("stem", data=X, compression="gzip"), "must be stored contiguously"),
        (lambda f: f.create_dataset("stem", (10**10,), "<f4"), "needs 40000000000 bytes that the file does not have"),
        (lambda f: f.create_dataset("stem", data=X, external=[("/etc/passwd", 0, 9999)]), "in the file itself"),
        (lambda f: f.create_dataset("stem", data="text"), "stem: string of .*; want float32, float64"),
        (lambda f: f.create_dataset("stem", data=X.astype(complex)), "stem: something else of 16 bytes"),
        (lambda f: f.create_dataset("stem", data=np.float32(1)), r"stem: float of 4 bytes and shape \[\]"),
        (lambda f: f.create_dataset("stem", (0, 4), "<f4"), r"shape \[0, 4\]; want"),
        (lambda f: f.create_dataset("stem", data=h5py.Empty("<f4")), r"shape \[\]; want"),
        (lambda f: f.__setitem__("stem", h5py.SoftLink("/a")), "stem is a link; want the dataset itself"),
        (lambda f: f.__setitem__("stem", h5py.ExternalLink("/etc/passwd", "/a")), "stem is a link"),
        (lambda f: f.__setitem__("stem", f["/"]), "nested deeper than 8 groups"),
        (lambda f: f.__setitem__("manifest", "x"), "manifest is string .*, not one fixed-length string"),
        (lambda f: f.__setitem__("manifest", X), "manifest is float of 4 bytes"),
        (lambda f: f.__setitem__("manifest", np.bytes_(b"\xff")), "cannot be read as HDF5"),
        (lambda f: f.create_dataset("manifest", (), "S17000000"), "manifest has more than 16777216 bytes"),
        (lambda f: f.__setitem__("manifest", np.bytes_(b"[]")), "cannot read the manifest"),
    ],
)
def test_hdf5(tmp_path, make, message):
    path = tmp_path / "theirs.h5"
    with h5py.File(path, "w") as file:
        make(file)
    refused(path, message)


def test_no_hdf5(tmp_path):
    path = tmp_path / "theirs.h5"
    for data in (b"", b"\x89HDF\r\n\x1a\n" + bytes(500)):
        path.write_bytes(data)
        refused(path, "cannot be read as HDF5")

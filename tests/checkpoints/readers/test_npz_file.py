"""NumPy's .npz: read as NumPy reads it, and what is no plain array is refused without a look at it."""

import io
import zipfile

import numpy as np
import pytest
from helpers.refusal import refuse

from refnet.checkpoints.readers import npz_file

ARRAYS = {
    "a/kernel": np.arange(24, dtype=np.float32).reshape(2, 3, 4),
    "half": np.float16([1.5, np.nan]),
    "scalar": np.array(5),
    "transposed": np.asfortranarray(np.arange(6.0).reshape(2, 3)),
    "flags": np.array([True, False]),
    "empty": np.empty((0, 3), np.float32),
}


def saved(arrays: dict[str, object], write=np.savez) -> bytes:
    file = io.BytesIO()
    write(file, **arrays)
    return file.getvalue()


def archive(**members: bytes) -> bytes:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as made:
        for name, data in members.items():
            made.writestr(name.replace("_npy", ".npy"), data)
    return file.getvalue()


def member(header: str, data: bytes = bytes(8), version: bytes = b"\1\0") -> bytes:
    text = header.encode() + b"\n"
    return b"\x93NUMPY" + version + len(text).to_bytes(2, "little") + text + data


GOOD = "{'descr': '<f4', 'fortran_order': False, 'shape': (2,), }"


def test_as_numpy_reads_it(tmp_path):
    (tmp_path / "x.npz").write_bytes(saved(ARRAYS))
    assert npz_file.is_npz_file(tmp_path / "x.npz")
    ours = npz_file.read(tmp_path / "x.npz")
    assert list(ours) == list(ARRAYS)
    for name, theirs in ARRAYS.items():
        assert (ours[name].shape, ours[name].dtype) == (theirs.shape, theirs.dtype)
        assert np.array_equal(ours[name], theirs, equal_nan=theirs.dtype.kind == "f")
        assert ours[name].flags.c_contiguous
    assert npz_file.load(archive(a_npy=member(GOOD)))["a"].tolist() == [0, 0]


@pytest.mark.parametrize("data", [b"", b"PK\3\4", archive(a_npy=b"", b=b""), archive()])
def test_what_is_another_file(data, tmp_path):
    (tmp_path / "x.npz").write_bytes(data)
    assert not npz_file.is_npz_file(tmp_path / "x.npz")


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (saved(ARRAYS, np.savez_compressed), "is compressed"),
        (saved({"x": np.array([{}], object)}), "no array of plain numbers"),
        (saved({"x": np.array(["text"])}), "no array of plain numbers"),
        (saved({"x": np.zeros(2, ">f4")}), "no array of plain numbers"),
        (saved({"x": np.zeros(2, [("a", "<f4")])}), "no array of plain numbers"),
        (archive(a_npy=b""), "no array of NumPy"),
        (archive(a_npy=member(GOOD, version=b"\4\0")), "no array of NumPy"),
        (archive(a_npy=member(GOOD)[:9]), "cut short"),
        (archive(a_npy=member(GOOD)[:20]), "cut short"),
        (archive(a_npy=member(GOOD + " " * 5000)), "cut short"),
        (archive(a_npy=member(GOOD, bytes(9))), "does not take 9 bytes"),
        (archive(a_npy=member(GOOD.replace("<f4", "<f1"))), "no array of plain numbers"),
        (archive(a_npy=member(GOOD.replace("2,", "1" * 3000))), "no array of plain numbers"),
        (archive(a_npy=member(GOOD.replace("2,", "0, " + "9" * 15 + ","), b"")), "does not take 0 bytes"),
        (archive(a_npy=member(GOOD.replace("2,", "1, " * 9 + "1"), bytes(4))), "does not take 4 bytes"),
        (archive(a_npy=member(GOOD.replace("False", "print()"))), "no array of plain numbers"),
        (archive(a_npy=member(GOOD), b=b""), "more than .npy members"),
    ],
)  # fmt: skip
def test_refused(data, message):
    refuse(npz_file.load, data, message, (1 << 20) + 300 * len(data))

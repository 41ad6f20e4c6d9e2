"""NumPy's files: what numpy reads and writes, and what is refused."""

from __future__ import annotations

import io

import numpy as np
import pytest
from helpers.generated_formats import back, bytes_of, refused

X = np.arange(6, dtype=np.float32).reshape(2, 3)
BITS = X.view(np.uint32).ravel().tolist()


def saved(array, **how):
    file = io.BytesIO()
    np.save(file, array, **how)
    return file.getvalue()


def headed(header, data=b"", version=1):
    """A file with this for a header."""
    text = header.encode()
    return b"\x93NUMPY" + bytes([version, 0]) + len(text).to_bytes(2 if version == 1 else 4, "little") + text + data


@pytest.mark.parametrize("dtype", ["float32", "float64", "float16", "uint8"])
def test_as_numpy_writes_it(dtype):
    array = X.astype(dtype)
    bits = array.view(f"u{array.itemsize}").ravel().tolist()
    assert bytes_of("npy", dtype, bits, (2, 3)) == saved(array)
    assert back("npy", saved(array)) == (bits, dtype, (2, 3))


def test_bfloat16_in_words():
    words = np.array([[0x3F80, 0xC000]], np.uint16)
    assert bytes_of("npy", "bfloat16", words[0]) == saved(words)
    assert back("npy", saved(words)) == ([0x3F80, 0xC000], "bfloat16", (1, 2))
    assert back("npy", saved(words), "float16")[1] == "float16"
    assert back("npy", saved(X.view(np.uint32))) == (BITS, "float32", (2, 3))


@pytest.mark.parametrize("array", [X.astype(">f4"), np.asfortranarray(X), np.asfortranarray(X.astype(">f4"))])
def test_byte_and_axis_order(array):
    assert back("npy", saved(array)) == (BITS, "float32", (2, 3))


def test_later_versions():
    for version in (2, 3):
        header = f"{{'descr': '<f4', 'fortran_order': False, 'shape': (2, 3), }}{'':60}\n"
        assert back("npy", headed(header, X.tobytes(), version)) == (BITS, "float32", (2, 3))


def test_neither_shorter_nor_longer():
    whole = saved(X)
    for data in (whole[:-1], whole + b"\0"):
        assert refused("npy", data) == (
            f"here: {len(data)} bytes, where float32 [2, 3] needs {len(whole)}; "
            "it is cut short or damaged, so record it again"
        )


def shaped(shape):
    return headed(f"{{'descr': '<f4', 'fortran_order': False, 'shape': {shape}, }}")


@pytest.mark.parametrize(
    ("data", "what"),
    [
        (b"", "not a .npy file that can be read: "), (b"\x93NUMPY\1\0\xff\xff", "not a .npy file that can be read: "),
        (b"PK\3\4" + bytes(100), "not a .npy file that can be read: "), (headed("", version=9), "not a .npy file"),
        (headed("(" * 9000), "not a .npy file"), (headed("9" * 9000), "not a .npy file"),
        (headed("{'descr': 1, 'fortran_order': 2, 'shape': 3}"), "not a .npy file"),
        (shaped("(-1, 3)"), "not a .npy file that can be read: a shape that no tensor has"),
        (shaped((1,) * 17), "not a .npy file that can be read: a shape that no tensor has"),
        (shaped((10**15,)), "82 bytes, where float32 [1000000000000000] needs"),
        (shaped((2**62, 4)), "87 bytes, where float32"),
        (saved(X.astype(np.int64)), "holds int64; want float32, float64, float16, uint8, int8, int32, or"),
        (saved(X.astype(complex)), "holds complex128; want"), (saved(np.array(["a"])), "holds <U1; want"),
        (saved(np.array([{}]), allow_pickle=True), "holds object; want"),
        (saved(np.zeros(2, [("a", "f4")])), "holds [('a', '<f4')]; want"),
    ],
)  # fmt: skip
def test_refused(data, what):
    assert refused("npy", data).startswith(f"here: {what}")


def test_far_more_than_expected():
    data = saved(np.zeros(70_000, np.float32))
    assert refused("npy", data, expected=1) == "here: more than 65544 elements, where 1 are expected"
    assert len(back("npy", data, expected=10_000)[0]) == 70_000

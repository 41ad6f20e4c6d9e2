"""Raw numbers: their bytes, and how wide they are."""

from __future__ import annotations

import numpy as np
import pytest
from helpers.generated_formats import back, bytes_of, refused


@pytest.mark.parametrize(
    ("dtype", "data"), [("float32", "0000803f000000c0"), ("bfloat16", "803f00c0"), ("uint8", "803f")]
)
def test_little_endian(dtype, data):
    data = bytes.fromhex(data)
    words = np.frombuffer(data, f"<u{len(data) // 2}").tolist()
    assert bytes_of("raw", dtype, words) == data
    assert back("raw", data, dtype) == (words, dtype, None)


@pytest.mark.parametrize(
    ("size", "dtype"),
    [(10, "uint8"), (40, "float32"), (80, "float64"), (36, "float32"), (44, "float32"), (0, "float32")],
)
def test_width_by_the_expected_number(size, dtype):
    assert back("raw", bytes(size), expected=10)[1] == dtype


def test_refused():
    assert refused("raw", bytes(9)) == "here: 9 bytes are no whole number of float32"
    assert refused("raw", bytes(20), expected=10) == (
        "here: float16 or bfloat16? the file does not tell; state the dtype"
    )
    assert refused("raw", bytes(1 << 20), expected=1) == "here: more than 65544 elements, where 1 are expected"

"""What is written is what refnet's reader and the format's own package find; numbers lie where processors want them."""

import struct

import numpy as np
import pytest

from refnet.checkpoints.readers.flatbuffer import Flatbuffer
from refnet.errors import InputError
from refnet.export.tflite import flatbuffer as writing
from refnet.export.tflite.flatbuffer import Bytes, Number, Table, flatbuffer


def test_all_kinds_of_parts():
    inner = Table({1: Number("q", -(1 << 40)), 0: Number("b", -3)})
    root = Table({0: Number("f", 0.5), 3: inner, 4: [inner, Table({}), inner], 5: "naïve", 7: None, 8: [], 6: inner})
    table = Flatbuffer(flatbuffer(root, b"TEST")).root()
    assert table.number(0, "f") == 0.5
    assert table.text(5) == "naïve"
    assert (table.count(4), table.count(8), table.count(7)) == (3, 0, None)
    for each in (table.table(3), table.table(6), *list(table.tables(4))[::2]):
        assert (each.number(1, "q"), each.number(0, "b")) == (-(1 << 40), -3)
    assert table.table(7) is None


@pytest.mark.parametrize("before", range(9))
def test_numbers_and_vectors_are_aligned(before):
    """Whatever lies before them."""
    root = Table(
        {0: "x" * before, 1: np.array([2.5, 3.5]), 2: Bytes(memoryview(b"\xaa\xbb\xcc"), 16), 3: Number("d", 7.25)}
    )
    data = flatbuffer(root, b"TEST")
    for wanted, align in ((struct.pack("<d", 2.5), 8), (b"\xaa\xbb\xcc", 16), (struct.pack("<d", 7.25), 8)):
        assert data.count(wanted) == 1
        assert data.index(wanted) % align == 0


def test_a_file_has_a_largest_size(monkeypatch):
    monkeypatch.setattr(writing, "MAX_BYTES", 100)
    with pytest.raises(InputError, match="at most 100 bytes"):
        flatbuffer(Table({0: Bytes(memoryview(bytes(100)))}), b"TEST")

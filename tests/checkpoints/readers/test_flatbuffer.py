"""The wire format of flatbuffers, byte by byte, and what is bounded."""

import struct

import pytest

from refnet.checkpoints.readers.flatbuffer import ALLOWANCE, MINIMUM, Flatbuffer
from refnet.errors import CheckpointError

# A root at 12 whose fields are listed at 4: a number of 16 bits at its byte 4, nothing, a vector at its byte 8.
ROOT = struct.pack("<IHHHHHH", 16, 10, 12, 4, 0, 8, 0) + struct.pack("<iHHI", 12, 7, 0, 4)
WHOLE = ROOT + struct.pack("<IHHH", 3, 1, 2, 3)


def test_a_table():
    table = Flatbuffer(WHOLE).root()
    assert (table.number(0, "H"), table.number(1, "i", 5), table.number(9, "b")) == (7, 5, 0)
    assert table.numbers(2, "<u2").tolist() == [1, 2, 3]
    assert (table.count(2), table.count(1)) == (3, None)
    assert bytes(table.data(2)) == b"\1\0\2"
    assert (table.table(1), list(table.tables(1)), table.text(1)) == (None, [], "")


@pytest.mark.parametrize("end", range(len(WHOLE)))
def test_cut_short(end):
    with pytest.raises(CheckpointError, match=r"cut short|damaged|nowhere"):
        Flatbuffer(WHOLE[:end]).root().numbers(2, "<u2")


@pytest.mark.parametrize(
    ("at", "what", "why"),
    [
        (0, struct.pack("<I", 0), "leads nowhere"),
        (0, struct.pack("<I", 3), "leads nowhere"),
        (0, struct.pack("<I", 1 << 31), "out of the file"),
        (16, struct.pack("<i", 100), "no list of fields"),
        (16, struct.pack("<i", -100), "out of the file"),
        (4, struct.pack("<H", 3), "impossible"),
        (4, struct.pack("<H", 5), "impossible"),
        (6, struct.pack("<H", 2), "impossible"),
        (12, struct.pack("<H", 10), "outside its table"),
        (28, struct.pack("<I", 1 << 30), "out of the file"),
    ],
)
def test_damaged(at, what, why):
    with pytest.raises(CheckpointError, match=why):
        Flatbuffer(WHOLE[:at] + what + WHOLE[at + len(what) :]).root().numbers(2, "<u2")


def test_a_name_in_another_encoding():
    with pytest.raises(CheckpointError, match="UTF-8"):
        Flatbuffer(WHOLE[:32] + b"\xff\xff\xff\xff\xff\xff").root().text(2)


def test_reading_ends():
    """A thousand references to one table of a thousand references, and so on, would be a million in few bytes."""
    buffer = Flatbuffer(WHOLE)
    table = buffer.root()
    with pytest.raises(CheckpointError, match="reading has no end"):
        [table.numbers(2, "<u2") for _ in range(max(MINIMUM, ALLOWANCE * len(WHOLE)))]

"""Tables: those of TensorFlow are read in test_tensor_bundle.py; here are hostile ones."""

import pytest
from helpers.places import DATA
from helpers.refusal import refuse
from helpers.tf_writer import block, handle, item, number, table, table_of
from hypothesis import given, settings
from hypothesis import strategies as st

from refnet.checkpoints.readers import protobuf
from refnet.checkpoints.readers.tensorflow import sstable
from refnet.checkpoints.readers.tensorflow.crc32c import crc32c
from refnet.errors import CheckpointError

INDEX = DATA / "tf" / "small.ckpt.index"


def refused(data: bytes, message: str) -> None:
    crc32c(b"")  # compiles, which takes some
    refuse(sstable.parse, data, message, 6 << 20)


@pytest.mark.parametrize("per_block", [1, 2, 7, 100])
def test_several_blocks(per_block):
    entries = {f"name{i}".encode(): bytes(i) for i in range(20)}
    found = sstable.parse(table(entries, per_block))
    assert found.pop(b"")
    assert found == entries
    assert list(found) == sorted(entries)


TABLES = {
    "want 48 to 16777216": [b"", bytes(47)],
    "does not end with their magic number": [bytes(48), table({})[:-1], table_of(magic=sstable.MAGIC + 1)],
    "reaches outside the table": [
        table_of(metadata=handle(1 << 63, 1)),
        table_of(index=handle(0, 1 << 63)),
        table_of(handles=[handle(0, 1 << 40)]),
        table_of(handles=[handle((1 << 64) - 4, 1)]),
    ],
    "longer than 64 bits": [
        table_of(metadata=b"\xff" * 20, index=b"\0"),
        table_of(metadata=b"\x80" * 10 + b"\1", index=b"\0"),
        table_of(metadata=b"\xff" * 9 + b"\x02", index=b"\0"),
        table_of(handles=[b""]),
        table_of(handles=[b"\x80"]),
    ],
    "compressed by snappy": [table_of(block(item(b"", b""), kind=1))],
    "unknown compression 2": [table_of(block(item(b"", b""), kind=2))],
    "not have its checksum": [table_of(block(item(b"", b""), crc=5))],
    "no room for its restart points": [
        table_of(block(b"", ())),
        table_of(block(b"", count=2)),
        table_of(block(item(b"a", b""), count=(1 << 32) - 1)),
    ],
    "restart points are not where": [
        table_of(block(item(b"", b""), (1,))),
        table_of(block(item(b"", b""), (0, 1 << 31))),
        table_of(block(item(b"a", b"") + item(b"b", b"", shared=1), (0, 4))),
    ],
    "outside its block, or has an impossible key": [
        table_of(block(item(b"a", b"", shared=1))),
        table_of(block(item(b"a", b"") + item(b"a", b"", shared=2))),
        table_of(block(number(0) + number(100) + number(0))),
        table_of(block(number(0) + number(0) + number(1 << 63))),
        table_of(block(number(1 << 63) + number(0) + number(0))),
        table_of(block(item(b"k" * 1025, b""))),
        table_of(block(item(b"k" * 1024, b"") + item(b"k", b"", shared=1024))),
    ],
    "keys are not in order": [
        table_of(block(item(b"a", b"") + item(b"a", b""))),
        table_of(block(item(b"b", b"") + item(b"a", b""))),
        table_of(block(item(b"", b"") + item(b"", b""))),
        table_of(block(item(b"b", b"")), block(item(b"a", b""))),
        table_of(block(item(b"b", b"")), bounds=[b"a"]),
    ],
    "not one after the other": [
        table_of(block(item(b"a", b"")), handles=[handle(0, 12), handle(0, 12)]),
        table_of(block(item(b"a", b"")), handles=[handle(0, 12), handle(3, 1)]),
    ],
}


@pytest.mark.parametrize(("index", "message"), [(index, why) for why, every in TABLES.items() for index in every])
def test_tables(index, message):
    refused(index, message)


def test_shared_beginnings_do_not_fill_the_memory():
    """The index is of 400 kB; its keys would be of 100 MB."""
    keys = item(b"k" * 1000, b"") + b"".join(item(b"", b"", shared=1000) for _ in range(100_000))
    refused(table_of(block(keys)), "keys are not in order")


def test_cut_short_anywhere():
    index = INDEX.read_bytes()
    for length in range(len(index)):
        with pytest.raises(CheckpointError):
            sstable.parse(index[:length])


@settings(max_examples=200, deadline=None)
@given(st.binary(max_size=200))
def test_any_bytes(data):
    for read in (protobuf.parse, sstable.parse, lambda data: sstable.parse(table_of(block(data)))):
        try:
            read(data)
        except CheckpointError:
            continue

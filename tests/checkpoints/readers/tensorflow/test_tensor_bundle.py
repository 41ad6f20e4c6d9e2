"""TensorFlow's V2 checkpoints: read as TensorFlow reads them, and hostile ones refused.

The files in tests/data/tf were written by TensorFlow (tools/make_tf_fixtures.py).
"""

import itertools
import shutil
from pathlib import Path

import numpy as np
import pytest
from helpers.places import DATA
from helpers.refusal import refuse
from helpers.tf_writer import block, entry, field, header, item, packed, shape_of, table, table_of
from hypothesis import given, settings
from hypothesis import strategies as st

from refnet.checkpoints.readers.tensorflow import sstable, tensor_bundle
from refnet.checkpoints.readers.tensorflow.crc32c import crc32c
from refnet.errors import CheckpointError

FOLDER = DATA / "tf"
INDEX, DATA = (FOLDER / f"small.ckpt.{suffix}" for suffix in ("index", "data-00000-of-00001"))


class TestAgainstTensorFlow:
    @pytest.mark.parametrize("name", ["small", "sharded"])
    def test_every_tensor_has_the_same_bytes(self, name):
        expected = {key.replace("|", "/"): array for key, array in np.load(FOLDER / f"{name}.npz").items()}
        expected.pop("sliced", None)
        with tensor_bundle.opened(FOLDER / f"{name}.ckpt") as bundle:
            ours = bundle.read(expected)
            assert list(ours) == list(expected)
            for key, array in expected.items():
                assert bundle.entries[key].shape == array.shape == ours[key].shape
                assert bundle.entries[key].dtype == array.dtype.name == ours[key].dtype.name
                assert ours[key].tobytes() == array.tobytes()
                assert ours[key].flags.c_contiguous
                assert ours[key].flags.writeable

    def test_everything_is_listed_in_byte_order(self):
        with tensor_bundle.opened(FOLDER / "small.ckpt") as bundle:
            names = list(bundle.entries)
            assert names == sorted(names)
            assert {name: bundle.entries[name].dtype for name in ("string", "bool", "bfloat16", "global_step")} == {
                "string": "string",
                "bool": "bool",
                "bfloat16": "bfloat16",
                "global_step": "int64",
            }
            assert bundle.entries["global_step"].shape == ()
            assert sum(name.startswith("shared/beginning/of/names_") for name in names) == 40

    def test_a_text(self):
        with tensor_bundle.opened(FOLDER / "small.ckpt") as bundle:
            assert bundle.text("string") == b"text"
            for name in ("matrix", "nowhere"):
                with pytest.raises(CheckpointError, match=f"there is no text '{name}'"):
                    bundle.text(name)

    def test_several_shards(self):
        with tensor_bundle.opened(FOLDER / "sharded.ckpt") as bundle:
            assert {entry.shard for entry in bundle.entries.values()} == {0, 1, 2}

    @pytest.mark.parametrize(("name", "why"), [("string", "of the dtype string"), ("bool", "dtype bool")])
    def test_what_is_listed_but_not_read(self, name, why):
        with tensor_bundle.opened(FOLDER / "small.ckpt") as bundle, pytest.raises(CheckpointError, match=why):
            bundle.read([name])

    def test_slices_are_listed_but_not_read(self):
        with tensor_bundle.opened(FOLDER / "sharded.ckpt") as bundle:
            assert bundle.entries["sliced"].shape == (4, 3)
            assert [name for name in bundle.entries if "\0" in name] == []
            with pytest.raises(CheckpointError, match=r"sharded\.ckpt: 'sliced' was saved in slices"):
                bundle.read(["sliced"])

    def test_a_name_that_is_not_there(self):
        with (
            tensor_bundle.opened(FOLDER / "small.ckpt") as bundle,
            pytest.raises(CheckpointError, match="no tensor 'x'"),
        ):
            bundle.read(["x"])


def write(folder: Path, index: bytes, data: bytes = b"") -> Path:
    (folder / "x.index").write_bytes(index)
    (folder / "x.data-00000-of-00001").write_bytes(data)
    return folder / "x"


def read_all(path: Path) -> dict[str, np.ndarray]:
    with tensor_bundle.opened(path) as bundle:
        readable = [n for n, e in bundle.entries.items() if not e.sliced and e.dtype in tensor_bundle.READABLE]
        return bundle.read(readable)


def refused(path: Path, message: str) -> None:
    """Reading fails for this reason, with the file's name, taking little memory."""
    crc32c(b"")  # compiles, which takes some
    assert refuse(read_all, path, message, 6 << 20).startswith(f"{path}: ")


NUMBERS = np.arange(6, dtype="<f4").tobytes()
GOOD = entry(NUMBERS)


def test_the_writer_makes_good_files(tmp_path):
    many = {f"name{i}".encode(): entry(NUMBERS[4 * i : 4 * i + 4], offset=4 * i) for i in range(6)}
    for per_block in (1, 2, 100):
        arrays = read_all(write(tmp_path, table(many, per_block), NUMBERS))
        assert {name: array.tolist() for name, array in arrays.items()} == {f"name{i}": [i] for i in range(6)}


HEADERS = {
    "states 0 shards": [b"", header(0)],
    "states -1 shards": [header(-1)],
    "states 1099511627776 shards": [header(1 << 40)],
    "big-endian": [header(more=field(2, 1))],
    "later version": [header(more=field(3, field(1, 1) + field(2, 2)))],
    "there is no x.data-00000-of-00002": [header(2)],
    "not one number": [header(more=field(1, 1)), field(1, b"1")],
    "a number where a message": [header(more=field(3, 5))],
    "cut short": [b"\x0a\x05a", b"\x0d\x01", b"\x08"],
    "wire type 3": [b"\x0b"],
    "wire type 7": [b"\x0f"],
    "the number 0": [b"\x00\x00"],
}


@pytest.mark.parametrize(("value", "message"), [(value, why) for why, every in HEADERS.items() for value in every])
def test_headers(tmp_path, value, message):
    refused(write(tmp_path, table_of(block(item(b"", value))), NUMBERS), message)


HUGE = 1 << 62

ENTRIES = {
    "are not in shard": [
        entry(NUMBERS, offset=1),
        entry(NUMBERS, offset=-1),
        entry(NUMBERS, offset=HUGE),
        entry(NUMBERS, shard=1),
        entry(NUMBERS, shard=-1),
        entry(NUMBERS, size=-24),
        entry(size=HUGE, shape=shape_of(1 << 30)),
        entry(dtype=7, size=25),
    ],
    "is not of": [
        entry(NUMBERS, shape=shape_of(7)),
        entry(NUMBERS, shape=shape_of(2, 2)),
        entry(NUMBERS, shape=b""),
        entry(NUMBERS, shape=shape_of(0)),
        entry(NUMBERS, dtype=2),
        entry(b"", shape=shape_of(6)),
    ],
    "is impossible": [
        entry(NUMBERS, shape=shape_of(-2, -3)),
        entry(NUMBERS, shape=shape_of(HUGE, HUGE)),
        entry(b"", shape=shape_of(0, HUGE)),
        entry(b"", shape=shape_of(0, 1 << 30, 1 << 30)),
    ],
    "unknown rank, or of": [entry(b"", shape=field(3, 1)), entry(NUMBERS, shape=shape_of(6, *[1] * 8))],
    "more than one shape": [entry(NUMBERS, more=field(2, shape_of(6)))],
    "a number where a message": [entry(NUMBERS, shape=field(2, 6)), field(2, 6), entry(NUMBERS, more=field(7, 1))],
    "not one number": [entry(NUMBERS, more=field(4, 0)), entry(NUMBERS, shape=field(2, field(1, b"6")))],
    "does not have its checksum": [entry(NUMBERS, crc=0)],
    "share bytes": [entry(NUMBERS[20:], offset=20)],
}


@pytest.mark.parametrize(("hostile", "message"), [(one, why) for why, every in ENTRIES.items() for one in every])
def test_entries(tmp_path, hostile, message):
    path = write(tmp_path, table({b"x": hostile, b"y": entry(NUMBERS[8:], offset=8)}), NUMBERS)
    if "share bytes" not in message:
        path = write(tmp_path, table({b"x": hostile}), NUMBERS)
    refused(path, f"'x'.* {message}" if message != "share bytes" else "'y' and 'x' share bytes")


def test_a_name_that_is_not_utf_8(tmp_path):
    refused(write(tmp_path, table({b"\xff": GOOD}), NUMBERS), "name that is not UTF-8")


def test_a_dtype_of_later_times_is_listed(tmp_path):
    path = write(tmp_path, table({b"x": entry(NUMBERS, dtype=99)}), NUMBERS)
    with tensor_bundle.opened(path) as bundle:
        assert bundle.entries["x"].dtype == "number 99"


@pytest.mark.parametrize("index", [table_of(), table_of(block(b"")), table_of(block(item(b"a", GOOD)))])
def test_an_index_without_a_header(tmp_path, index):
    refused(write(tmp_path, index, NUMBERS), "the index has no header")


class TestFiles:
    @pytest.mark.parametrize("suffix", ["", ".index"])
    def test_by_prefix_or_index(self, suffix):
        assert read_all(Path(f"{FOLDER / 'small.ckpt'}{suffix}"))["global_step"] == 218949

    @pytest.mark.parametrize("what", ["absent", ".", "/dev/zero"])
    def test_what_is_no_checkpoint(self, tmp_path, what):
        refused(tmp_path / what, "neither an archive nor the prefix of a checkpoint")

    def test_a_file_of_another_kind(self, tmp_path):
        (tmp_path / "x.h5").write_bytes(b"\x89HDF\r\n\x1a\n" + bytes(1000))
        refused(tmp_path / "x.h5", r"there is no x\.h5\.index")

    def test_a_shard_that_is_not_there(self, tmp_path):
        shutil.copy(INDEX, tmp_path)
        refused(tmp_path / "small.ckpt", r"there is no small\.ckpt\.data-00000-of-00001")

    def test_a_shard_that_is_cut_short(self, tmp_path):
        refused(write(tmp_path, INDEX.read_bytes(), DATA.read_bytes()[:-1]), "cut short")

    def test_a_shard_that_is_cut_short_while_open(self, tmp_path):
        path = write(tmp_path, table({b"x": GOOD}), NUMBERS)
        with tensor_bundle.opened(path) as bundle:
            (tmp_path / "x.data-00000-of-00001").write_bytes(NUMBERS[:-1])
            with pytest.raises(CheckpointError, match="cut short"):
                bundle.read(["x"])

    def test_an_index_too_large_to_read(self, tmp_path):
        path = write(tmp_path, b"")
        with (tmp_path / "x.index").open("wb") as file:
            file.truncate(sstable.MAX_TABLE + 1)
        refused(path, "an index of 16777217 bytes")

    def test_one_bit_of_a_tensor(self, tmp_path):
        data = bytearray(DATA.read_bytes())
        with tensor_bundle.opened(FOLDER / "small.ckpt") as bundle:
            place = bundle.entries["matrix"].offset
        data[place] ^= 1
        with tensor_bundle.opened(write(tmp_path, INDEX.read_bytes(), bytes(data))) as bundle:
            assert bundle.read(["global_step"])["global_step"] == 218949
            with pytest.raises(CheckpointError, match="'matrix' does not have its checksum"):
                bundle.read(["matrix"])


# Damage -----------------------------------------------------------------------------------------------------------


def changed(data: bytes, changes: list[tuple[int, int]]) -> bytes:
    damaged = bytearray(data)
    for place, value in changes:
        damaged[place % len(damaged)] = value
    return bytes(damaged)


CHANGES = st.lists(st.tuples(st.integers(0, 1 << 16), st.integers(0, 255)), min_size=1, max_size=8)


@settings(max_examples=200, deadline=None)
@given(CHANGES, st.booleans(), st.booleans())
def test_damaged_anywhere(tmp_path_factory, changes, archive, shard):
    """Checksums find it; nothing but a CheckpointError comes out, or what was written."""
    folder = tmp_path_factory.mktemp("damaged")
    index, data = INDEX.read_bytes(), DATA.read_bytes()
    if archive:
        path = folder / "x.tar"
        path.write_bytes(changed(packed([("x.index", index), ("x.data-00000-of-00001", data)]), changes))
    else:
        path = write(folder, *((index, changed(data, changes)) if shard else (changed(index, changes), data)))
    try:
        arrays = read_all(path)
    except CheckpointError:
        return
    theirs = read_all(FOLDER / "small.ckpt")
    assert {name: array.tobytes() for name, array in arrays.items()} == {n: a.tobytes() for n, a in theirs.items()}


@settings(max_examples=200, deadline=None)
@given(CHANGES)
def test_damaged_with_new_checksums(tmp_path_factory, changes):
    """What a checksum proves is only that nobody was careless: values of the index, changed and summed again."""
    entries = sstable.parse(INDEX.read_bytes())
    whole = b"".join(entries.values())
    damaged = changed(whole, changes)
    ends = itertools.accumulate(len(value) for value in entries.values())
    values = [damaged[end - len(old) : end] for end, old in zip(ends, entries.values(), strict=True)]
    index = table_of(block(b"".join(map(item, entries, values))))
    try:
        arrays = read_all(write(tmp_path_factory.mktemp("damaged"), index, DATA.read_bytes()))
    except CheckpointError:
        return
    assert sum(array.nbytes for array in arrays.values()) <= DATA.stat().st_size


@pytest.mark.parametrize("place", range(9))
def test_a_damaged_text(tmp_path, place):
    """The length, its checksum and the bytes all have one checksum more."""
    with tensor_bundle.opened(FOLDER / "small.ckpt") as bundle:
        entry = bundle.entries["string"]
    assert entry.size == 9
    for path in (INDEX, DATA):
        shutil.copy(path, tmp_path)
    data = bytearray(DATA.read_bytes())
    data[entry.offset + place] ^= 4
    (tmp_path / DATA.name).write_bytes(data)
    with (
        tensor_bundle.opened(tmp_path / "small.ckpt") as bundle,
        pytest.raises(CheckpointError, match="does not have its checksum"),
    ):
        bundle.text("string")

"""What only PyTorch's zip archives have; ``test_torch_file.py`` has what both formats share."""

import io
import struct
import warnings
import zipfile

import numpy as np
import pytest
import torch
from helpers.refusal import refuse
from helpers.torch_files import SIX, STATE, archive, saved, storage, tensor
from hypothesis import given, settings
from hypothesis import strategies as st

from refnet.checkpoints.readers.torch import torch_file, torch_zip
from refnet.errors import CheckpointError
from refnet.files import zip_archive

GOOD = saved(STATE)


def patched(name: str, at: int, value: int, form: str, data: bytes | None = None) -> bytes:
    """An archive with another number in the directory's entry of a member."""
    data = archive() if data is None else data
    directory = data.index(b"PK\x01\x02")
    entry = data.index(b"x/" + name.encode(), directory) - 46
    changed = bytearray(data)
    struct.pack_into(form, changed, entry + at, value)
    return bytes(changed)


def added(name: str, member: bytes) -> bytes:
    """An archive with one more member."""
    buffer = io.BytesIO(archive())
    with warnings.catch_warnings(), zipfile.ZipFile(buffer, "a") as file:
        warnings.simplefilter("ignore")  # that there is one of this name
        file.writestr(name, member)
    return buffer.getvalue()


FLAGS, METHOD, CRC, COMPRESSED, SIZE, OFFSET = 8, 10, 16, 20, 24, 42  # places in an entry


def refused(data: bytes, message: str) -> None:
    refuse(torch_zip.load, data, message, (1 << 20) + 300 * len(data))


def test_the_assembler_makes_good_files():
    for data in (
        archive(),
        archive(folder="ü/"),
        archive(members={"byteorder": None}),
        patched("version", CRC, 0, "<I"),
    ):
        (array,) = torch_zip.load(data).values()
        assert np.array_equal(array, np.arange(6, dtype=np.float32).reshape(2, 3))


def test_without_checksums():
    torch.serialization.set_crc32_options(False)
    try:
        data = saved(STATE)
    finally:
        torch.serialization.set_crc32_options(True)
    assert zipfile.ZipFile(io.BytesIO(data)).infolist()[0].CRC == 0
    ours, checked = torch_zip.load(data), torch_zip.load(GOOD)
    assert ours.keys() == checked.keys()
    assert all(array.tobytes() == checked[name].tobytes() for name, array in ours.items())


@pytest.mark.parametrize("method", [zipfile.ZIP_DEFLATED, zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA])
def test_bombs(method):
    elements = 1 << 22
    content = {"x": tensor(shape=(elements,), strides=(1,), of=storage(count=elements))}
    data = archive(content, {"data/0": bytes(4 * elements)}, compression=method)
    assert len(data) < 1 << 16
    refused(data, "member 'x/data.pkl' is compressed; PyTorch and Keras store members as they are")


def test_a_bomb_that_says_it_is_stored():
    data = archive(members={"data/0": bytes(1 << 16)}, compression=zipfile.ZIP_DEFLATED)
    for name in ("data.pkl", "byteorder", "data/0", "version", ".data/serialization_id"):
        data = patched(name, METHOD, 0, "<H", data)
    refused(data, "is compressed")


ARCHIVES = {
    "two members of one name": [added("x/data/0", SIX[::-1]), added("x/data/0", SIX)],
    "'x/data/0' is encrypted": [patched("data/0", FLAGS, flag, "<H") for flag in (1, 0x40, 0x2000)],
    "'x/data/0' is compressed": [
        patched("data/0", METHOD, 8, "<H"),
        patched("data/0", METHOD, 77, "<H"),
        patched("data/0", SIZE, 25, "<I"),
        patched("data/0", SIZE, 0xFFFFFFFE, "<I"),
        patched("data/0", COMPRESSED, 23, "<I"),
    ],
    "'x/version' overlaps the one before": [patched("data/0", SIZE, 60, "<I", patched("data/0", COMPRESSED, 60, "<I"))],
    "overlaps the archive's directory": [
        patched(".data", SIZE, 0xFFFFFFFE, "<I", patched(".data", COMPRESSED, 0xFFFFFFFE, "<I")),
        patched(".data", SIZE, 41, "<I", patched(".data", COMPRESSED, 41, "<I")),
    ],
    "'x/data/0' begins outside the file": [patched("data/0", OFFSET, 0xFFFFFFFE, "<I")],
    "'x/data.pkl' begins outside the file": [archive()[9:]],
    "'x/data/0' is not where the archive's directory says": [
        patched("data/0", OFFSET, 0, "<I"),
        patched("data/0", OFFSET, 1, "<I"),
    ],
    "'x/data/0' is damaged: its checksum disagrees": [
        patched("data/0", CRC, 1, "<I"),
        archive().replace(SIX, SIX[::-1]),
    ],
    "not a zip archive that can be read": [b"", b"PK\x03\x04", archive()[:-1], archive()[:-22], archive()[:50]],
    "FOLDER/data.pkl, not one": [
        archive(members={"data.pkl": None}),
        archive(folder=""),
        archive(folder="x/y/"),
        added("y/data.pkl", b""),
    ],
    "members outside the folder 'x/'": [added("y/version", b"3"), added("version", b"3")],
    "a TorchScript archive without tensors": [archive(members={"constants.pkl": b"", "code/x.py": b"print()"})],
    "members that no checkpoint has: \\['code/x.py'\\]": [archive(members={"code/x.py": b"print()"})],
    "the checkpoint's numbers are b'big'-endian": [archive(members={"byteorder": b"big"})],
    "the checkpoint's numbers are b'middle": [archive(members={"byteorder": b"middle" * 1000})],
    "version b''": [archive(members={"version": None})],
    "version b'11": [archive(members={"version": b"11"})],
    "version b'three": [archive(members={"version": b"three"})],
    "a member, or members without a storage: \\['0'\\]": [archive(members={"data/0": None})],
    "a member, or members without a storage: \\['1'\\]": [archive(members={"data/1": b"1"})],
    "of 6 elements takes 24 bytes, its member has 23": [archive(members={"data/0": SIX[:-1]})],
    "of 6 elements takes 24 bytes, its member has 25": [archive(members={"data/0": SIX + b"0"})],
    "of 6 elements takes 24 bytes, its member has 0": [archive(members={"data/0": b""})],
    "data.pkl goes on after its pickle": [archive(members={"data.pkl": b"\x80\x02}.}"})],
    "the pickle is malformed: it is cut short": [archive(members={"data.pkl": b""})],
}


@pytest.mark.parametrize(("data", "message"), [(data, m) for m, every in ARCHIVES.items() for data in every])
def test_archives(data, message):
    refused(data, message)


def test_a_huge_directory():
    size = zip_archive.MAX_DIRECTORY + 1
    end = struct.pack("<4s4H2IH", b"PK\x05\x06", 0, 0, 1, 1, size, 4, 0)
    refused(b"PK\x03\x04" + bytes(size) + end, f"directory has {size} bytes")


def test_many_members(monkeypatch):
    monkeypatch.setattr(zip_archive, "MAX_MEMBERS", 4)
    refused(archive(), "the archive has 5 members")


def test_a_storage_larger_than_the_file():
    refused(archive({"x": tensor(of=storage(count=1 << 62))}), "takes 18446744073709551616 bytes, its member has 24")


def small() -> bytes:
    """A file whose checksums say nothing, so that every change reaches the reader."""
    torch.serialization.set_crc32_options(False)
    try:
        return saved({"state_dict": {"a": torch.arange(6.0).reshape(2, 3).t(), "b": torch.tensor(7)}, "epoch": 3})
    finally:
        torch.serialization.set_crc32_options(True)


SMALL = small()
# Where a change means something: the pickle, and from the directory on.
PLACES = [*range(400), *range(SMALL.index(b"PK\x01\x02"), len(SMALL))]


def test_cut_short_anywhere():
    for length in range(len(SMALL)):
        with pytest.raises(CheckpointError):
            torch_zip.load(SMALL[:length])


def assert_refused_or_arrays(data: bytes) -> None:
    try:
        content = torch_file.load(data)
    except CheckpointError:
        return
    todo: list[object] = [content]
    total = 0
    while todo:
        value = todo.pop()
        todo += value.values() if isinstance(value, dict) else value if isinstance(value, list | tuple) else ()
        total += value.nbytes if isinstance(value, np.ndarray) else 0
    assert total <= 2 * len(data)


@settings(max_examples=400, deadline=1000)
@given(st.lists(st.tuples(st.sampled_from(PLACES), st.integers(0, 255)), min_size=1, max_size=6))
def test_damaged_anywhere(changes):
    damaged = bytearray(SMALL)
    for place, value in changes:
        damaged[place] = value
    assert_refused_or_arrays(bytes(damaged))


@settings(max_examples=100, deadline=1000)
@given(st.integers(0, len(GOOD) - 1), st.integers(1, 255))
def test_a_changed_byte_of_a_tensor_is_noticed(place, change):
    damaged = bytearray(GOOD)
    damaged[place] ^= change
    try:
        ours = torch_zip.load(bytes(damaged))
    except CheckpointError:
        return
    assert {name: array.tobytes() for name, array in ours.items()} == {
        name: array.tobytes() for name, array in torch_zip.load(GOOD).items()
    }


@settings(max_examples=100, deadline=1000)
@given(st.integers(0, len(SMALL)), st.integers(0, len(SMALL)), st.binary(max_size=30))
def test_parts_taken_out_and_put_in(start, stop, insert):
    assert_refused_or_arrays(SMALL[:start] + insert + SMALL[stop:])


@settings(max_examples=200, deadline=1000)
@given(st.binary(max_size=200))
def test_any_program(opcodes):
    with pytest.raises(CheckpointError):
        torch_zip.load(archive(members={"data.pkl": b"\x80\x02" + opcodes}))

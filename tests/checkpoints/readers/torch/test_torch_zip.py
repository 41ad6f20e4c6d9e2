"""Zip-format PyTorch files: read as PyTorch reads them, and nothing in them is ever executed."""

import argparse
import collections
import functools
import io
import os
import pickle
import struct
import tracemalloc
import warnings
import zipfile

import numpy as np
import pytest
import torch
from checkpoints.readers.torch.test_torch_legacy import (
    CODE,
    STATE,
    TENSORS,
    called,
    legacy,
    named,
    program,
    storage,
    tensor,
)
from hypothesis import given, settings
from hypothesis import strategies as st

from refnet.checkpoints.readers.torch import torch_file, torch_legacy, torch_zip
from refnet.checkpoints.state_dict import BFLOAT16
from refnet.errors import CheckpointError
from refnet.files import zip_archive

NEW_AND_OLD = pytest.mark.parametrize("new", [True, False], ids=["zip", "legacy"])


def saved(content: object, new: bool = True) -> bytes:
    buffer = io.BytesIO()
    torch.save(content, buffer, _use_new_zipfile_serialization=new)
    return buffer.getvalue()


def assert_same(ours: object, theirs: object) -> None:
    """Equal in every bit, type and order, through all containers."""
    match theirs:
        case torch.Tensor():
            bits = theirs.detach().contiguous()
            if bits.dtype == torch.bfloat16:
                assert ours.dtype == BFLOAT16
                bits = bits.view(torch.int16)
            else:
                assert ours.dtype == bits.numpy().dtype
            assert ours.shape == tuple(theirs.shape)
            assert ours.tobytes() == bits.numpy().tobytes()
            assert ours.flags.c_contiguous
            assert ours.flags.owndata
        case dict():
            assert type(ours) is dict
            assert list(ours) == list(theirs)
            for key, value in theirs.items():
                assert_same(ours[key], value)
        case list() | tuple():
            assert (type(ours), len(ours)) == (type(theirs), len(theirs))
            for one, other in zip(ours, theirs, strict=True):
                assert_same(one, other)
        case _:
            assert (type(ours), ours) == (type(theirs), theirs)


def module() -> torch.nn.Module:
    torch.manual_seed(0)
    return torch.nn.Sequential(torch.nn.Conv2d(3, 4, 3), torch.nn.BatchNorm2d(4), torch.nn.Conv2d(4, 2, 1).half())


GOOD = saved(STATE)


class TestAgainstTorch:
    @NEW_AND_OLD
    def test_every_tensor_has_the_same_bytes(self, new):
        assert not STATE["transposed"].is_contiguous()
        assert_same(torch_file.load(saved(STATE, new)), STATE)

    @NEW_AND_OLD
    def test_a_module_with_its_metadata(self, new):
        assert_same(torch_file.load(saved(module().state_dict(), new)), module().state_dict())

    @NEW_AND_OLD
    def test_a_checkpoint_of_a_training(self, new):
        network = module()
        momentum = {i: {"momentum_buffer": value.detach() * 2} for i, value in enumerate(network.parameters())}
        content = {
            "state_dict": network.state_dict(),
            "state_dict_ema": {f"module.{name}": value * 0.5 for name, value in network.state_dict().items()},
            "optimizer": {"state": momentum, "param_groups": [{"lr": 0.1, "nesterov": False, "params": [0, 1]}]},
            "parameter": torch.nn.Parameter(torch.arange(3.0)),
            "frozen": torch.nn.Parameter(torch.arange(3.0).t(), requires_grad=False),
            "bfloat16": torch.linspace(-3, 3, 7, dtype=torch.bfloat16),
            "random_state": torch.arange(9, dtype=torch.uint8),
            "plain": [1, -(1 << 70), 2.5, True, None, "text", (1, (2,)), [], {}, {3: "x"}],
        }
        assert_same(torch_file.load(saved(content, new)), content)

    @NEW_AND_OLD
    def test_shared_storages(self, new):
        base = torch.arange(12.0)
        content = {"even": base[::2], "odd": base[1::2], "tied": base, "inner": {"transposed": base.reshape(3, 4).t()}}
        with pytest.raises(CheckpointError, match="tensors of 144 bytes share storages of 48"):
            torch_file.load(saved(content, new))
        del content["tied"]
        assert_same(torch_file.load(saved(content, new)), content)

    @NEW_AND_OLD
    def test_one_tensor_in_many_places_is_one_array(self, new):
        weight = torch.arange(5.0)
        content = {"model": {f"{i}": weight for i in range(9)}, "again": [weight]}
        ours = torch_file.load(saved(content, new))
        assert_same(ours, content)
        assert ours["again"][0] is ours["model"]["8"]

    def test_a_file_of_any_name(self, tmp_path):
        for name in ("b0.pth", "mödel-1.2 (3).pt", "pytorch_model.bin"):
            torch.save(STATE, tmp_path / name)
            assert_same(torch_file.read(tmp_path / name), STATE)

    def test_without_checksums(self):
        torch.serialization.set_crc32_options(False)
        try:
            data = saved(STATE)
        finally:
            torch.serialization.set_crc32_options(True)
        assert zipfile.ZipFile(io.BytesIO(data)).infolist()[0].CRC == 0
        assert_same(torch_zip.load(data), STATE)

    @given(st.data())
    @settings(max_examples=30, deadline=None)
    def test_any_view_of_a_storage(self, data):
        shape = data.draw(st.lists(st.integers(1, 4), max_size=4))
        strides = data.draw(st.lists(st.integers(0, 12), min_size=len(shape), max_size=len(shape)))
        view = torch.as_strided(torch.arange(300.0), shape, strides, data.draw(st.integers(0, 100)))
        assert_same(torch_zip.load(saved({"x": view})), {"x": view})


# An assembler for hostile archives ------------------------------------------------------------------------------------

SIX = struct.pack("<6f", *range(6))


def archive(content: object = None, members: dict[str, bytes | None] | None = None, folder: str = "x/", **how) -> bytes:
    """An archive as PyTorch writes it, but for the members named: other bytes, or None for no such member."""
    content = {"x": tensor()} if content is None else content
    written = {"data.pkl": b"\x80\x02" + program(content) + b".", "byteorder": b"little", "data/0": SIX}
    written |= {"version": b"3\n", ".data/serialization_id": b"1" * 40} | (members or {})
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", **how) as file:
        for name, data in written.items():
            if data is not None:
                file.writestr(folder + name, data)
    return buffer.getvalue()


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
    """Reading fails for this reason, taking memory in proportion to the file only."""
    tracemalloc.start()
    try:
        with pytest.raises(CheckpointError, match=message):
            torch_zip.load(data)
        assert tracemalloc.get_traced_memory()[1] < (1 << 20) + 300 * len(data)
    finally:
        tracemalloc.stop()


def test_the_assembler_makes_good_files():
    for data in (
        archive(),
        archive(folder="ü/"),
        archive(members={"byteorder": None}),
        patched("version", CRC, 0, "<I"),
    ):
        (array,) = torch_zip.load(data).values()
        assert np.array_equal(array, np.arange(6, dtype=np.float32).reshape(2, 3))


# The archive ----------------------------------------------------------------------------------------------------------


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
    "a TorchScript archive, which is a program": [archive(members={"constants.pkl": b"", "code/x.py": b"print()"})],
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


# The pickle -----------------------------------------------------------------------------------------------------------

SHARED = [(hostile, message) for message, every in TENSORS.items() for hostile in every]


@pytest.mark.parametrize(("hostile", "message"), SHARED)
def test_tensors(hostile, message):
    refused(archive({"good": tensor(), "x": hostile}), message)
    refused(archive({"good": tensor(), "inner": [{"x": (hostile,)}]}), message)


@pytest.mark.parametrize(("attack", "message"), [(a, m) for m, every in CODE.items() for a in every])
def test_code(attack, message, monkeypatch):
    def betray(*_: object) -> None:
        raise AssertionError("executed")

    monkeypatch.setattr(os, "system", betray)
    refused(archive(attack), message)
    refused(archive({"state_dict": {"x": attack}}), message)


class Evil:
    def __init__(self, *call: object) -> None:
        self.call = call

    def __reduce__(self):
        return self.call[0], tuple(self.call[1:])


@NEW_AND_OLD
def test_the_options_of_a_training_run_are_left_out(new):
    """What timm's train.py puts beside the state dict."""
    options = argparse.Namespace(lr=1, model="efficientnet_b0", betas=(0.9, 0.99), opt=None)
    found = torch_file.load(saved({"args": options, "state_dict": {"w": torch.ones(2)}}, new))
    assert found["args"] == {}
    assert found["state_dict"]["w"].tolist() == [1, 1]


@NEW_AND_OLD
@pytest.mark.parametrize(
    ("value", "name"),
    [
        (Evil(os.system, "touch owned"), "posix system"),
        (argparse.Namespace(lr=Evil(os.system, "touch owned")), "posix system"),
        (Evil(eval, "1"), "__builtin__ eval"),
        (Evil(getattr, "x", "upper"), "__builtin__ getattr"),
        (functools.partial(print, "x"), "functools partial"),
        (Evil(torch.load, "x"), "torch.serialization load"),
        (Evil(np.load, "x"), "numpy load"),
        (np.float64(1), "numpy._core.multiarray scalar"),
        (np.arange(3), "numpy._core.multiarray _reconstruct"),
        (torch.nn.Linear(1, 1), "torch.nn.modules.linear Linear"),
        (torch.float32, "torch float32"),
        (torch.device("cpu"), "torch device"),
        (torch.Size([1]), "torch Size"),
        ({1, 2}, "__builtin__ set"),
        (b"bytes", "_codecs encode"),
        (torch.tensor([True]), "torch BoolStorage"),
        (torch.tensor([1j]), "torch ComplexFloatStorage"),
        (torch.eye(2).to_sparse(), "torch._utils _rebuild_sparse_tensor"),
        (collections.defaultdict(list), "collections defaultdict"),
    ],
    ids=lambda value: type(value).__name__,
)
def test_what_others_put_into_checkpoints(value, name, new):
    with pytest.raises(CheckpointError) as caught:
        torch_file.load(saved({"x": value}, new))
    assert str(caught.value) == (
        f"the pickle names '{name}', which no checkpoint needs; "
        'where PyTorch is, save the tensors alone: torch.save(model.state_dict(), "weights.pth")'
    )


@NEW_AND_OLD
def test_the_milestones_of_a_learning_rate(new):
    network = module()
    scheduler = torch.optim.lr_scheduler.MultiStepLR(torch.optim.SGD(network.parameters(), 0.1), [30, 60, 60])
    found = torch_file.load(saved({"scheduler": scheduler.state_dict(), "model": network.state_dict()}, new))
    assert found["scheduler"]["milestones"] == {30: 1, 60: 2}
    assert_same(found["model"], network.state_dict())


def test_a_program(tmp_path):
    """TorchScript, as PyTorch itself writes it: its code is compressed."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        torch.jit.save(torch.jit.trace(torch.nn.Linear(2, 3), torch.ones(1, 2)), tmp_path / "x.pt")
    with zipfile.ZipFile(tmp_path / "x.pt") as file:
        assert any(member.compress_type == zipfile.ZIP_DEFLATED for member in file.infolist())
    with pytest.raises(CheckpointError) as caught:
        torch_file.read(tmp_path / "x.pt")
    assert str(caught.value) == (
        f"{tmp_path / 'x.pt'}: a TorchScript archive, which is a program; save the model's state_dict() instead"
    )


@pytest.mark.parametrize(
    ("value", "message"),
    [
        (storage(), "'x' is neither a tensor nor plain data"),
        (named("torch FloatStorage"), "'x' is neither a tensor nor plain data"),
        (named("collections OrderedDict"), "'x' is neither a tensor nor plain data"),
        ([1, {2: named("torch FloatStorage")}], "'x.1.2' is neither"),
        (called("torch._utils _rebuild_parameter", (tensor(), True)), "a parameter is not described"),
        (called("torch._utils _rebuild_parameter", (storage(), True, {})), "a parameter is not described"),
        (called("collections Counter", ()), "a Counter that is not made of a dictionary"),
        (called("collections Counter", ([],)), "a Counter that is not made of a dictionary"),
        (b")" + b"\x85" * 20, "deeper than 16 containers"),
        (b")" + b"q\x00h\x00\x86" * 1000, "deeper than 16 containers"),
        (b"}q\x00X\x01\x00\x00\x00ah\x00s", "deeper than 16 containers"),
        (b"]q\x00(" + b"h\x00" * 1000 + b"e", "deeper than 16 containers"),
        (b"(" + b"N" * (1 << 19) + b"t", "more than 524288 opcodes"),
    ],
)
@pytest.mark.parametrize("reader", [torch_zip, torch_legacy])
def test_containers(value, message, reader):
    with_storage = {"good": tensor(), "x": value}
    with pytest.raises(CheckpointError, match=message):
        reader.load(archive(with_storage) if reader is torch_zip else legacy(with_storage))


@NEW_AND_OLD
def test_a_list_that_repeats_itself_widely_is_read_once(new):
    wide = [torch.ones(1)] * 100
    for _ in range(10):
        wide = [wide] * 100
    ours = torch_file.load(saved({"x": wide}, new))["x"]
    assert len(ours) == 100
    assert ours[0] is ours[99]


@pytest.mark.parametrize("content", [[], (), None, 5, "text", tensor(), {5: tensor()}])
def test_what_is_not_a_dictionary_by_name(content):
    without = {} if isinstance(content, bytes | dict) else {"data/0": None}
    refused(archive(program(content), without), "not a dictionary of things by name")


# Bytes ----------------------------------------------------------------------------------------------------------------


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


def test_an_error_names_the_file(tmp_path):
    for data in (b"nothing", b"PK\x03\x04", pickle.dumps({}, protocol=4)):
        (tmp_path / "x.pth").write_bytes(data)
        with pytest.raises(CheckpointError, match=r"x\.pth: "):
            torch_file.read(tmp_path / "x.pth")
    with pytest.raises(CheckpointError, match=r"absent\.pth is not a file"):
        torch_file.read(tmp_path / "absent.pth")

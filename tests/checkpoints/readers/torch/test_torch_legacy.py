"""Legacy PyTorch files: read as PyTorch reads them, and nothing in them is ever executed."""

import collections
import io
import os
import pickle
import struct
import tracemalloc

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from refnet.checkpoints.readers import file_bytes
from refnet.checkpoints.readers.torch import pickle_machine, torch_file, torch_legacy
from refnet.errors import CheckpointError


def saved(state: object) -> bytes:
    buffer = io.BytesIO()
    torch.save(state, buffer, _use_new_zipfile_serialization=False)
    return buffer.getvalue()


BASE = torch.arange(120, dtype=torch.float32)
STATE = collections.OrderedDict(
    contiguous=BASE.reshape(2, 60),
    transposed=torch.arange(120.0).reshape(3, 4, 10).permute(2, 0, 1),
    part=torch.arange(50.0)[7:31:3],
    one_axis=torch.arange(6.0).reshape(1, 6).expand(1, 6).t(),
    scalar=torch.tensor(5),
    double=torch.tensor([1.5, float("nan"), float("inf"), -0.0], dtype=torch.float64),
    half=torch.arange(4, dtype=torch.float16),
    integers=torch.arange(4, dtype=torch.int32),
)
GOOD = saved(STATE)


class TestAgainstTorch:
    def test_every_tensor_has_the_same_bytes(self):
        assert not STATE["transposed"].is_contiguous()
        ours = torch_legacy.load(GOOD)
        assert list(ours) == list(STATE)
        for name, tensor in STATE.items():
            assert ours[name].tobytes() == tensor.contiguous().numpy().tobytes()
            assert (ours[name].shape, ours[name].dtype) == (tuple(tensor.shape), tensor.numpy().dtype)
            assert ours[name].flags.c_contiguous
            assert ours[name].flags.aligned
            assert ours[name].flags.owndata

    def test_a_module_with_its_metadata(self):
        module = torch.nn.Sequential(torch.nn.Conv2d(3, 4, 3), torch.nn.BatchNorm2d(4))
        ours = torch_legacy.load(saved(module.state_dict()))
        assert {name: array.shape for name, array in ours.items()} == {
            name: tuple(tensor.shape) for name, tensor in module.state_dict().items()
        }

    def test_views_of_one_storage(self):
        ours = torch_legacy.load(saved({"even": BASE[::2], "odd": BASE[1::2]}))
        assert np.array_equal(ours["even"] + 1, ours["odd"])

    def test_from_a_file(self, tmp_path):
        (tmp_path / "x.pth").write_bytes(GOOD)
        assert list(torch_file.read(tmp_path / "x.pth")) == list(STATE)

    @given(st.data())
    @settings(max_examples=60, deadline=None)
    def test_any_view_of_a_storage(self, data):
        shape = data.draw(st.lists(st.integers(1, 4), max_size=4))
        strides = data.draw(st.lists(st.integers(0, 12), min_size=len(shape), max_size=len(shape)))
        view = torch.as_strided(torch.arange(300.0), shape, strides, data.draw(st.integers(0, 100)))
        (ours,) = torch_legacy.load(saved({"x": view})).values()
        assert np.array_equal(ours, view.numpy())
        assert ours.shape == view.shape


# A small assembler for hostile files ----------------------------------------------------------------------------------


def program(value: object) -> bytes:
    """Opcodes that push a value; bytes are opcodes already."""
    match value:
        case bytes():
            return value
        case None | bool():
            return {None: b"N", True: b"\x88", False: b"\x89"}[value]
        case int():
            raw = pickle.encode_long(value)
            return b"\x8a" + bytes([len(raw)]) + raw
        case str():
            return b"X" + struct.pack("<I", len(value.encode())) + value.encode()
        case tuple():
            return b"(" + b"".join(map(program, value)) + b"t"
        case list():
            return b"](" + b"".join(map(program, value)) + b"e"
        case dict():
            return b"}(" + b"".join(program(item) for pair in value.items() for item in pair) + b"u"
    raise TypeError(value)


def named(name: str) -> bytes:
    return b"c" + name.replace(" ", "\n").encode() + b"\n"


def called(function: str, arguments: object) -> bytes:
    return named(function) + program(arguments) + b"R"


def storage(key: object = "0", count: object = 6, kind: str = "torch FloatStorage", extra: tuple = (None,)) -> bytes:
    return program(("storage", named(kind), key, "cpu", count, *extra)) + b"Q"


def tensor(offset: object = 0, shape: object = (2, 3), strides: object = (3, 1), of: bytes | None = None) -> bytes:
    arguments = (storage() if of is None else of, offset, shape, strides, False, called("collections OrderedDict", ()))
    return called("torch._utils _rebuild_tensor_v2", arguments)


def legacy(state: object, keys: object = ("0",), data: bytes = struct.pack("<q6f", 6, *range(6)), **facts) -> bytes:
    facts = {"magic": torch_legacy.MAGIC, "protocol": 1001, "system": {"little_endian": True}} | facts
    keys = list(keys) if isinstance(keys, tuple) else keys
    return b"".join(b"\x80\x02" + program(part) + b"." for part in (*facts.values(), state, keys)) + data


def refused(data: bytes, message: str) -> None:
    """Parsing fails for this reason, taking memory in proportion to the file only."""
    tracemalloc.start()
    try:
        with pytest.raises(CheckpointError, match=message):
            torch_legacy.load(data)
        assert tracemalloc.get_traced_memory()[1] < (1 << 20) + 300 * len(data)
    finally:
        tracemalloc.stop()


def test_the_assembler_makes_good_files():
    (array,) = torch_legacy.load(legacy({"x": tensor()})).values()
    assert np.array_equal(array, np.arange(6, dtype=np.float32).reshape(2, 3))
    (array,) = torch_legacy.load(legacy({"x": tensor(of=storage(extra=()))})).values()
    assert array.shape == (2, 3)


HUGE = 1 << 62

TENSORS = {
    "reach outside": [
        tensor(offset=1),
        tensor(offset=HUGE),
        tensor(strides=(4, 1)),
        tensor(strides=(HUGE, HUGE)),
        tensor(shape=(7,), strides=(1,)),
        tensor(shape=(HUGE, HUGE), strides=(0, 0)),
        tensor(shape=(7,), strides=(0,)),
        tensor(shape=(0, 3)),
        tensor(shape=(0, 1 << 2000), strides=(0, 0)),
    ],
    "not described as PyTorch describes": [
        tensor(offset=-1),
        tensor(offset=None),
        tensor(offset=True),
        tensor(offset=b"G" + struct.pack(">d", 0.0)),
        tensor(shape=(-2, -3)),
        tensor(shape=(2, -3)),
        tensor(strides=(-3, -1)),
        tensor(strides=(3,)),
        tensor(shape=[2, 3]),
        tensor(shape=((2,), 3)),
        tensor(shape=(1,) * 9, strides=(1,) * 9),
        tensor(of=program("storage")),
        called("torch._utils _rebuild_tensor_v2", ()),
        called("torch._utils _rebuild_tensor_v2", (storage(), 0)),
    ],
    "refers to a storage in a way": [
        tensor(of=storage(count=-6)),
        tensor(of=storage(count="6")),
        tensor(of=storage(key=0)),
        tensor(of=storage(extra=(("view", 0, 6),))),
        tensor(of=storage(extra=(None, None))),
        tensor(of=program(("storage", "torch FloatStorage", "0", "cpu", 6, None)) + b"Q"),
        tensor(of=program("0") + b"Q"),
    ],
}


@pytest.mark.parametrize(
    ("hostile", "message"), [(hostile, message) for message, every in TENSORS.items() for hostile in every]
)
def test_tensors(hostile, message):
    refused(legacy({"good": tensor(), "x": hostile}), message)


def test_a_stride_of_no_meaning_may_be_any_number():
    (array,) = torch_legacy.load(legacy({"x": tensor(shape=(1, 6), strides=(1 << 70, 1))})).values()
    assert array.tolist() == [[0, 1, 2, 3, 4, 5]]


def test_a_small_file_does_not_fill_the_memory():
    elements = 1 << 16
    of = storage(count=elements)
    views = {f"{i}": tensor(shape=(elements,), strides=(0,), of=of) for i in range(1000)}
    refused(legacy(views, data=struct.pack("<q", elements) + bytes(4 * elements)), "share storages of 262144")


@pytest.mark.parametrize(
    ("how", "message"),
    [
        ({"keys": ()}, "list of storages is not that of the tensors"),
        ({"keys": ("0", "0")}, "list of storages is not that of the tensors"),
        ({"keys": ("0", "1")}, "list of storages is not that of the tensors"),
        ({"keys": (0,)}, "not a list of texts"),
        ({"keys": {"0": 0}}, "not a list of texts"),
        ({"data": b""}, "cut short"),
        ({"data": struct.pack("<q5f", 6, *range(5))}, "cut short"),
        ({"data": struct.pack("<q6f", 5, *range(6))}, "the file states 5"),
        ({"data": struct.pack("<q6f", -1, *range(6))}, "the file states -1"),
        ({"data": struct.pack("<q7f", 6, *range(7))}, "4 bytes follow the last storage"),
        ({"magic": 7}, "does not begin with PyTorch's magic number"),
        ({"magic": "text"}, "does not begin with PyTorch's magic number"),
        ({"protocol": 1002}, "not PyTorch's protocol 1001"),
        ({"system": {"little_endian": False}}, "little-endian"),
        ({"system": {}}, "little-endian"),
        ({"system": None}, "little-endian"),
    ],
)
def test_containers(how, message):
    refused(legacy({"x": tensor()}, **how), message)


def test_a_storage_larger_than_the_file():
    refused(legacy({"x": tensor(of=storage(count=HUGE))}, data=struct.pack("<q", HUGE) + bytes(24)), "cut short")


def test_one_key_for_two_storages():
    state = {"x": tensor(), "y": tensor(of=storage(kind="torch LongStorage"))}
    refused(legacy(state), "refers to a storage in a way")


@pytest.mark.parametrize("state", [[], (), None, 5, "text", tensor(), {5: tensor()}])
def test_what_is_not_a_state_dict(state):
    without_storage = {} if isinstance(state, bytes | dict) else {"keys": (), "data": b""}
    refused(legacy(state, **without_storage), "not a dictionary of things by name")


# Pickles that want to run something -----------------------------------------------------------------------------------

CODE = {
    "names 'os system'": [called("os system", ("touch /tmp/owned",)), named("os system")],
    "names 'posix system'": [b"cposix\nsystem\n(X\x04\x00\x00\x00truetR"],
    "names 'builtins eval'": [called("builtins eval", ("1",))],
    "names '__builtin__ getattr'": [called("__builtin__ getattr", (1, "x"))],
    "names 'torch.storage _load_from_bytes'": [called("torch.storage _load_from_bytes", ("x",))],
    "names 'torch._utils _rebuild_tensor_v2.__globals__'": [named("torch._utils _rebuild_tensor_v2.__globals__")],
    "opcode STACK_GLOBAL": [program("os") + program("system") + b"\x93"],
    "opcode INST": [b"(ios\nsystem\n"],
    "opcode OBJ": [b"(" + named("collections OrderedDict") + b"o"],
    "opcode NEWOBJ_EX": [named("collections OrderedDict") + program(()) + b"}\x92"],
    "opcode EXT1": [b"\x82\x01"],
    "opcode PERSID": [b"P0\n"],
    "opcode DUP": [b"N2"],
    "opcode POP": [b"N0"],
    "opcode LONG4": [b"\x8b\x01\x00\x00\x00\x07"],
    "opcode BYTEARRAY8": [b"\x96" + struct.pack("<Q", 1) + b"x"],
    "calls what is not a function": [
        program("text") + program(()) + b"R",
        named("torch FloatStorage") + program(()) + b"R",
        named("collections OrderedDict") + program([]) + b"R",
        called("collections OrderedDict", ()) + program(()) + b"R",
    ],
    "an OrderedDict or a Namespace that does not begin empty": [
        called("collections OrderedDict", ([("a", 1)],)),
        named("argparse Namespace") + program((1,)) + b"\x81",
    ],
    "no dict where one is needed": [program("x") + program({}) + b"b"],
}


@pytest.mark.parametrize(("attack", "message"), [(a, m) for m, every in CODE.items() for a in every])
def test_code(attack, message, monkeypatch):
    def betray(*_: object) -> None:
        raise AssertionError("executed")

    monkeypatch.setattr(os, "system", betray)
    refused(legacy(attack), message)
    refused(legacy({"x": attack}), message)
    refused(b"\x80\x02" + attack + b".", "the pickle")


# Malformed pickles ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("pickled", "message"),
    [
        (b"", "malformed"),
        (b".", "takes from an empty stack"),
        (b"\x80\x02", "malformed"),
        (b"\x80\x04N.", "protocol 4"),
        (b"\x80\xffN.", "protocol 255"),
        (b"t.", "a mark that it never set"),
        (b"(t0.", "opcode POP"),
        (b"(\x85.", "takes from an empty stack"),
        (b"N(\x85.", "takes from an empty stack"),
        (b"N(.", "takes from an empty stack"),
        (b"a.", "takes from an empty stack"),
        (b"NNa.", "no list where one is needed"),
        (b"NX\x01\x00\x00\x00aNs.", "no dict where one is needed"),
        (b"}(Nu.", "pairs of a text or number and a value"),
        (b"}NNs.", "pairs of a text or number and a value"),
        (b"}))s.", "pairs of a text or number and a value"),
        (b"}]Ns.", "pairs of a text or number and a value"),
        (b"q\x00.", "no object where one is needed"),
        (b"h\x00.", "recalls item 0, which it never stored"),
        (b"j\xff\xff\xff\xff.", "recalls item 4294967295"),
        (b"X\xff\xff\xff\xffabc.", "malformed"),
        (b"X\x02\x00\x00\x00\xff\xff.", "malformed"),
        (b"\x8a\xff\x00.", "malformed"),
        (b"\x8d\xff\xff\xff\xff\xff\xff\xff\x7fabc.", "opcode BINUNICODE8"),
        (b"I" + b"9" * 10000 + b"\n.", "opcode INT"),
        (b"\xff.", r"the opcode b'\\xff'"),
        (b"cos", "malformed"),
        (b"cos\nsystem", "malformed"),
        (b"c\xff\n\xff\n.", "malformed"),
        (b"cco\\x6clections\nOrderedDict\n.", "names 'co"),
    ],
)
def test_malformed(pickled, message):
    refused(pickled, message)


@pytest.mark.parametrize(
    ("pickled", "message"),
    [
        (b"N" * 2_000_000, "more than 131072 opcodes"),
        (b"(" * 2_000_000, "more than 131072 opcodes"),
        (b")" + b"\x85" * 130_000 + b".", "magic number"),  # a tuple in a tuple in a tuple …
        (b"]" * 65_000 + b"a" * 64_999 + b".", "magic number"),
        (b"})" + b"\x85" * 130_000 + b"Ns.", "pairs of a text or number"),  # … as a key
        (b")" + b"q\x00h\x00\x86" * 40_000 + b".", "magic number"),  # twice as wide at every level
        (b"}q\x00X\x01\x00\x00\x00ah\x00s.", "magic number"),  # a dictionary in itself
        (b"]q\x00h\x00a.", "magic number"),
        (b"N" + b"r\xff\xff\xff\x7f" * 100_000 + b".", "magic number"),
    ],
)
def test_bombs(pickled, message):
    refused(pickled, message)


def test_a_bomb_for_a_state_dict():
    wide = b")" + b"q\x00h\x00\x86" * 1000
    refused(legacy({"x": wide}, keys=(), data=b""), "'x.0.0.* lies deeper than 16 containers")
    refused(legacy(wide, keys=(), data=b""), "not a dictionary of things by name")


def test_other_kinds_of_file():
    refused(b"PK\x03\x04" + bytes(100), "zip format of PyTorch 1.6")
    refused(b"\x89HDF\r\n\x1a\n" + bytes(100), "malformed|opcode")
    refused(bytes(100), "malformed|opcode")


def test_cut_short_anywhere():
    for length in range(len(GOOD)):
        with pytest.raises(CheckpointError):
            torch_legacy.load(GOOD[:length])


@settings(max_examples=400, deadline=1000)
@given(st.lists(st.tuples(st.integers(0, len(GOOD) - 1), st.integers(0, 255)), min_size=1, max_size=8))
def test_damaged_anywhere(changes):
    damaged = bytearray(GOOD)
    for place, value in changes:
        damaged[place] = value
    try:
        arrays = torch_legacy.load(bytes(damaged))
    except CheckpointError:
        return
    assert sum(array.nbytes for array in arrays.values()) <= len(GOOD)


@given(st.binary(max_size=200))
@settings(max_examples=300)
def test_any_program(opcodes):
    for data in (opcodes, b"\x80\x02" + opcodes + b".", legacy(opcodes)):
        with pytest.raises(CheckpointError):
            torch_legacy.load(data)


@pytest.mark.parametrize("what", ["absent.pth", ".", "/dev/zero"])
def test_what_is_not_a_file(tmp_path, what):
    with pytest.raises(CheckpointError, match="is not a file"):
        torch_file.read(tmp_path / what)


def test_a_file_too_large_to_read(tmp_path):
    with (tmp_path / "sparse.pth").open("wb") as file:
        file.truncate(file_bytes.MAX_BYTES + 1)
    with pytest.raises(CheckpointError, match="more than any published checkpoint"):
        torch_file.read(tmp_path / "sparse.pth")


def test_an_error_names_the_file(tmp_path):
    (tmp_path / "x.pth").write_bytes(b"nothing")
    with pytest.raises(CheckpointError, match=r"x\.pth: the pickle"):
        torch_file.read(tmp_path / "x.pth")


class TestMachine:
    """The pickle machine by itself, against Python's own."""

    PLAIN = st.recursive(
        st.none() | st.booleans() | st.integers(-(1 << 64), 1 << 64) | st.floats(allow_nan=False) | st.text(max_size=5),
        lambda inner: (
            st.lists(inner, max_size=4)
            | st.lists(inner, max_size=5).map(tuple)
            | st.dictionaries(st.text(max_size=3) | st.integers(), inner, max_size=4)
        ),
        max_leaves=20,
    )

    @given(PLAIN)
    def test_plain_data(self, value):
        stream = io.BytesIO(pickle.dumps(value, protocol=2) + b"what follows")
        assert pickle_machine.load(stream, {}) == value
        assert stream.read() == b"what follows"

    def test_one_object_twice_stays_one(self):
        inner = ["x"]
        one, other = pickle_machine.load(io.BytesIO(pickle.dumps([inner, inner], protocol=2)), {})
        assert one is other

    def test_outside_data_where_there_is_none(self):
        with pytest.raises(CheckpointError, match="outside data where there is none"):
            pickle_machine.load(io.BytesIO(b"NQ."), {})

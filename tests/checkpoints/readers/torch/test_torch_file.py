"""PyTorch's files of both formats: read as PyTorch reads them, and nothing in them is ever executed."""

import argparse
import collections
import datetime
import functools
import importlib
import os
import pathlib
import pickle
import struct
import sys
import uuid

import numpy as np
import pytest
import torch
from helpers.refusal import refuse
from helpers.torch_files import STATE, archive, called, legacy, named, program, saved, storage, tensor
from hypothesis import given, settings
from hypothesis import strategies as st

from refnet.checkpoints.readers import file_bytes
from refnet.checkpoints.readers.torch import torch_file
from refnet.checkpoints.readers.torch.foreign import Foreign, Opaque
from refnet.checkpoints.state_dict import BFLOAT16
from refnet.errors import CheckpointError

NEW_AND_OLD = pytest.mark.parametrize("new", [True, False], ids=["zip", "legacy"])
HUGE = 1 << 62


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
            assert ours.flags.aligned
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


def made(content: object, new: bool, stored: bool = True) -> bytes:
    """A file of hostile content, with the one storage that good tensors refer to, or without."""
    if new:
        return archive(program(content), {} if stored else {"data/0": None})
    return legacy(content, **({} if stored else {"keys": (), "data": b""}))


def refused(data: bytes, message: str) -> None:
    refuse(torch_file.load, data, message, (1 << 20) + 300 * len(data))


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

    @NEW_AND_OLD
    def test_a_file_of_any_name(self, new, tmp_path):
        for name in ("b0.pth", "mödel-1.2 (3).pt", "pytorch_model.bin"):
            (tmp_path / name).write_bytes(saved(STATE, new))
            assert_same(torch_file.read(tmp_path / name), STATE)

    @NEW_AND_OLD
    @given(data=st.data())
    @settings(max_examples=60, deadline=None)
    def test_any_view_of_a_storage(self, data, new):
        shape = data.draw(st.lists(st.integers(1, 4), max_size=4))
        strides = data.draw(st.lists(st.integers(0, 12), min_size=len(shape), max_size=len(shape)))
        view = torch.as_strided(torch.arange(300.0), shape, strides, data.draw(st.integers(0, 100)))
        assert_same(torch_file.load(saved({"x": view}, new)), {"x": view})


# What a pickle may say ------------------------------------------------------------------------------------------------

TENSORS = {
    "reach outside": [
        tensor(offset=1),
        tensor(offset=HUGE),
        tensor(strides=(4, 1)),
        tensor(strides=(HUGE, HUGE)),
        tensor(shape=(7,), strides=(1,)),
        tensor(shape=(HUGE, HUGE), strides=(0, 0)),
        tensor(shape=(7,), strides=(0,)),
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


@NEW_AND_OLD
@pytest.mark.parametrize(("hostile", "message"), [(t, message) for message, every in TENSORS.items() for t in every])
def test_tensors(hostile, message, new):
    refused(made({"good": tensor(), "x": hostile}, new), message)
    refused(made({"good": tensor(), "inner": [{"x": (hostile,)}]}, new), message)


CODE = {
    "names 'os system'": [
        called("os system", ("touch /tmp/owned",)),
        named("os system"),
        program("os") + program("system") + b"\x93",
    ],
    "names 'posix system'": [b"cposix\nsystem\n(X\x04\x00\x00\x00truetR"],
    "names 'builtins eval'": [called("builtins eval", ("1",))],
    "names '__builtin__ getattr'": [called("__builtin__ getattr", (1, "x"))],
    "names 'torch.storage _load_from_bytes'": [called("torch.storage _load_from_bytes", ("x",))],
    "names 'torch._utils _rebuild_tensor_v2.__globals__'": [named("torch._utils _rebuild_tensor_v2.__globals__")],
    "opcode INST": [b"(ios\nsystem\n"],
    "opcode OBJ": [b"(" + named("collections OrderedDict") + b"o"],
    "opcode EXT1": [b"\x82\x01"],
    "opcode PERSID": [b"P0\n"],
    "opcode DUP": [b"N2"],
    "opcode POP": [b"N0"],
    "opcode LONG4": [b"\x8b\x01\x00\x00\x00\x07"],
    "calls what is not a function": [
        program("text") + program(()) + b"R",
        named("collections OrderedDict") + program(()) + b"}\x92",
        named("a_package Class") + program([]) + b"R",
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


@NEW_AND_OLD
@pytest.mark.parametrize(("attack", "message"), [(a, m) for m, every in CODE.items() for a in every])
def test_code(attack, message, monkeypatch, new):
    def betray(*_: object) -> None:
        raise AssertionError("executed")

    monkeypatch.setattr(os, "system", betray)
    for content in (attack, {"x": attack}, {"state_dict": {"x": attack}}):
        refused(made(content, new), message)
    refused(b"\x80\x02" + attack + b".", "the pickle")


class Evil:
    def __init__(self, *call: object) -> None:
        self.call = call

    def __reduce__(self):
        return self.call[0], tuple(self.call[1:])


@NEW_AND_OLD
def test_the_options_of_a_training_run(new):
    """What timm's train.py puts beside the state dict."""
    options = argparse.Namespace(lr=1, model="efficientnet_b0", betas=(0.9, 0.99), opt=None, data=pathlib.Path("a/b"))
    found = torch_file.load(saved({"args": options, "state_dict": {"w": torch.ones(2)}}, new))
    assert found["args"].pop("data").name.endswith("PosixPath")
    assert found["args"] == {"lr": 1, "model": "efficientnet_b0", "betas": (0.9, 0.99), "opt": None}
    assert found["state_dict"]["w"].tolist() == [1, 1]


@NEW_AND_OLD
@pytest.mark.parametrize(
    ("value", "name"),
    [
        (Evil(os.system, "touch owned"), "posix system"),
        (argparse.Namespace(lr=Evil(os.system, "touch owned")), "posix system"),
        (Evil(eval, "1"), "__builtin__ eval"),
        (Evil(getattr, "x", "upper"), "__builtin__ getattr"),
        (Evil(torch.load, "x"), "torch.serialization load"),
        (Evil(np.load, "x"), "numpy load"),
        (torch.eye(2).to_sparse(), "torch._utils _rebuild_sparse_tensor"),
        (os.path, "importlib import_module"),
    ],
    ids=lambda value: type(value).__name__,
)
def test_what_nobody_can_tell_without_running_it(value, name, new):
    if value is os.path:
        value = Evil(importlib.import_module, "os")
    with pytest.raises(CheckpointError) as caught:
        torch_file.load(saved({"x": value}, new))
    assert str(caught.value) == (
        f"the pickle names '{name}', which no checkpoint needs; "
        'where PyTorch is, save the tensors alone: torch.save(model.state_dict(), "weights.pth")'
    )


class Metric:
    """A class of somebody's package; the pickle has its name and attributes, and holds a tensor."""

    __module__ = "a_package.metrics"

    def __init__(self, value: object) -> None:
        self.value = value


HARMLESS = {
    "NumPy scalar": np.float64(1),
    "NumPy array": np.arange(3),
    "module": torch.nn.Linear(1, 1),
    "class of a module": torch.nn.SiLU,
    "dtype": torch.float32,
    "device": torch.device("cuda:0"),
    "path": pathlib.PurePosixPath("a/b"),
    "date": datetime.datetime(2026, 1, 2, tzinfo=datetime.UTC),
    "duration": datetime.timedelta(seconds=3),
    "partial": functools.partial(torch.nn.BatchNorm2d, eps=1e-3),
    "object of a package": Metric({"a": [torch.ones(2)]}),
    "complex number": 1j,
    "identity": uuid.UUID(int=3),
}


@NEW_AND_OLD
@pytest.mark.parametrize("protocol", [2, 3, 4, 5])
@pytest.mark.parametrize("what", HARMLESS)
def test_what_lies_beside_the_tensors(what, protocol, new, monkeypatch):
    """It becomes a marker: nothing is imported, made or called."""
    for name in ("a_package", "a_package.metrics"):
        monkeypatch.setitem(sys.modules, name, sys.modules[__name__])
    data = saved({"w": torch.ones(2), "x": HARMLESS[what], 1: (HARMLESS[what],)}, new, protocol)
    monkeypatch.undo()
    found = torch_file.load(data)
    assert found["w"].tolist() == [1, 1]
    assert type(found["x"]) in (Foreign, Opaque)
    assert not getattr(found["x"], "parts", ())
    assert found["x"] is found[1][0]


@NEW_AND_OLD
@pytest.mark.parametrize("protocol", [2, 3, 4, 5])
def test_values_of_other_kinds(protocol, new):
    content = {
        "flags": torch.tensor([True, False, True])[::2],
        "wave": torch.tensor([1j, 2]),
        "short": torch.tensor([-3], dtype=torch.int16),
        "tiny": torch.tensor([-3], dtype=torch.int8),
        "empty": torch.ones(0, 3),
        ("a", 1, None): {True: 1, None: 2.5},
    }
    found = torch_file.load(saved(content, new, protocol))
    assert_same(found, content)
    settings = {"set": {1}, "shape": torch.Size([2, 3]), "queue": collections.deque([1, 2], maxlen=2)}
    found = torch_file.load(saved({"w": torch.ones(1), **settings, "d": collections.defaultdict(list, a=1)}, new))
    assert (found["set"], list(found["shape"]), found["queue"], found["d"]) == ([1], [2, 3], [1, 2], {"a": 1})


@NEW_AND_OLD
def test_a_tensor_with_attributes(new):
    weight = torch.ones(2, 3)
    weight.note = "mine"
    parameter = torch.nn.Parameter(torch.ones(3))
    parameter.note = "mine"
    found = torch_file.load(saved({"w": weight, "p": parameter}, new))
    assert (found["w"].shape, found["p"].shape) == ((2, 3), (3,))


@NEW_AND_OLD
def test_an_object_that_holds_the_tensors_themselves(new, monkeypatch):
    """What its class does to them is not read."""
    for name in ("a_package", "a_package.metrics"):
        monkeypatch.setitem(sys.modules, name, sys.modules[__name__])
    state = {"w": torch.ones(2)}
    with pytest.raises(CheckpointError, match=r"'x' is an object of 'a_package.metrics Metric' that holds tensors or"):
        torch_file.load(saved({"state_dict": state, "x": Metric({"of": (state,)})}, new))
    with pytest.raises(CheckpointError, match="holds tensors or dictionaries of the checkpoint itself"):
        torch_file.load(saved({"state_dict": state, "x": [Metric(state["w"])]}, new))


@NEW_AND_OLD
def test_a_whole_module(new):
    with pytest.raises(CheckpointError, match=r"one object, of 'torch.nn.modules.linear Linear', which is a program"):
        torch_file.load(saved(torch.nn.Linear(1, 1), new))


@NEW_AND_OLD
def test_the_milestones_of_a_learning_rate(new):
    network = module()
    scheduler = torch.optim.lr_scheduler.MultiStepLR(torch.optim.SGD(network.parameters(), 0.1), [30, 60, 60])
    found = torch_file.load(saved({"scheduler": scheduler.state_dict(), "model": network.state_dict()}, new))
    assert found["scheduler"]["milestones"] == {30: 1, 60: 2}
    assert_same(found["model"], network.state_dict())


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
@NEW_AND_OLD
def test_containers(value, message, new):
    refused(made({"good": tensor(), "x": value}, new), message)


@NEW_AND_OLD
def test_a_list_that_repeats_itself_widely_is_read_once(new):
    wide = [torch.ones(1)] * 100
    for _ in range(10):
        wide = [wide] * 100
    ours = torch_file.load(saved({"x": wide}, new))["x"]
    assert len(ours) == 100
    assert ours[0] is ours[99]


@NEW_AND_OLD
@pytest.mark.parametrize("content", [None, 5, "text", tensor()])
def test_what_is_not_a_dictionary_by_name(content, new):
    refused(made(content, new, stored=isinstance(content, bytes | dict)), "not a dictionary of things by name")


@NEW_AND_OLD
def test_a_list_of_things(new):
    content = [{"w": torch.ones(2)}, 3]
    assert_same(torch_file.load(saved(content, new)), {"0": content[0], "1": 3})


# Files ----------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("what", ["absent.pth", ".", "/dev/zero"])
def test_what_is_not_a_file(tmp_path, what):
    with pytest.raises(CheckpointError, match="is not a file"):
        torch_file.read(tmp_path / what)


def test_a_file_too_large_to_read(tmp_path):
    with (tmp_path / "sparse.pth").open("wb") as file:
        file.truncate(file_bytes.MAX_BYTES + 1)
    with pytest.raises(CheckpointError, match="more than any published checkpoint"):
        torch_file.read(tmp_path / "sparse.pth")


@pytest.mark.parametrize("data", [b"nothing", b"PK\x03\x04", pickle.dumps({}, protocol=4)])
def test_an_error_names_the_file(tmp_path, data):
    (tmp_path / "x.pth").write_bytes(data)
    with pytest.raises(CheckpointError, match=r"x\.pth: "):
        torch_file.read(tmp_path / "x.pth")

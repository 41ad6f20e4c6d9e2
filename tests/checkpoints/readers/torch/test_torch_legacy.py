"""What only legacy PyTorch files have; ``test_torch_file.py`` has what both formats share."""

import struct

import numpy as np
import pytest
from helpers.refusal import refuse
from helpers.torch_files import STATE, legacy, saved, storage, tensor
from hypothesis import given, settings
from hypothesis import strategies as st

from refnet.checkpoints.readers.torch import torch_legacy
from refnet.errors import CheckpointError

GOOD = saved(STATE, new=False)
HUGE = 1 << 62


def refused(data: bytes, message: str) -> None:
    refuse(torch_legacy.load, data, message, (1 << 20) + 300 * len(data))


def test_the_assembler_makes_good_files():
    (array,) = torch_legacy.load(legacy({"x": tensor()})).values()
    assert np.array_equal(array, np.arange(6, dtype=np.float32).reshape(2, 3))
    (array,) = torch_legacy.load(legacy({"x": tensor(of=storage(extra=()))})).values()
    assert array.shape == (2, 3)


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


def test_a_bomb_for_a_state_dict():
    wide = b")" + b"q\x00h\x00\x86" * 1000
    refused(legacy({"x": wide}, keys=(), data=b""), "'x.0.0.* lies deeper than 16 containers")
    refused(legacy(wide, keys=(), data=b""), "deeper than 16 containers")


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
    assert sum(array.nbytes for array in arrays.values() if isinstance(array, np.ndarray)) <= len(GOOD)


@given(st.binary(max_size=200))
@settings(max_examples=300)
def test_any_program(opcodes):
    for data in (opcodes, b"\x80\x02" + opcodes + b".", legacy(opcodes)):
        with pytest.raises(CheckpointError):
            torch_legacy.load(data)

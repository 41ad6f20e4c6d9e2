"""Safetensors files: read as their own package reads them, and each wrong one refused with a reason."""

import json
import struct

import numpy as np
import pytest
import safetensors.numpy
import safetensors.torch
import torch
from helpers.refusal import refuse
from hypothesis import given, settings
from hypothesis import strategies as st

from refnet.checkpoints.readers import safetensors_file
from refnet.checkpoints.state_dict import BFLOAT16, find_state_dict
from refnet.errors import CheckpointError

STATE = {
    "conv.weight": torch.arange(120.0).reshape(2, 3, 4, 5),
    "bn.running_var": torch.tensor([1.5, float("nan"), float("inf"), -0.0]),
    "bn.num_batches_tracked": torch.tensor(5),
    "double": torch.arange(3, dtype=torch.float64),
    "half": torch.arange(4, dtype=torch.float16),
    "short_float": torch.linspace(-3, 3, 7, dtype=torch.bfloat16),
    "integers": torch.arange(4, dtype=torch.int32),
    "bytes": torch.arange(5, dtype=torch.uint8),
}
GOOD = safetensors.torch.save(STATE, {"format": "pt"})


class TestAgainstThePackage:
    def test_every_tensor_has_the_same_bytes(self, tmp_path):
        (tmp_path / "model.safetensors").write_bytes(GOOD)
        ours = safetensors_file.read(tmp_path / "model.safetensors")
        assert ours.keys() == STATE.keys()
        for name, theirs in STATE.items():
            narrow = theirs.dtype == torch.bfloat16
            bits = (theirs.view(torch.int16) if narrow else theirs).numpy()
            assert (ours[name].shape, ours[name].tobytes()) == (bits.shape, bits.tobytes())
            assert ours[name].dtype == (BFLOAT16 if narrow else bits.dtype)
            assert ours[name].flags.c_contiguous

    def test_as_numpy_wrote_it(self):
        rng = np.random.default_rng(0)
        state = {f"{i}": rng.standard_normal((i + 1, 3), np.float32) for i in range(20)}
        data = safetensors.numpy.save(state)
        ours = safetensors_file.load(data)
        for name, theirs in safetensors.numpy.load(data).items():
            assert (ours[name].shape, ours[name].dtype) == (theirs.shape, theirs.dtype)
            assert ours[name].tobytes() == theirs.tobytes() == state[name].tobytes()

    def test_a_module_and_its_state_dict(self, tmp_path):
        network = torch.nn.Sequential(torch.nn.Conv2d(3, 4, 3), torch.nn.BatchNorm2d(4)).bfloat16()
        safetensors.torch.save_model(network, str(tmp_path / "x.safetensors"))
        found = find_state_dict(safetensors_file.read(tmp_path / "x.safetensors"))
        assert found.tensors.keys() == network.state_dict().keys()
        assert set(found.widened) == network.state_dict().keys() - {"1.num_batches_tracked"}
        assert np.array_equal(found.tensors["0.weight"], network[0].weight.detach().float().numpy())

    def test_no_tensors(self):
        assert safetensors_file.load(safetensors.numpy.save({})) == {}


# Hostile files --------------------------------------------------------------------------------------------------------


def entry(begin: object = 0, end: object = 24, shape: object = (2, 3), dtype: object = "F32", **more: object) -> dict:
    return {"dtype": dtype, "shape": shape, "data_offsets": [begin, end], **more}


def file(header: object, data: bytes = bytes(24), length: int | None = None) -> bytes:
    text = header if isinstance(header, bytes) else json.dumps(header).encode()
    return struct.pack("<Q", len(text) if length is None else length) + text + data


def refused(data: bytes, message: str) -> None:
    refuse(safetensors_file.load, data, message, (1 << 20) + 300 * len(data))


def test_the_assembler_makes_good_files():
    (array,) = safetensors_file.load(file({"x": entry()})).values()
    assert (array.shape, array.dtype) == ((2, 3), np.float32)
    two = file({"y": entry(8, 24, (4,)), "__metadata__": {"a": "b"}, "x": entry(0, 8, (2,))})
    assert list(safetensors_file.load(two)) == ["x", "y"]


@pytest.mark.parametrize("unpadded", range(8))
def test_arrays_are_aligned(unpadded):
    (array,) = safetensors_file.load(file(json.dumps({"x": entry()}).encode() + b" " * unpadded)).values()
    assert array.flags.aligned


HUGE = 1 << 62
NO_DESCRIPTION = "'x' is not described by a dtype, a shape and two data_offsets"

HOSTILE = {
    "not a safetensors file, or cut short": [
        b"",
        b"1234567",
        struct.pack("<Q", 1),
        file({"x": entry()}, length=HUGE),
        file({"x": entry()}, length=(1 << 64) - 1),
        b"PK\x03\x04\x14\x00\x00\x08" + bytes(100),
        b"\x89HDF\r\n\x1a\n" + bytes(100),
    ],
    "the header is not JSON": [
        file(b""),
        file({"x": entry()}, length=5),
        file(b"{'x': 1}"),
        file(b'{"x": \xff}'),
        file(b"[" * 100_000),
        file(b'{"x": ' * 50_000),
        file(b'{"x": ' + b"9" * 10_000 + b"}"),
        file({"x": entry()}, length=len(json.dumps({"x": entry()})) + 1),
    ],
    "the header is not a JSON object": [
        file(b"[]"),
        file(b"1"),
        file(b'"text"'),
        file(b"null"),
        file(b' {"x": 1}'),
    ],
    "comes twice": [
        file(b'{"x": 1, "x": 1}'),
        file(b'{"x": {"dtype": "F32", "dtype": "F32"}}'),
    ],
    "__metadata__ is not texts by name": [
        file({"__metadata__": [], "x": entry()}),
        file({"__metadata__": {"a": 1}, "x": entry()}),
        file({"__metadata__": {"a": {"b": "c"}}, "x": entry()}),
    ],
    NO_DESCRIPTION: [
        file({"x": stated})
        for stated in (
            None,
            1,
            [],
            {},
            {"dtype": "F32", "shape": [6]},
            entry(more=1),
            entry(begin="0"),
            entry(begin=-24, end=0),
            entry(begin=False),
            entry(begin=0.0),
            entry(begin=None),
            entry(shape=6),
            entry(shape="23"),
            entry(shape=[-2, -3]),
            entry(shape=[2.0, 3]),
            entry(shape=[True, 6]),
            entry(shape=[[2], 3]),
            entry(shape=[1] * 9),
            entry(dtype=["F32"]),
            entry(dtype=None),
            {"dtype": "F32", "shape": [6], "data_offsets": [0, 24, 24]},
        )
    ],
    "'x' is .*, not one of F64, F32": [
        file({"x": entry(dtype=dtype)}) for dtype in ("F8_E4M3", "C64", "F8_E4M3", "f32", "", "F4")
    ],
    "cannot be": [
        file({"x": entry(shape=[2, 4])}),
        file({"x": entry(end=23)}),
        file({"x": entry(begin=24, end=0)}),
        file({"x": entry(dtype="F16")}),
        file({"x": entry(shape=[HUGE, HUGE])}),
        file({"x": entry(shape=[0, HUGE], end=0)}),
        file({"x": entry(end=HUGE)}),
    ],
    r"'x' begins at byte 24, where the tensor before ends at 0": [file({"x": entry(24, 48)}, bytes(48))],
    r"'y' begins at byte \d+, where the tensor before ends at 24": [
        file({"x": entry(), "y": entry()}),
        file({"x": entry(), "y": entry(4, 28)}, bytes(28)),
        file({"x": entry(), "y": entry(23, 47)}, bytes(47)),
        file({"x": entry(), "y": entry(25, 49)}, bytes(49)),
        file({"x": entry(), "y": entry(HUGE, HUGE + 24)}),
    ],
    r"the tensors have \d+ bytes, the file \d+ for them": [
        file({"x": entry()}, bytes(23)),
        file({"x": entry()}, bytes(25)),
        file({"x": entry()}, b""),
        file({}, bytes(1)),
        file({"x": entry(shape=[HUGE], end=4 * HUGE)}),
    ],
}


@pytest.mark.parametrize(("data", "message"), [(data, m) for m, every in HOSTILE.items() for data in every])
def test_hostile(data, message):
    refused(data, message)


def test_a_header_larger_than_any():
    size = safetensors_file.MAX_HEADER + 1
    refused(struct.pack("<Q", size) + bytes(size), f"the header has {size} bytes")


def test_half_a_character():
    """Half a surrogate pair is JSON to Python, but no text."""
    half = file(b'{"\\ud800": ' + json.dumps(entry()).encode() + b"}")
    refused(half, "the header is not JSON: .*surrogates not allowed")


def test_an_error_names_the_file(tmp_path):
    (tmp_path / "x.safetensors").write_bytes(b"nothing")
    with pytest.raises(CheckpointError, match=r"x\.safetensors: not a safetensors file"):
        safetensors_file.read(tmp_path / "x.safetensors")
    with pytest.raises(CheckpointError, match="is not a file"):
        safetensors_file.read(tmp_path)


# Bytes ----------------------------------------------------------------------------------------------------------------


def assert_refused_or_arrays(data: bytes) -> None:
    try:
        arrays = safetensors_file.load(data)
    except CheckpointError:
        return
    assert sum(array.nbytes for array in arrays.values()) <= len(data)
    assert all(type(name) is str and type(array) is np.ndarray for name, array in arrays.items())


def test_cut_short_anywhere():
    for length in range(len(GOOD)):
        with pytest.raises(CheckpointError):
            safetensors_file.load(GOOD[:length])


@settings(max_examples=400, deadline=1000)
@given(st.lists(st.tuples(st.integers(0, len(GOOD) - 1), st.integers(0, 255)), min_size=1, max_size=4))
def test_damaged_anywhere(changes):
    damaged = bytearray(GOOD)
    for place, value in changes:
        damaged[place] = value
    assert_refused_or_arrays(bytes(damaged))


@settings(max_examples=200, deadline=1000)
@given(st.integers(0, len(GOOD)), st.integers(0, len(GOOD)), st.binary(max_size=30))
def test_parts_taken_out_and_put_in(start, stop, insert):
    assert_refused_or_arrays(GOOD[:start] + insert + GOOD[stop:])


JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-1, 50) | st.sampled_from(["F32", "F16", "x", "\0"]) | st.floats(),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.sampled_from(["dtype", "shape", "data_offsets", "__metadata__", "x"]), inner, max_size=3)
    ),
    max_leaves=12,
)


@settings(max_examples=200, deadline=1000)
@given(st.dictionaries(st.text(max_size=3), JSON, max_size=3), st.binary(max_size=50))
def test_any_header(header, data):
    assert_refused_or_arrays(file(header, data))

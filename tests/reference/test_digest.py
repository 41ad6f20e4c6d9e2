"""Digests depend on dtype, shape and bits, and on nothing else."""

import hashlib
import struct

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from refnet.errors import InputError
from refnet.reference.digest import tensor_digest, tensors_digest

BITS = arrays.arrays(st.sampled_from([np.uint32, np.uint64]), arrays.array_shapes(min_dims=0, max_dims=4, max_side=4))
FLOAT = {np.dtype(np.uint32): np.float32, np.dtype(np.uint64): np.float64}


def by_the_book(bits: np.ndarray) -> str:
    """The documented bytes, packed without NumPy."""
    dtype, code = {4: ("float32", "I"), 8: ("float64", "Q")}[bits.dtype.itemsize]
    header = f"{dtype} {','.join(str(n) for n in bits.shape)}\n".encode("ascii")
    return hashlib.sha256(header + struct.pack(f"<{bits.size}{code}", *bits.ravel().tolist())).hexdigest()


def test_known_digests_never_change():
    tensor = np.arange(24, dtype=np.float32).reshape(1, 2, 3, 4)
    assert tensor_digest(tensor) == "378b3bc0ba219fdc1173ea78ec2911056446f2306a9ad28173bc406322994568"
    assert tensors_digest({"stem": tensor, "head": tensor}) == (
        "d1c7a7e72560c0d3af64ca79d59a8dc99bc5b0bc06fbb4c2741cfb76adf07ac6"
    )


@given(BITS)
def test_a_tensor_is_hashed_as_documented(bits):
    assert tensor_digest(bits.view(FLOAT[bits.dtype])) == by_the_book(bits)


@given(BITS)
def test_memory_layout_and_byte_order_do_not_matter(bits):
    tensor = bits.view(FLOAT[bits.dtype])
    wanted = tensor_digest(tensor)
    assert tensor_digest(tensor.copy(order="F")) == wanted
    assert tensor_digest(bits.astype(bits.dtype.newbyteorder(">")).view(tensor.dtype.newbyteorder(">"))) == wanted
    spread = np.zeros((*bits.shape, 3), bits.dtype)
    spread[..., 1] = bits
    assert tensor_digest(spread.view(tensor.dtype)[..., 1]) == wanted


@pytest.mark.parametrize(
    "other",
    [
        np.zeros((2, 3), np.float64),
        np.zeros((3, 2), np.float32),
        np.zeros(6, np.float32),
        -np.zeros((2, 3), np.float32),
        np.full((2, 3), np.nextafter(np.float32(0), np.float32(1))),
    ],
)
def test_dtype_shape_and_every_bit_matter(other):
    assert tensor_digest(other) != tensor_digest(np.zeros((2, 3), np.float32))


def test_different_nans_differ():
    quiet, other = np.array([0x7FC00000, 0x7FC00001], np.uint32).view(np.float32)
    assert tensor_digest(np.array(quiet)) != tensor_digest(np.array(other))


@pytest.mark.parametrize("dtype", ["float16", "int64", "uint8", "complex64", "object"])
def test_other_dtypes_have_no_digest(dtype):
    with pytest.raises(InputError, match=dtype):
        tensor_digest(np.zeros(1, dtype))


def test_many_tensors_are_lines_sorted_by_name():
    tensors = {"stem/kernel": np.ones(2, np.float32), "block1a/x": np.zeros((), np.float64)}
    lines = "".join(f"{key} {tensor_digest(tensors[key])}\n" for key in ("block1a/x", "stem/kernel"))
    assert tensors_digest(tensors) == hashlib.sha256(lines.encode("ascii")).hexdigest()
    assert tensors_digest(dict(reversed(tensors.items()))) == tensors_digest(tensors)


def test_names_matter():
    zero = np.zeros(1, np.float32)
    assert tensors_digest({"a": zero}) != tensors_digest({"b": zero})


@pytest.mark.parametrize("name", ["", "two words", "line\n", " "])
def test_a_name_is_one_word(name):
    with pytest.raises(InputError, match="one word"):
        tensors_digest({name: np.zeros(1, np.float32)})

"""Layouts: every order and tile is undone exactly, and stores what its name says."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from refnet.architecture.padding import Pads
from refnet.errors import InputError
from refnet.golden.axes import TensorLayout, activation_layout, from_layout, kernel_layout, stored_axes, to_layout

LENGTHS = st.integers(1, 6)
PADS = st.builds(Pads, *[st.integers(0, 2)] * 4)


@st.composite
def laid_out(draw):
    axes = draw(st.sampled_from(["NHWC", "NC", "RSCK", "RSK", "CK", "K"]))
    letters = "NHWC" if set(axes) <= set("NHWC") else "RSCK"
    order = "".join(draw(st.permutations(letters)))
    tiled = draw(st.lists(st.sampled_from(order), unique=True))
    tile = tuple((axis, draw(LENGTHS)) for axis in order if axis in tiled)
    shape = tuple(draw(LENGTHS) for _ in axes)
    return axes, shape, TensorLayout(order, tile, draw(PADS) if letters == "NHWC" else Pads())


@given(laid_out())
def test_undone_exactly(case):
    axes, shape, layout = case
    x = np.arange(1.0, 1 + np.prod(shape)).reshape(shape)
    stored = to_layout(x, axes, layout)
    assert stored.shape == stored_axes(axes, shape, layout)[1]
    assert stored.flags.c_contiguous
    assert (from_layout(stored.ravel(), axes, shape, layout) == x).all()
    assert stored.sum() == x.sum()  # filling is zero


def test_tiles_and_pads_by_hand():
    x = np.arange(1, 7).reshape(1, 1, 2, 3)
    stored = to_layout(x, "NHWC", TensorLayout("CHW", (("C", 2),), Pads(0, 0, 1, 0)))
    assert stored.tolist() == [[[[0, 0], [1, 2], [4, 5]]], [[[0, 0], [3, 0], [6, 0]]]]


def test_depthwise_kernels_as_others_store_them():
    kernel = np.arange(18).reshape(3, 3, 2)
    assert to_layout(kernel, "RSK", kernel_layout("OIHW")).shape == (2, 1, 3, 3)
    assert to_layout(kernel, "RSK", kernel_layout("HWIO")).shape == (3, 3, 1, 2)
    assert (to_layout(kernel, "RSK", kernel_layout("OIHW"))[:, 0] == kernel.transpose(2, 0, 1)).all()


@pytest.mark.parametrize("order", ["NHC", "NHWCC", "NHWX", "", "NHW C"])
def test_no_order(order):
    with pytest.raises(InputError, match="want each of N H W C once"):
        activation_layout(order)


@pytest.mark.parametrize("tile", ["C", "C:", "C:0", "X:2", "C:2,C:4", "C:-1", "C:99999999"])
def test_no_tile(tile):
    with pytest.raises(InputError, match="such as C:16"):
        activation_layout("NCHW", tile)


def test_two_alphabets():
    with pytest.raises(InputError, match="mixes two alphabets"):
        kernel_layout("OCHWK")
    assert kernel_layout("HWIO", "O:4") == TensorLayout("RSCK", (("K", 4),))


def test_axis_left_out():
    assert to_layout(np.zeros((1, 2, 2, 3)), "NHWC", activation_layout("CHW")).shape == (3, 2, 2)
    with pytest.raises(InputError, match="leaves out N, which is 2 long"):
        to_layout(np.zeros((2, 2, 2, 3)), "NHWC", activation_layout("CHW"))
    with pytest.raises(InputError, match="11 elements; NHWC"):
        from_layout(np.zeros(11), "NHWC", (1, 2, 2, 3), activation_layout("CHW"))

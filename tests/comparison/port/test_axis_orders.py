"""Orders: stated, inferred, decided by the numbers; height and width are never swapped in silence."""

import numpy as np
import pytest

from refnet.comparison.port.axis_orders import order_by_shape, read_axes
from refnet.golden.axes import TensorLayout, activation_layout, to_layout

GOLDEN = np.random.default_rng(2).standard_normal((1, 4, 6, 8)).astype(np.float32)
CUBE = np.random.default_rng(3).standard_normal((1, 5, 5, 5)).astype(np.float32)


def laid(golden, order, tile=""):
    return to_layout(golden, "NHWC", activation_layout(order, tile))


def read(array, golden=GOLDEN, axes="NHWC", **known):
    return read_axes("stem", array, axes, golden, **known)


@pytest.mark.parametrize("order", ["NHWC", "NCHW", "HWC", "CHW"])
def test_inferred_from_the_shape(order):
    found = read(laid(GOLDEN, order))
    assert np.array_equal(found.tensor, GOLDEN)
    assert (found.order, found.how, found.findings) == (order, "inferred from the shape", ())


@pytest.mark.parametrize("order", ["NHWC", "NCHW"])
@pytest.mark.parametrize("golden", [GOLDEN, CUBE])
def test_flat_by_the_numbers(order, golden):
    found = read(laid(golden, order).reshape(-1), golden)
    assert np.array_equal(found.tensor, golden)
    assert (found.order, found.how) == (order, "nearest of NCHW, NHWC")


def test_a_cube_by_the_numbers_and_said_where_the_others_differ():
    found = read(CUBE, CUBE, usual="NCHW")
    assert np.array_equal(found.tensor, CUBE)
    assert [f.text for f in found.findings] == ["its numbers fit the order NHWC, though the others are in NCHW"]


def test_where_numbers_do_not_tell_the_usual_order_is_taken():
    zero = np.zeros_like(CUBE)
    assert read(zero, zero, usual="NCHW").order == "NCHW"
    assert read(zero, zero).order == "NHWC"


@pytest.mark.parametrize("shape", [(1, 8), (8,), (1, 8, 1, 1), (1, 1, 1, 8)])
def test_vectors(shape):
    golden = GOLDEN[:, 0, 0]
    assert np.array_equal(read(golden.reshape(shape), golden, axes="NC").tensor, golden)


@pytest.mark.parametrize("order", ["NHWC", "NCHW"])
def test_swapped_sides_are_a_finding(order):
    found = read(laid(GOLDEN.transpose(0, 2, 1, 3), order))
    assert found.tensor is None
    (finding,) = found.findings
    assert (finding.kind, finding.severity) == ("shape", "wrong")
    assert finding.text.endswith("expected [1, 4, 6, 8] (NHWC) or [1, 8, 4, 6] (NCHW); height and width are swapped")


def test_another_shape_of_as_many_elements():
    (finding,) = read(GOLDEN.reshape(1, 2, 12, 8)).findings
    assert finding.text == "shape [1, 2, 12, 8], expected [1, 4, 6, 8] (NHWC) or [1, 8, 4, 6] (NCHW)"


def test_another_length():
    (finding,) = read(laid(GOLDEN, "NCHW").reshape(-1)[:100]).findings
    assert (finding.kind, finding.severity) == ("length", "wrong")
    assert finding.text == "100 elements, expected 192; the first 100 compared, in the order NCHW: all equal"
    (finding,) = read(np.empty(0, np.float32)).findings
    assert finding.text == "no elements, expected 192"


def test_stated():
    stated = activation_layout("NCHW", "C:3")
    tiled = laid(GOLDEN, "NCHW", "C:3")
    for array in (tiled, tiled.reshape(-1)):
        found = read(array, stated=stated)
        assert np.array_equal(found.tensor, GOLDEN)
        assert (found.order, found.how) == ("NCHWc", "stated")
    (finding,) = read(GOLDEN, stated=stated).findings
    assert finding.text == "192 elements, expected 216 (NCHWc [1, 3, 4, 6, 3]): not compared"


def test_stated_but_of_another_shape():
    (finding,) = read(GOLDEN, stated=TensorLayout("NCHW")).findings
    assert finding.text == "shape [1, 4, 6, 8]; in the order NCHW it would be [1, 8, 4, 6]: not compared"


@pytest.mark.parametrize(
    ("axes", "shape", "order"),
    [
        ("RSCK", (3, 3, 4, 8), "KCRS"),
        ("RSCK", (3, 3, 4, 8), "KRSC"),
        ("RSK", (3, 3, 8), "KCRS"),
        ("CK", (4, 8), "KCRS"),
    ],
)
def test_kernels(axes, shape, order):
    kernel = np.random.default_rng(4).standard_normal(shape).astype(np.float32)
    found = read(to_layout(kernel, axes, TensorLayout(order)), kernel, axes=axes)
    assert np.array_equal(found.tensor, kernel)


@pytest.mark.parametrize(
    ("found", "shape", "order"),
    [
        ((1, 8, 4, 6), (1, 4, 6, 8), "NCHW"),
        ((8, 4, 6), (1, 4, 6, 8), "NCHW"),
        ((1, 4, 6, 8), (1, 4, 6, 8), "NHWC"),
        ((1, 5, 5, 5), (1, 5, 5, 5), None),
        ((192,), (1, 4, 6, 8), None),
        ((1, 8, 1, 1), (1, 1, 1, 8), None),
        ((1, 6, 4, 8), (1, 4, 6, 8), None),
        ((1, 8, 4, 5), (1, 4, 6, 8), None),
    ],
)
def test_order_by_the_shape_alone(found, shape, order):
    assert order_by_shape(found, shape) == order

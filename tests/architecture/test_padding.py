import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from refnet.architecture.padding import NO_PADS, output_size, pads, size_of
from refnet.architecture.plan import make_plan
from refnet.architecture.variants import variant
from refnet.errors import InputError

SIDES = st.integers(1, 700)


def by_counting(size, kernel, stride):
    """SAME as its name says: as many windows as strides fit the picture, with as few zeros as that takes."""
    windows = len(range(0, size, stride))
    total = 0
    while len(range(0, size + total - kernel + 1, stride)) < windows:
        total += 1
    return windows, total // 2, total - total // 2


@pytest.mark.parametrize("stride", [1, 2])
@pytest.mark.parametrize("kernel", [3, 5])
@pytest.mark.parametrize("size", range(1, 41))
def test_same_pads(size, kernel, stride):
    windows, before, after = by_counting(size, kernel, stride)
    assert windows == math.ceil(size / stride)
    assert pads("same", size, size, kernel, stride) == (before, after, before, after)
    assert pads("same", size, 224, kernel, stride)[:2] == (before, after)
    assert pads("same", 224, size, kernel, stride)[2:] == (before, after)


@given(SIDES, SIDES, st.sampled_from([1, 3, 5]), st.sampled_from([1, 2]))
def test_symmetric_pads(height, width, kernel, stride):
    assert pads("symmetric", height, width, kernel, stride) == ((kernel - 1) // 2,) * 4


def test_pointwise_convolutions_have_no_pads():
    assert pads("same", 7, 8, 1, 1) == pads("symmetric", 7, 8, 1, 1) == NO_PADS == (0, 0, 0, 0)


@given(SIDES, SIDES, st.sampled_from(["same", "symmetric"]), st.sampled_from([1, 3, 5]), st.sampled_from([1, 2]))
def test_a_stride_divides_the_picture(height, width, padding, kernel, stride):
    """By either rule, whatever the kernel; and a window begins at every stride that fits."""
    around = pads(padding, height, width, kernel, stride)
    size = output_size(height, width, around, kernel, stride)
    assert size == (math.ceil(height / stride), math.ceil(width / stride))
    padded = (around.top + height + around.bottom, around.left + width + around.right)
    assert size == tuple(len(range(0, side - kernel + 1, stride)) for side in padded)


@pytest.mark.parametrize("size", [224, 225, 260, 33])
def test_zeros_of_one_size_are_those_of_that_picture(size):
    fixed = [step.pads for step in make_plan(variant("b1"), (107, 64), padding=f"same@{size}")]
    assert fixed == [step.pads for step in make_plan(variant("b1"), size)]


def test_keras_without_a_size_pads_as_for_even_sides():
    """Its ``correct_pad`` then takes (k // 2 - 1, k // 2) for every convolution of stride 2."""
    plan = make_plan(variant("b0"), 225, padding="same@224")
    for step in plan:
        if step.stride == 2:
            assert step.pads == (step.kernel // 2 - 1, step.kernel // 2) * 2


@pytest.mark.parametrize(
    "rule", ["valid", "same@", "same@0", "same@-3", "same@16385", "same@224x224", "same@0224", None]
)
def test_unknown_rules(rule):
    with pytest.raises(InputError, match="not one of same, symmetric, or same@SIZE"):
        size_of(rule)


def test_a_picture_too_small_for_the_zeros_of_another():
    with pytest.raises(InputError, match=r"padding same@64 leaves nothing of \d+x1 pixels at block6a.depthwise"):
        make_plan(variant("b0"), (33, 19), padding="same@64")

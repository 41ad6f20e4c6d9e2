"""What layers did instead, each estimated from the numbers of one step: scales, reads, halos, strides, accumulators."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from helpers.one_step import DEPTHWISE, EPS, EXPAND, PROJECT, Step, kernel_of, moved_taps, norm_of

from refnet.comparison.diagnosis import diagnose
from refnet.comparison.diagnosis.computation import evaluate, total

STRIDED = "block3a.depthwise"


def of_norm(one):
    return one.right.norms[0]


def rolled(values, by):
    return np.roll(values, by)


def first_for_two(k):
    k[:] = k[..., np.arange(k.shape[-1]) // 2 * 2]


def crossed(k):
    half = k.shape[-2] // 2, k.shape[-1] // 2
    k[..., : half[0], : half[1]] = k[..., half[0] :, half[1] :] = 0


def reading(one, source):
    return one.made(inputs=(one.inputs[0][..., source],))


def every(one):
    return np.arange(one.step.in_shape[-1])


def swapped(one, a, b):
    source = every(one)
    source[[a, b]] = b, a
    return reading(one, source)


def with_sums(one, change):
    sums = change(total(one.right, np.float32))
    return evaluate(replace(one.right, op="none", kernel=None, inputs=(sums,)), np.float32)


def plus_before(x, axis):
    made = np.array(x)
    later = np.moveaxis(made, axis, 0)
    later[1:] += np.moveaxis(x, axis, 0)[:-1]
    return made


def in_strips(one, height, fill):
    """Strips of rows, each with rows around it that ``fill`` chooses of the picture's and the strip's first row."""
    x, (top, bottom, left, right) = one.inputs[0], one.right.pads
    padded = np.pad(x, ((0, 0), (top, bottom), (left, right), (0, 0)))
    done = []
    for row in range(0, x.shape[1], height):
        strip = np.array(padded[:, row : row + height + top + bottom])
        fill(strip, padded, row, top, min(height, x.shape[1] - row))
        done.append(evaluate(replace(one.right, inputs=(strip,), pads=type(one.right.pads)(0, 0, 0, 0)), np.float32))
    return np.concatenate(done, 1)


def nothing_below(strip, padded, row, top, height):
    strip[:, top + height :] = 0


def stale_above(strip, padded, row, top, height):
    if row:
        strip[:, :top] = padded[:, row - 3 : row - 3 + top]


def one_side(one, value):
    x, pads = one.inputs[0], one.right.pads
    wide = np.pad(x, ((0, 0), (0, 0), (pads.left, 0), (0, 0)), constant_values=value)
    return one.made(inputs=(wide,), pads=pads._replace(left=0))


CASES = {
    "one gamma for all": (EXPAND, lambda s: norm_of(s, gamma=0 * of_norm(s).gamma + 0.7), "gamma is 0.7 in all"),
    "gamma far away": (EXPAND, lambda s: norm_of(s, gamma=rolled(of_norm(s).gamma, 37)), "shifted by -37"),
    "variance floored": (
        EXPAND,
        lambda s: norm_of(s, variance=np.maximum(of_norm(s).variance, np.median(of_norm(s).variance))),
        "variance is at least",
    ),
    "mean for beta": (EXPAND, lambda s: norm_of(s, beta=of_norm(s).mean), "beta is the batch norm's mean"),
    "gamma squared": (EXPAND, lambda s: norm_of(s, gamma=of_norm(s).gamma ** 2), "gamma is squared"),
    "two inputs swapped": (PROJECT, lambda s: swapped(s, 30, 77), "input channel 77 in place of input channel 30"),
    "inputs far away": (PROJECT, lambda s: reading(s, rolled(every(s), 16)), "16 places before (shifted by -16)"),
    "kernels in pairs": (PROJECT, lambda s: kernel_of(s, first_for_two), "the first output channel of each 2"),
    "crossed groups": (PROJECT, lambda s: kernel_of(s, crossed), "reads the other half"),
    "taps swapped": ("block4b.depthwise", lambda s: kernel_of(s, moved_taps), "(0, 0) has the weight of (2, 1)"),
    "number on one side": (DEPTHWISE, lambda s: one_side(s, 1.7), "beyond the left border stands 1.7 instead of 0"),
    "strips open below": (DEPTHWISE, lambda s: in_strips(s, 3, nothing_below), "zeros behind it (below, right)"),
    "stale halo": (DEPTHWISE, lambda s: in_strips(s, 3, stale_above), "stale lines"),
    "stride 1": (STRIDED, lambda s: s.made(stride=1)[:, : s.step.shape[0], : s.step.shape[1]], "it has stride 1"),
    "pictures add up": (PROJECT, lambda s: with_sums(s, lambda x: x.cumsum(0)), "to each sum those of all pictures"),
    "rows add up": (DEPTHWISE, lambda s: with_sums(s, lambda x: plus_before(x, 1)), "that of the row before it"),
    "channels add up": (PROJECT, lambda s: with_sums(s, lambda x: plus_before(x, 3)), "that of the channel before"),
}  # fmt: skip


@pytest.mark.parametrize("case", CASES)
def test_it_is_explained(case):
    name, make, words = CASES[case]
    one = Step(name)
    assert words in one.said(np.asarray(make(one), np.float32))


def sentence(one, y, **others):
    y = np.asarray(y, np.float32)
    found = diagnose(one.step, tensors=one.tensors, eps=EPS, inputs=one.inputs, actual=y, **others)
    assert found.mistake is None
    return found.sentence


def test_another_scale_for_each_channel_is_a_lead():
    """As many numbers as were fitted explain nothing."""
    one = Step(EXPAND)
    gamma = of_norm(one).gamma * (1 + synthetic_noise(of_norm(one).gamma.shape))
    said = sentence(one, norm_of(one, gamma=gamma.astype(np.float32)))
    assert "a lead: explains 99 % of the error: the batch norm has another scale and shift in its channels" in said


def synthetic_noise(shape):
    return np.random.default_rng(5).uniform(-0.3, 0.3, shape)


def test_what_fits_a_part_is_not_told_where_the_whole_is_explained():
    """Of strips without rows below, the wrong rows alone would miss the kernel's last row."""
    one = Step(DEPTHWISE)
    assert not one.said(in_strips(one, 3, nothing_below)).startswith("where it is wrong")


def test_a_later_tensor_is_no_term_of_a_sum():
    """The port's own sum minus its other summand is the wrong tensor again."""
    one = Step(PROJECT)
    wrong = one.made(kernel=(one.right.kernel * synthetic_noise(one.right.kernel.shape)).astype(np.float32))
    skip = Step("block3b.add").inputs[1]
    said = sentence(one, wrong, neighbours={"block3a.project": skip}, later={"block3b.add": wrong + skip})
    assert said.startswith("no known mistake")

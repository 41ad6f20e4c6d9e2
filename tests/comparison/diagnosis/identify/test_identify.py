"""Mistakes on no list, planted by plain NumPy in one step: each is estimated, explained and verified."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from helpers.one_step import DEPTHWISE, EPS, EXPAND, PROJECT, Step, kernel_of, moved_taps, norm_of

from refnet.comparison.diagnosis import diagnose
from refnet.comparison.diagnosis.computation import evaluate
from refnet.weights import synthetic


def no_tap(k):
    k[1, 2] = 0


def tap_twice(k):
    k[0, 0] *= 2


def no_tail(k):
    k[..., -5:, :] = 0


def no_channel(k):
    k[..., 7, :] = 0


def in_groups(k):
    half = k.shape[-2] // 2, k.shape[-1] // 2
    k[..., : half[0], half[1] :] = k[..., half[0] :, : half[1]] = 0


def of_4_bits(k):
    distance = np.abs(k).max() / 7
    k[:] = np.rint(k / distance) * distance


LINEAR = {
    "tap": (DEPTHWISE, lambda s: kernel_of(s, no_tap), "tap (1, 2) is missing"),
    "tap twice": (DEPTHWISE, lambda s: kernel_of(s, tap_twice), "tap (0, 0) counts twice"),
    "taps swapped": (DEPTHWISE, lambda s: kernel_of(s, moved_taps), "taps are in other places"),
    "tail": (PROJECT, lambda s: kernel_of(s, no_tail), "235–239 of 240 are not read"),
    "channel": (EXPAND, lambda s: kernel_of(s, no_channel), "input channel 7 of 40 is missing"),
    "groups": (PROJECT, lambda s: kernel_of(s, in_groups), "2 groups instead of one"),
    "fill": (DEPTHWISE, lambda s: s.made(pad_value=np.float32(-0.3)), "around the picture stands -0.3"),
    "fill of the stem": (
        "stem",
        lambda s: s.made(pad_value=np.array([-2, 1.5, 1], np.float32)),
        "around the picture stand the numbers -2, 1.5, 1",
    ),
    "wrapped": (DEPTHWISE, lambda s: s.made(pad_mode="wrap"), "it wraps around"),
    "eps": (DEPTHWISE, lambda s: norm_of(s, eps=0.03), "the batch norm's eps is 0.03 instead of 0.001"),
    "beta": (
        DEPTHWISE,
        lambda s: norm_of(s, beta=1.4 * s.right.norms[0].beta),
        "the batch norm's beta is 1.4 times what it should be",
    ),
    "gamma of a neighbour": (
        DEPTHWISE,
        lambda s: norm_of(s, gamma=np.roll(s.right.norms[0].gamma, 1)),
        "gamma is that of the previous channel",
    ),
    "input of a neighbour": (
        EXPAND,
        lambda s: s.made(inputs=(np.roll(s.inputs[0], -1, -1),)),
        "it reads the next channel (shifted by +1)",
    ),
    "filters of others": (DEPTHWISE, lambda s: s.made(kernel=np.roll(s.right.kernel, 4, -1)), "before (shifted by -4)"),
    "address": (
        DEPTHWISE,
        lambda s: s.made(inputs=(np.roll(s.inputs[0].reshape(-1), -3).reshape(s.inputs[0].shape),)),
        "is read 3 elements further in memory (NHWC)",
    ),
}
PLAIN = {
    "bound": (DEPTHWISE, lambda s: np.clip(s.made(), -0.2, 1.5), "bounded (saturated, clamped) at -0.2 and 1.5"),
    "wrap-around": (PROJECT, lambda s: (s.made() + 2) % 4 - 2, "wrap around (overflow): from 2 to -2"),
    "slope": (
        DEPTHWISE,
        lambda s: s.made(activation="none", after=lambda z: z / (1 + np.exp(-1.3 * z))),
        "x * sigmoid(1.3 x) instead of swish",
    ),
    "leak": (
        DEPTHWISE,
        lambda s: s.made(activation="none", after=lambda z: np.where(z < 0, z * np.float32(0.03), z)),
        "a leaky relu: 0.03 x below 0",
    ),
    "twice": (PROJECT, lambda s: s.made() + s.made(), "times what it should be"),
    "grid": (PROJECT, lambda s: np.rint(s.made() * 64) / np.float32(64), "multiples of 2^-6 (0.015625), to nearest"),
    "grid, down": (PROJECT, lambda s: np.floor(s.made() * 64) / np.float32(64), "(0.015625), down (floor)"),
    "weights of 4 bits": (
        PROJECT,
        lambda s: kernel_of(s, of_4_bits),
        "the kernel is rounded to int4",
    ),
    "gate": ("block3b.excite", lambda s: s.inputs[0] * (1 - s.inputs[1])[:, None, None], "1 - gate"),
    "gate of a neighbour": (
        "block3b.excite",
        lambda s: s.inputs[0] * np.roll(s.inputs[1], 1, -1)[:, None, None],
        "the previous channel (shifted by -1)",
    ),
    "half of a sum": ("block3b.add", lambda s: s.inputs[0] * 0.5 + s.inputs[1] * 0.25, "as 0.5 and 0.25 times"),
    "relu in a sum": ("block3b.add", lambda s: s.inputs[0] + np.maximum(s.inputs[1], 0), "plus relu of its input"),
    "rows of a mean": (
        "block3b.squeeze",
        lambda s: s.inputs[0][:, :-2].mean((1, 2)),
        "the sum of rows 0–1 of 4, divided by 12; 24 pixels (4 × 6) are right",
    ),
    "divisor": ("block3b.squeeze", lambda s: s.made() * np.float32(24 / 32), "the sum of all pixels, divided by 32"),
    "temperature": (
        "probabilities",
        lambda s: evaluate(replace(s.right, inputs=(s.inputs[0] * np.float32(0.5),)), np.float32),
        "multiplied by 0.5 before the softmax",
    ),
    "part of a softmax": (
        "probabilities",
        lambda s: np.exp(s.inputs[0]) / np.exp(s.inputs[0])[:, :500].sum(-1, keepdims=True),
        "its sum is over classes 0–499 of 1000 alone",
    ),
}
CASES = LINEAR | PLAIN


@pytest.mark.parametrize("case", CASES)
def test_it_is_explained(case):
    name, make, words = CASES[case]
    one = Step(name)
    assert words in one.said(np.asarray(make(one), np.float32))


def put(y, where, values):
    y[where] = values
    return y


PARTS = {
    "tail": (lambda y, _: put(y, np.s_[..., 20:], 0), "where it is wrong, 0 stands there"),
    "another tensor": (lambda y, x: put(y, np.s_[:, 4:], x[:, 4:]), "its input block2b.expand stands there unchanged"),
    "another picture": (lambda y, _: put(y, 1, y[0]), "picture"),
    "scaled": (lambda y, _: put(y, np.s_[..., 5], 1.5 * y[..., 5]), "1.5 times what they should be"),
}


@pytest.mark.parametrize("case", PARTS)
def test_a_part_is_explained(case):
    change, words = PARTS[case]
    one = Step(DEPTHWISE)
    x = one.inputs[0]
    said = one.said(change(one.made(), x), neighbours={"its input": x})
    assert words in said


def test_strips_that_know_nothing_of_each_other():
    one = Step("block2b.depthwise")
    x = one.inputs[0]
    rows = [replace(one.right, inputs=(x[:, row : row + 4],)) for row in range(0, x.shape[1], 4)]
    assert "strips of 4 rows" in one.said(np.concatenate([evaluate(c, np.float32) for c in rows], 1))


def test_sums_that_are_kept_in_float16():
    one = Step(PROJECT)
    total = np.zeros((2, *one.step.shape), np.float16)
    for channel in range(one.step.in_shape[-1]):
        total = (total + one.inputs[0][..., channel, None] * one.right.kernel[0, 0, channel]).astype(np.float16)
    y = evaluate(replace(one.right, op="none", kernel=None, inputs=(total.astype(np.float32),)), np.float32)
    assert "accumulated in float16" in one.said(y)


def test_a_term_that_does_not_belong():
    one = Step("block3b.add")
    other = synthetic.uniform("elsewhere", one.inputs[0].shape)
    assert "+ elsewhere" in one.said(one.made() + other, neighbours={"elsewhere": other})


def test_noise_gets_no_name_and_a_lead_says_its_share():
    one = Step(PROJECT)
    noise = synthetic.uniform("noise", one.made().shape)
    found = diagnose(one.step, tensors=one.tensors, eps=EPS, inputs=one.inputs, actual=noise)
    assert found.mistake is None
    wrong = norm_of(one, eps=0.5)
    mixed = wrong + 0.2 * np.std(wrong - one.made()) * noise
    found = diagnose(one.step, tensors=one.tensors, eps=EPS, inputs=one.inputs, actual=mixed.astype(np.float32))
    assert found.mistake is None
    assert "a lead: explains " in found.sentence
    assert "% of the error" in found.sentence


def test_a_single_wrong_number_gets_no_name():
    """One number is any multiple of what it should be."""
    one = Step(PROJECT)
    y = one.made()
    y[0, 1, 2, 3] *= 1.5
    found = diagnose(one.step, tensors=one.tensors, eps=EPS, inputs=one.inputs, actual=y)
    assert found.mistake is None

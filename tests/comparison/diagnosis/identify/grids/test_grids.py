"""Numbers on grids, of few bits, rounded by chance: results, what is activated, sums, operands, accumulators."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from helpers.one_step import DEPTHWISE, EPS, EXPAND, PROJECT, Step

from refnet.comparison.diagnosis import diagnose
from refnet.comparison.diagnosis.computation import Precision, evaluate

RNG = np.random.default_rng(5)


def to(step, turn=np.rint):
    return lambda x: turn(x / step) * step


def by_chance(x):
    return np.floor(x * 64 + RNG.random(x.shape)) / 64


def levels(x, count=127, axes=None):
    step = np.abs(x).max(axes, keepdims=True) / np.float32(count)
    return np.rint(x / step) * step


def with_zero_point(x, bits=8):
    step = (x.max() - x.min()) / np.float32(2**bits - 1)
    zero = np.rint(-x.min() / step)
    return (np.clip(np.rint(x / step) + zero, 0, 2**bits - 1) - zero) * step


def inside(at, turn):
    return lambda s: s.made(precision=Precision(**{at: turn}))


def kernel(turn):
    return lambda s: s.made(kernel=np.asarray(turn(s.right.kernel), np.float32))


def read(turn):
    return lambda s: s.made(inputs=(np.asarray(turn(s.inputs[0]), np.float32), *s.inputs[1:]))


def both(turn):
    return lambda s: kernel(turn)(Changed(s, turn))


class Changed:
    def __init__(self, one, turn):
        self.right = replace(one.right, inputs=(np.asarray(turn(one.inputs[0]), np.float32),))

    def made(self, **changes):
        return evaluate(replace(self.right, **changes), np.float32)


CASES = {
    "cut": (PROJECT, lambda s: to(0.013, np.trunc)(s.made()), "multiples of 0.013, toward zero"),
    "bounded": (
        DEPTHWISE,
        lambda s: np.clip(np.rint(s.made() / 0.02), -10, 127) * 0.02,
        "saturated between -0.2 and 2.54",
    ),
    "wrapped": (PROJECT, lambda s: (np.mod(np.rint(s.made() * 128) + 64, 128) - 64) / 128, "wrap around at 7 bits"),
    "by chance": (PROJECT, lambda s: by_chance(s.made()), "(0.015625) by chance, up or down (stochastic rounding)"),
    "before the activation": (EXPAND, inside("normed", to(2.0**-8, np.floor)), "before the activation are rounded"),
    "sums": (DEPTHWISE, inside("sums", to(0.011, np.trunc)), "the sums are rounded to multiples of 0.011, toward zero"),
    "sums by chance": (PROJECT, inside("sums", by_chance), "the sums are rounded to multiples of 2^-6"),
    "kernel by channel": (PROJECT, kernel(lambda k: levels(k, axes=(0, 1, 2))), "a scale for each channel"),
    "kernel of 6 bits": (DEPTHWISE, kernel(lambda k: levels(k, 31, (0, 1))), "the kernel is rounded to int6"),
    "zero point": (EXPAND, kernel(with_zero_point), "the kernel is rounded to uint8 with a zero point"),
    "ternary": (
        EXPAND,
        kernel(lambda k: np.where(np.abs(k) > 0.7 * np.abs(k).mean(), np.sign(k), 0) * np.abs(k).mean()),
        "ternary",
    ),
    "inputs": (EXPAND, read(levels), "the inputs are rounded to int8, symmetric, one scale for all"),
    "inputs by picture": (PROJECT, read(lambda x: levels(x, axes=(1, 2, 3))), "a scale for each picture"),
    "inputs, down": (DEPTHWISE, read(to(2.0**-5, np.floor)), "the inputs are rounded to multiples of 2^-5"),
    "both": (PROJECT, both(levels), "kernel and inputs are rounded to int8"),
    "of one operand": ("block3b.add", read(to(0.03)), "takes what is rounded to multiples of 0.03"),
}


@pytest.mark.parametrize("case", CASES)
def test_it_is_named(case):
    name, make, words = CASES[case]
    one = Step(name)
    assert words in one.said(np.asarray(make(one), np.float32))


def added(one, turn, lanes=1):
    """Sum by chains of input channels, each sum rounded."""
    total = np.float32(0)
    x, k = one.inputs[0], one.right.kernel[0, 0]
    for lane in range(lanes):
        acc = np.float32(0)
        for c in range(lane, len(k), lanes):
            acc = np.asarray(turn(acc + x[..., c, None] * k[c]), np.float32)
        total = np.asarray(turn(total + acc), np.float32)
    return evaluate(replace(one.right, op="none", kernel=None, inputs=(total,)), np.float32)


@pytest.mark.parametrize(
    ("turn", "lanes", "words"),
    [
        (lambda x: x.astype(np.float16), 8, "in float16: each is rounded before the next product is added, in 8"),
        (lambda x: np.clip(x, -0.5, 0.5), 1, "with a bound, -0.5 and 0.5, that each sum may not exceed"),
        (to(2.0**-10, np.floor), 1, "in fixed point, multiples of 2^-10 (0.000976562): each product is rounded down"),
    ],
)
def test_sums_of_few_bits(turn, lanes, words):
    one = Step(PROJECT)
    assert words in one.said(added(one, turn, lanes))


def test_noise_is_no_grid():
    """As large as a rounding, and as even: but no number lies where it would."""
    one = Step(PROJECT)
    y = one.made() + RNG.uniform(-1, 1, one.made().shape).astype(np.float32) / 128
    found = diagnose(one.step, tensors=one.tensors, eps=EPS, inputs=one.inputs, actual=y)
    assert "noise" in found.sentence
    assert found.residual > 0.9 * found.before


def test_a_wrong_direction_of_ties_is_no_name():
    """Half of the numbers are a step off: the grid is right, what rounds to it is not."""
    one = Step(PROJECT)
    y = np.rint(one.made() * 64) / np.float32(64)
    y += RNG.integers(0, 2, y.shape) / np.float32(64)
    found = diagnose(one.step, tensors=one.tensors, eps=EPS, inputs=one.inputs, actual=y)
    assert found.mistake is None or found.residual > 0.9 * found.before

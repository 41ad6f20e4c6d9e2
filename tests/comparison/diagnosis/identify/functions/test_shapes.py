"""Functions in an activation's place: with a number of their own, from tables, with another exp; other sequences."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from helpers.one_step import DEPTHWISE, EXPAND, Step

from refnet.comparison.diagnosis.activations import sigmoid
from refnet.comparison.diagnosis.computation import evaluate

GATE, ADD, EXCITE, SQUEEZE = "block3b.gate", "block3b.add", "block3b.excite", "block3b.squeeze"


def instead(curve):
    return lambda s: curve(evaluate(replace(s.right, activation="none"), np.float32))


def table(low, high, count, turn):
    at = np.linspace(low, high, count)

    def look_up(x):
        return sigmoid(at)[np.clip(turn((x - low) / (at[1] - at[0])), 0, count - 1).astype(int)]

    return look_up


def by_bits(x):
    return np.clip(12102203.161561485 * x + 1064866805, 0, 2139095039).astype(np.int32).view(np.float32)


def taylor(x):
    return 1 + x + x**2 / 2 + x**3 / 6 + x**4 / 24


def over_sum(e):
    return e / e.sum(-1, keepdims=True)


def again(s):
    return evaluate(replace(s.right, op="none", kernel=None, inputs=(s.made(),)), np.float32)


CASES = {
    "elu": (EXPAND, instead(lambda x: np.where(x < 0, 0.3 * np.expm1(np.minimum(x, 0)), x)), "elu: 0.3 (exp(x) - 1)"),
    "threshold": (EXPAND, instead(lambda x: np.where(x > 0.25, x, 0)), "x where it is above 0.25"),
    "softplus": (EXPAND, instead(lambda x: np.log1p(np.exp(2 * x)) / 2), "log(1 + exp(2 x)) / 2"),
    "polynomial": (EXPAND, instead(lambda x: 0.1 * x * x + 0.5 * x + 0.05), "0.05 + 0.5 x + 0.1 x^2"),
    "powers of 2": (GATE, instead(lambda x: 1 / (1 + 2**-x)), "0.693147 (ln 2)"),
    "nearest entry": (GATE, instead(table(-8, 8, 65, np.rint)), "multiples of 2^-2"),
    "entry below": (GATE, instead(table(-6, 6, 64, np.floor)), "a lookup table of 64 entries from -6 to 6"),
    "between entries": (
        GATE,
        instead(lambda x: np.interp(x, np.linspace(-8, 8, 129), sigmoid(np.linspace(-8, 8, 129)))),
        "(linear interpolation)",
    ),
    "table in a swish": (
        EXPAND,
        instead(lambda x: x * table(-8, 8, 257, np.rint)(x)),
        "x times the sigmoid by a lookup",
    ),
    "bits": (EXPAND, instead(lambda x: x / (1 + by_bits(-x))), "Schraudolph's trick"),
    "Taylor": (EXPAND, instead(lambda x: x / (1 + taylor(-x))), "its Taylor polynomial of degree 4"),
    "squarings": (GATE, instead(lambda x: 1 / (1 + np.maximum(1 - x / 256, 0) ** 256)), "(1 + x / 256)^256"),
    "twice": (DEPTHWISE, again, "batch norm, swish, batch norm, swish; instead of batch norm, swish: both run twice"),
    "operand": (EXCITE, lambda s: s.inputs[0] * np.tanh(s.inputs[1])[:, None, None], "it takes tanh(1 x)"),
    "mean gate": (
        EXCITE,
        lambda s: s.inputs[0] * s.inputs[1].mean(-1, keepdims=True)[:, None, None],
        "the mean of all gates in place of each",
    ),
    "rows": (SQUEEZE, lambda s: s.inputs[0][:, 1:3].mean((1, 2)), "rows 0, 3 are left out; divided by 12"),
    "powers": (SQUEEZE, lambda s: (np.maximum(s.inputs[0], 1e-6) ** 3).mean((1, 2)) ** (1 / 3), "the mean of x^3"),
    "softmax": (
        "probabilities",
        lambda s: over_sum(by_bits(s.inputs[0] - s.inputs[0].max(-1, keepdims=True))),
        "a softmax whose exp(x) is Schraudolph's trick",
    ),
}


@pytest.mark.parametrize("case", CASES)
def test_it_is_named(case):
    name, make, words = CASES[case]
    one = Step(name)
    assert words in one.said(np.asarray(make(one), np.float32))

"""Mistakes of squeeze, excite, residual and softmax: where there are no weights."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace

import numpy as np

from refnet.architecture.variants import SE_RATIO
from refnet.arrays import Array
from refnet.comparison.diagnosis.activations import sigmoid
from refnet.comparison.diagnosis.mistakes.mistake import Mistake, Situation
from refnet.comparison.diagnosis.operations import OPERATIONS

_Table = tuple[tuple[str, str, Callable[..., Array]], ...]
_softmax = OPERATIONS["softmax"]

_MEAN: _Table = (
    ("sum-for-mean", "the sum of all pixels, not divided by their number", lambda x: x.sum((1, 2))),
    ("max-for-mean", "the largest of all pixels instead of their mean", lambda x: x.max((1, 2))),
    (
        "divided-by-height",
        "the sum of all pixels is divided by the height alone",
        lambda x: x.sum((1, 2)) / x.dtype.type(x.shape[1]),
    ),
    (
        "divided-by-width",
        "the sum of all pixels is divided by the width alone",
        lambda x: x.sum((1, 2)) / x.dtype.type(x.shape[2]),
    ),
    ("one-row", "the mean of the first row alone", lambda x: x[:, 0].mean(1)),
    ("one-column", "the mean of the first column alone", lambda x: x[:, :, 0].mean(1)),
    ("last-row-missing", "the mean without the last row and column", lambda x: x[:, :-1, :-1].mean((1, 2))),
)
_EXCITE: _Table = (
    ("gate-skipped", "the gate is not applied", lambda x, gate: x),
    ("gate-twice", "the gate is applied twice", lambda x, gate: x * (gate * gate)[:, None, None]),
    ("gate-added", "the gate is added instead of multiplied", lambda x, gate: x + gate[:, None, None]),
    ("gate-plus-one", "x * (1 + gate) instead of x * gate", lambda x, gate: x * (1 + gate)[:, None, None]),
    ("gate-sigmoid-again", "another sigmoid of the gate", lambda x, gate: x * sigmoid(gate)[:, None, None]),
    ("gate-of-other-picture", "the gates of the batch are in another order", lambda x, g: x * g[::-1, None, None]),
)
_ADD: _Table = (
    ("skip-missing", "the block's input is not added", lambda x, skip: x),
    ("branch-missing", "the block's input alone, without what the block computed", lambda x, skip: skip),
    ("skip-subtracted", "the block's input is subtracted", lambda x, skip: x - skip),
    ("skip-doubled", "the block's input is added twice", lambda x, skip: x + 2 * skip),
)
_SOFTMAX: _Table = (
    ("softmax-missing", "the logits themselves, without a softmax", lambda x: x),
    ("softmax-twice", "the softmax is applied twice", lambda x: _softmax(_softmax(x))),
    ("sigmoid-for-softmax", "a sigmoid of each logit instead of the softmax", sigmoid),
    ("log-softmax", "the logarithm of the softmax", lambda x: np.log(_softmax(x))),
    ("softmax-base-2", "powers of 2 instead of e in the softmax", lambda x: _softmax(x * x.dtype.type(np.log(2)))),
)
_TABLES = {"mean": _MEAN, "excite": _EXCITE, "add": _ADD, "softmax": _SOFTMAX}


def other_formula(s: Situation) -> Iterator[Mistake]:
    """Another formula in the place of a mean, a product, a sum or a softmax."""
    for name, words, combine in _TABLES.get(s.right.op, ()):
        if not (name == "last-row-missing" and min(s.step.in_shape[:2]) < 2):
            yield Mistake(name, words, replace(s.right, combine=combine))


def squeeze_width(s: Situation) -> Iterator[Mistake]:
    """The wrong width of squeeze-excite: a quarter of the expanded width, not of the block's input."""
    c = s.right
    if s.step.activation not in ("swish", "sigmoid") or s.step.op != "dense" or c.kernel is None or c.bias is None:
        return
    C, K = c.kernel.shape
    if s.step.activation == "swish" and K < C // SE_RATIO:
        wide = C // SE_RATIO
        words = f"{wide} channels, a quarter of the expanded width {C}; a quarter of the block's input width is {K}"
        kernel = np.pad(c.kernel, ((0, 0), (0, wide - K)))
        yield Mistake("se-width", words, replace(c, kernel=kernel, bias=np.pad(c.bias, (0, wide - K))))
        seen = K * SE_RATIO
        words = f"only the first {seen} of {C} channels are read, as many as the block's input has"
        partly = np.where(np.arange(C)[:, None] < seen, c.kernel, 0)
        yield Mistake("se-input-cut", words, replace(c, kernel=partly))


def wrong_tensor(s: Situation) -> Iterator[Mistake]:
    """Another tensor of the run is read in place of an input."""
    c = s.right
    for position, (right, x) in enumerate(zip(s.reads, c.inputs, strict=False)):
        for name, other in s.neighbours.items():
            if name in (*s.reads, s.step.name):
                continue
            fits = other.ndim == x.ndim and other.shape[-1] == x.shape[-1] and other.shape[0] == x.shape[0]
            if fits and (s.right.op == "mean" or other.shape == x.shape):
                inputs = (*c.inputs[:position], other, *c.inputs[position + 1 :])
                yield Mistake(
                    "wrong-tensor", f"it reads {name} where {right} should be read", replace(c, inputs=inputs)
                )

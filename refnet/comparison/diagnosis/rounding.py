"""Rounding: in which order of roundings a port's numbers come out bit for bit."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from functools import partial
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
from numpy.lib.stride_tricks import sliding_window_view

from refnet.arrays import Array
from refnet.comparison.diagnosis.computation import Computation, Norm, evaluate
from refnet.comparison.diagnosis.diagnosis import Diagnosis
from refnet.comparison.diagnosis.summation import fused, sums
from refnet.comparison.findings import listed
from refnet.comparison.judgement.verdict import rms
from refnet.reference import ops
from refnet.reference.numerics import fold_batch_norm

_Finish = Callable[[Array], Iterator[tuple[str, Array]]]

_NUMBER = re.compile(r"(?<![\w.])\d+")
PIXELS = 48  # that are looked at, spread over the picture
OUTPUTS = 384  # that are looked at, in all
_TAP_ORDERS = (("HWI", (0, 1, 2)), ("IHW", (2, 0, 1)))
_ACTIVATIONS = {
    "none": (("", lambda y: y),),
    "relu6": (("", ops.relu6),),
    "swish": (("", ops.swish), ("swish as x * sigmoid(x)", lambda y: y * ops.sigmoid(y))),
    "sigmoid": (("", ops.sigmoid),),
    "relu": (("", ops.relu),),
    "tanh": (("", ops.tanh), ("tanh of the C library", np.tanh)),
}


def explain_rounding(c: Computation, actual: Array) -> Diagnosis | None:
    """Find the order of roundings by which a convolution or dense layer gives a port's numbers exactly.

    Only some outputs are computed, and none but exact agreement counts.
    """
    if c.op not in ("convolution", "depthwise", "dense") or actual.dtype != np.float32:
        return None
    if evaluate(c.narrowed(np.arange(1)), np.float32).shape[:-1] != actual.shape[:-1]:
        return None
    every = actual.reshape(-1, actual.shape[-1])
    pixels = _spread(len(every), PIXELS)
    channels = _spread(every.shape[1], OUTPUTS // len(pixels))
    narrow, wanted = c.narrowed(channels), every[np.ix_(pixels, channels)]
    x = _taps(narrow)[pixels].astype(np.float32)  # [P, R, S, C, 1 or K]
    truth = evaluate(narrow, np.float64).reshape(-1, len(channels))[pixels]
    before = rms(wanted - truth) / (rms(wanted) or 1.0)
    found = [way for ways, y in _ways(narrow, x) if np.array_equal(y, wanted) for way in ways]
    sentences = _sentences(found, x[0, ..., 0].size) if found else []
    if np.array_equal(truth.astype(np.float32), wanted):
        sentences.append("all of the step in float64, rounded once to float32")
    if not sentences:
        return None
    first, *others = [Diagnosis("rounding", f"bit for bit it is {words}", 0.0, before) for words in sentences]
    return replace(first, alternatives=tuple(others))


class _Way(NamedTuple):
    """A way to the result, in words, part by part."""

    multiply_add: str
    order: str
    taps: str
    norm: str
    activation: str


def _sentences(found: Sequence[_Way], taps: int) -> list[str]:
    """Say ways that give the same bits in one sentence, where any choice of each part does."""
    choices = [list(dict.fromkeys(part)) for part in zip(*found, strict=True)]
    if math.prod(map(len, choices)) != len(set(found)):
        first, *others = [", ".join(filter(None, way)) for way in found]
        same = listed([", ".join(filter(None, way[:2])) for way in found[1:]], 2)
        return [f"{first} ({same}: with {taps} taps the same bits)", *others]
    said = ", ".join(filter(None, map(_either, choices)))
    if max(map(len, choices)) == 1:
        return [said]
    return [f"{said}: with {taps} taps these give the same bits"]


def _either(choices: Sequence[str]) -> str:
    """Join choices; those that differ in a number alone are said once.

    Examples
    --------
    >>> _either(["in one chain", "in blocks of 32", "in blocks of 64"])
    'in one chain or in blocks of 32 or 64'
    >>> _either(["", "swish as x * sigmoid(x)"])
    'swish as x * sigmoid(x) or not'
    """
    numbers: dict[str, list[str]] = {}
    for choice in choices:
        if choice:
            numbers.setdefault(_NUMBER.sub("{}", choice), []).extend(_NUMBER.findall(choice))
    said = [words.replace("{}", " or ".join(found)) for words, found in numbers.items()]
    return " or ".join([*said, *(["not"] if said and "" in choices else [])])


def _spread(size: int, count: int) -> npt.NDArray[np.int64]:
    return np.unique(np.linspace(0, size - 1, count).astype(np.int64))


def _taps(c: Computation) -> Array:
    """What each output pixel sees: [pixels, R, S, C, 1], or [pixels, R, S, 1, K] of a depthwise convolution."""
    x = c.inputs[0]
    if c.op == "dense":
        return x[:, None, None, :, None]
    assert c.kernel is not None
    pads = c.pads
    x = np.pad(x, ((0, 0), (pads.top, pads.bottom), (pads.left, pads.right), (0, 0)))
    windows = sliding_window_view(x, c.kernel.shape[:2], axis=(1, 2))[:, :: c.stride, :: c.stride]
    rows = windows.reshape(-1, *windows.shape[3:]).transpose(0, 2, 3, 1)  # [pixels, R, S, C]
    return rows[..., None] if c.op == "convolution" else rows[..., None, :]


def _ways(c: Computation, x: Array) -> Iterator[tuple[list[_Way], Array]]:
    """All known ways to the result, and the result f32[P, K]."""
    assert c.kernel is not None
    kernel = c.kernel.astype(np.float32)
    kernel = {"convolution": kernel, "depthwise": kernel[:, :, None], "dense": kernel[None, None]}[c.op]
    for folded, w, finish in _foldings(c, kernel):
        for letters, order in _TAP_ORDERS:
            if letters != "HWI" and (c.op != "convolution" or w.shape[:2] == (1, 1)):
                continue
            taps = x.transpose(0, *(axis + 1 for axis in order), 4).reshape(len(x), -1, x.shape[-1])
            for ways, total in sums(taps, w.transpose(*order, 3).reshape(taps.shape[1], -1)):
                for finished, y in finish(total):
                    for activation, apply in _ACTIVATIONS[c.activation]:
                        norm = ", ".join(filter(None, (folded, finished)))
                        made = [_Way(*way, f"taps in the order {letters}", norm, activation) for way in ways]
                        yield made, apply(y)


def _foldings(c: Computation, kernel: Array) -> Iterator[tuple[str, Array, _Finish]]:
    """Kernels with and without a batch norm in them, and what follows their sums."""
    if not c.norms:
        yield "", kernel, partial(_plus, np.float32(0) if c.bias is None else c.bias)
    for norm in c.norms:
        yield "", kernel, partial(_normalised, norm)
        for words, scale, shift in _scales(norm):
            yield _with("batch norm folded into the kernel", words), kernel * scale, partial(_plus, shift)


def _plus(shift: Any, total: Array) -> Iterator[tuple[str, Array]]:
    yield "", total + shift


def _scales(norm: Norm) -> Iterator[tuple[str, Array, Array]]:
    scale, shift = fold_batch_norm(norm.gamma, norm.beta, norm.mean, norm.variance, norm.eps, np.float32)
    yield "", scale, shift
    single: Array = norm.gamma / np.sqrt(norm.variance + np.float32(norm.eps))
    yield "its scale in float32", single, norm.beta - norm.mean * single


def _with(words: str, more: str) -> str:
    return f"{words}, {more}" if more else words


def _normalised(norm: Norm, total: Array) -> Iterator[tuple[str, Array]]:
    for words, scale, shift in _scales(norm):
        yield _with("batch norm as one multiply-add", words), fused(total, scale, shift)
        yield _with("batch norm as a product and a sum", words), total * scale + shift
        yield _with("batch norm as (x - mean) * scale + beta", words), (total - norm.mean) * scale + norm.beta

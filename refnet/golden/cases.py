"""Cases: small exact cases of every single operation, for unit tests of a shader or a block of hardware.

Inputs and weights are from the integer generator of ``refnet.weights.synthetic``, or the numbers at which an
operation changes its ways; what is expected is the definition's, ``refnet.reference``. Sizes are odd and even, down
to one pixel; channels are 1, 3, 17 and 33, because taps are summed in blocks of 32.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import product
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from refnet.architecture import names
from refnet.architecture.padding import Padding, pads
from refnet.architecture.step import Shape
from refnet.arrays import Array
from refnet.reference import ops
from refnet.reference.numerics import EXP
from refnet.weights.synthetic import uniform

PADDINGS: tuple[Padding, ...] = ("same", "symmetric")
SIZES = ((1, 1), (5, 6), (6, 5))
CHANNELS = (1, 3, 17, 33)

_Sliding = tuple[int, int, Padding, tuple[int, int], int, int]  # kernel, stride, padding, H and W, C, K


class Case(NamedTuple):
    """One operation on one input.

    Attributes
    ----------
    name
        As a file name, such as ``depthwise-5x5-s2-same-5x6-c17``.
    op
        Name of the function in ``refnet.reference``.
    parameters
        What it takes beside tensors: stride, pads (top, bottom, left, right), eps, k, divisor.
    inputs, weights
        Tensors by role: ``x``, ``y``, ``gate``; ``kernel``, ``bias``, ``bn/gamma``.
    output
        What is expected.
    """

    name: str
    op: str
    parameters: dict[str, Any]
    inputs: dict[str, Array]
    weights: dict[str, Array]
    output: Array


def cases(dtype: npt.DTypeLike = "float32") -> Iterator[Case]:
    """Make every case, computed in ``dtype``: float32 or float64. Weights are float32.

    Examples
    --------
    >>> case = next(cases())
    >>> case.name, case.inputs["x"].shape, case.weights["kernel"].shape, case.output.shape
    ('convolution-1x1-s1-same-4x5-c1-k3', (1, 4, 5, 1), (1, 1, 1, 3), (1, 4, 5, 3))
    """
    dtype = np.dtype(dtype)
    for kinds in (_convolutions, _depthwise, _dense, _after_sums, _functions, _between, _softmax):
        yield from kinds(dtype)


def _convolutions(dtype: np.dtype[Any]) -> Iterator[Case]:
    pointwise: list[_Sliding] = [(1, 1, "same", (4, 5), C, K) for C, K in zip(CHANNELS, (3, 17, 33, 1), strict=True)]
    small: list[_Sliding] = [
        (3, stride, padding, size, 3, 17) for stride, padding, size in product((1, 2), PADDINGS, SIZES)
    ]
    deep: list[_Sliding] = [(3, 1, "same", (3, 4), C, 3) for C in (1, 17, 33)]
    for kernel, stride, padding, size, C, K in [*pointwise, *small, *deep]:
        name = f"convolution-{_geometry(kernel, stride, padding, size)}-c{C}-k{K}"
        yield _sliding(name, "convolution", padding, stride, (1, *size, C), (kernel, kernel, C, K), dtype)


def _depthwise(dtype: np.dtype[Any]) -> Iterator[Case]:
    small: list[_Sliding] = [
        (kernel, stride, p, size, 17, 17) for kernel, stride, p, size in product((3, 5), (1, 2), PADDINGS, SIZES)
    ]
    wide: list[_Sliding] = [(3, 1, "same", (4, 4), C, C) for C in (1, 3, 33)]
    for kernel, stride, padding, size, C, _ in [*small, *wide]:
        name = f"depthwise-{_geometry(kernel, stride, padding, size)}-c{C}"
        yield _sliding(name, "depthwise", padding, stride, (1, *size, C), (kernel, kernel, C), dtype)


def _geometry(kernel: int, stride: int, padding: str, size: tuple[int, int]) -> str:
    return f"{kernel}x{kernel}-s{stride}-{padding}-{size[0]}x{size[1]}"


def _sliding(
    name: str, op: str, padding: Padding, stride: int, shape: Shape, kernel_shape: Shape, dtype: np.dtype[Any]
) -> Case:
    x, kernel = _noise(name, "x", shape), _noise(name, "kernel", kernel_shape)
    around = pads(padding, shape[1], shape[2], kernel_shape[0], stride)
    y = getattr(ops, op)(x.astype(dtype), kernel, stride=stride, pads=around)
    return Case(name, op, {"stride": stride, "pads": list(around)}, {"x": x}, {"kernel": kernel}, y)


def _dense(dtype: np.dtype[Any]) -> Iterator[Case]:
    for C, K in ((1, 1), (3, 17), (17, 33), (33, 3), (65, 1)):
        name = f"dense-c{C}-k{K}"
        x, kernel = _noise(name, "x", (2, C)), _noise(name, "kernel", (C, K))
        yield Case(name, "dense", {}, {"x": x}, {"kernel": kernel}, ops.dense(x.astype(dtype), kernel))


def _after_sums(dtype: np.dtype[Any]) -> Iterator[Case]:
    for eps in (1e-3, 1e-5):
        name = f"batch_norm-eps{eps:g}-c17"
        x = _noise(name, "x", (1, 3, 4, 17))
        weights = {f"bn/{leaf}": _noise(name, leaf, (17,)) for leaf in names.BN_LEAVES}
        weights["bn/variance"] *= weights["bn/variance"]
        gamma, beta, mean, variance = weights.values()
        y = ops.batch_norm(x.astype(dtype), gamma, beta, mean, variance, eps)
        yield Case(name, "batch_norm", {"eps": eps}, {"x": x}, weights, y)
    x, bias = _noise("bias-c17", "x", (2, 17)), _noise("bias-c17", "bias", (17,))
    yield Case("bias-c17", "bias", {}, {"x": x}, {"bias": bias}, ops.bias(x.astype(dtype), bias))


def _functions(dtype: np.dtype[Any]) -> Iterator[Case]:
    for op, function in {"exp": ops.exp, "log": ops.log, **ops.ACTIVATIONS}.items():
        noise = _noise(op, "x", (1, 256))
        for kind, x in (
            ("near", noise * np.float32(8)),
            ("far", noise * np.float32(128)),
            ("special", _special(dtype)),
        ):
            with np.errstate(over="ignore", under="ignore"):
                yield Case(f"{op}-{kind}", op, {}, {"x": x}, {}, function(x.astype(dtype)))


def _special(dtype: np.dtype[Any]) -> Array:
    """Zeros, subnormals, the ends of the ranges of exp and sigmoid with their neighbours, 6, infinities; no NaN."""
    limits = np.finfo(dtype)
    c = EXP[dtype.name]
    tiny = [0, limits.smallest_subnormal, limits.smallest_normal, limits.eps, limits.max, np.inf]
    plain = np.array([*tiny, 0.5, 1, 6, 10, c.sigmoid_bound, c.high - 1, c.high, -c.low], dtype)
    with np.errstate(over="ignore", under="ignore"):
        around = [np.nextafter(plain, dtype.type(toward)) for toward in (0, np.inf)]
    positive = np.unique(np.concatenate([plain, *around]))
    return np.concatenate([-positive[::-1], positive])[None]


def _between(dtype: np.dtype[Any]) -> Iterator[Case]:
    for H, W in (*SIZES, (7, 7)):
        name = f"mean-{H}x{W}-c17"
        x = _noise(name, "x", (1, H, W, 17))
        yield Case(name, "mean", {}, {"x": x}, {}, ops.mean(x.astype(dtype)))
        yield Case(f"max-{H}x{W}-c17", "max", {}, {"x": x}, {}, ops.max(x.astype(dtype)))
        p = np.array([3], np.float32) + _noise(name, "p", (1,))
        yield Case(f"gem-{H}x{W}-c17", "gem", {}, {"x": x}, {"p": p}, ops.gem(x.astype(dtype), p))
    x, y, gate = (_noise("excite-c17", role, shape) for role, shape in _OPERANDS.items())
    wide = x.astype(dtype)
    yield Case("excite-c17", "excite", {}, {"x": x, "gate": gate}, {}, ops.excite(wide, gate.astype(dtype)))
    yield Case("add-c17", "add", {}, {"x": x, "y": y}, {}, ops.add(wide, y.astype(dtype)))
    x, y = (_noise("vectors-c17", role, (2, 17)) for role in "xy")
    wide = x.astype(dtype)
    yield Case("identity-c17", "identity", {}, {"x": x}, {}, ops.identity(wide))
    yield Case("divide-c17", "divide", {"divisor": 1.7}, {"x": x}, {}, ops.divide(wide, 1.7))
    yield Case("concatenate-c17", "concatenate", {}, {"x": x, "y": y}, {}, ops.concatenate(wide, y.astype(dtype)))


_OPERANDS: dict[str, Shape] = {"x": (2, 3, 4, 17), "y": (2, 3, 4, 17), "gate": (2, 17)}


def _softmax(dtype: np.dtype[Any]) -> Iterator[Case]:
    for K, spread in ((1, 1), (17, 4), (33, 128)):
        name = f"softmax-k{K}-spread{spread}"
        x = _noise(name, "x", (2, K)) * np.float32(spread)
        with np.errstate(under="ignore"):
            yield Case(name, "softmax", {}, {"x": x}, {}, ops.softmax(x.astype(dtype)))
            yield Case(f"log_{name}", "log_softmax", {}, {"x": x}, {}, ops.log_softmax(x.astype(dtype)))
    ties: Sequence[float] = (1, 3, -0.0, 3, 0, 2, 3, -1)
    x = np.array([ties, ties[::-1]], np.float32)
    yield Case("top_k-ties", "top_k", {"k": 5}, {"x": x}, {}, ops.top_k(x, 5).astype(np.uint8))


def _noise(case: str, role: str, shape: Shape) -> Array:
    return uniform(f"vectors/{case}/{role}", shape)

"""Layers of a port, each a small expression as data: what it reads, its numbers, its stages, and edits between them.

A layer makes its tensor in stages: ``sum``, ``norm``, ``bias``, ``act``. An *edit* is a function that changes what a
stage hands on, or the ``inputs``, the ``padded`` picture of a convolution, or what is written, ``out``. Arrays are
[N, H, W, C] or [N, C], of float32, or of float64 to measure roundings.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any, NamedTuple

import numpy as np

Array = np.ndarray
Sides = tuple[int, int, int, int]  # top, bottom, left, right

PARTS = {"sum": "conv", "norm": "bn", "act": "act"}  # stages of a convolution that a golden may hold, by their suffix


class Scene(NamedTuple):
    """What an edit can see: every tensor so far, by name, and the order of axes in the port's memory."""

    values: Mapping[str, Array]
    order: str = "NHWC"


Edit = Callable[[Any, Scene], Any]


class Norm(NamedTuple):
    """A batch norm."""

    gamma: Array
    beta: Array
    mean: Array
    variance: Array
    eps: float


def identity(x: Array) -> Array:
    """No activation."""
    return x


def sigmoid(x: Array) -> Array:
    """1 / (1 + exp(-x))."""
    with np.errstate(over="ignore"):
        return 1 / (1 + np.exp(-x))


def swish(x: Array) -> Array:
    """x / (1 + exp(-x))."""
    with np.errstate(over="ignore"):
        return x / (1 + np.exp(-x))


def relu6(x: Array) -> Array:
    """Between 0 and 6."""
    return np.clip(x, 0, 6)


ACTIVATIONS = {"none": identity, "sigmoid": sigmoid, "swish": swish, "relu6": relu6}


def in_turn(terms: Iterable[Array]) -> Array:
    """Add terms one after the other."""
    total = None
    for term in terms:
        total = term if total is None else np.add(total, term, out=total)
    assert total is not None
    return total


def average(x: Array) -> Array:
    """Mean of [N, P, C] over P."""
    return (x.sum(axis=1, dtype=np.float64) / x.shape[1]).astype(x.dtype)


@dataclass(frozen=True, eq=False)
class Layer:
    """One step of a port; ``product``, ``accumulate`` and ``average`` say in which order and precision it adds."""

    name: str
    op: str
    reads: tuple[str, ...]
    shape: tuple[int, ...]
    kernel: Array | None = None
    bias: Array | None = None
    norm: Norm | None = None
    stride: int = 1
    pads: Sides = (0, 0, 0, 0)
    activation: str = "none"
    act: Callable[[Array], Array] = identity
    stages: tuple[str, ...] = ("sum",)
    edits: tuple[tuple[str, Edit], ...] = ()
    product: Callable[[Array, Array], Array] = np.matmul
    accumulate: Callable[[Iterable[Array]], Array] = in_turn
    average: Callable[[Array], Array] = average

    def but(self, **changes: Any) -> Layer:
        """The same with other data."""
        return replace(self, **changes)

    def normed(self, **changes: Any) -> Layer:
        """The same with other numbers in its batch norm."""
        assert self.norm is not None
        return replace(self, norm=self.norm._replace(**changes))

    def edited(self, point: str, edit: Edit) -> Layer:
        """The same with one more edit."""
        return replace(self, edits=(*self.edits, (point, edit)))

    @property
    def taps(self) -> int:
        """Positions under the kernel; 0 where there is none."""
        return 0 if self.kernel is None or self.kernel.ndim < 3 else self.kernel.shape[0] * self.kernel.shape[1]

    @property
    def block(self) -> str:
        """The block that it belongs to, or empty."""
        return self.name.partition(".")[0] if self.name.startswith("block") else ""

    @property
    def part(self) -> str:
        """What it is within its block, or its whole name."""
        return self.name.rpartition(".")[2]

    def apply(self, point: str, x: Any, scene: Scene) -> Any:
        """Apply the edits of one point, in their order."""
        for at, edit in self.edits:
            if at == point:
                x = edit(x, scene)
        return x

    def compute(self, scene: Scene) -> Iterator[tuple[str, Array]]:
        """What each stage hands on, and at last ``out``."""
        inputs = self.apply("inputs", [scene.values[name] for name in self.reads], scene)
        x = inputs[0]
        for stage in self.stages:
            x = SUMS[self.op](self, inputs, scene) if stage == "sum" else _LATER[stage](self, x)
            x = self.apply(stage, x, scene)
            yield stage, x
        yield "out", self.apply("out", x, scene)


def _as(numbers: Array, like: Array) -> Array:
    return np.asarray(numbers, like.dtype)


def _norm(layer: Layer, x: Array) -> Array:
    assert layer.norm is not None
    gamma, beta, mean, variance = (_as(numbers, x) for numbers in layer.norm[:4])
    return (x - mean) * (gamma / np.sqrt(variance + x.dtype.type(layer.norm.eps))) + beta


_LATER: dict[str, Callable[[Layer, Array], Array]] = {
    "norm": _norm,
    "bias": lambda layer, x: x + _as(layer.bias, x),
    "act": lambda layer, x: layer.act(x),
}


def _padded(layer: Layer, x: Array, scene: Scene) -> Array:
    top, bottom, left, right = layer.pads
    if any(layer.pads):
        x = np.pad(x, ((0, 0), (top, bottom), (left, right), (0, 0)))
    return layer.apply("padded", x, scene)


def _convolution(layer: Layer, inputs: list[Array], scene: Scene) -> Array:
    x = _padded(layer, inputs[0], scene)
    kernel = _as(layer.kernel, x)
    height, width, _, count = kernel.shape
    if (height, width) != (1, 1):
        windows = np.lib.stride_tricks.sliding_window_view(x, (height, width), axis=(1, 2))
        x = windows.transpose(0, 1, 2, 4, 5, 3)
        x = x.reshape(*x.shape[:3], -1)
    x = x[:, :: layer.stride, :: layer.stride]
    rows = np.ascontiguousarray(x).reshape(-1, x.shape[-1])
    return layer.product(rows, kernel.reshape(-1, count)).reshape(*x.shape[:3], count)


def _depthwise(layer: Layer, inputs: list[Array], scene: Scene) -> Array:
    x = _padded(layer, inputs[0], scene)
    kernel, stride = _as(layer.kernel, x), layer.stride
    height, width, _ = kernel.shape
    down, across = x.shape[1] - height + 1, x.shape[2] - width + 1
    return layer.accumulate(
        x[:, r : r + down : stride, s : s + across : stride] * kernel[r, s] for r in range(height) for s in range(width)
    )


def _softmax(layer: Layer, inputs: list[Array], scene: Scene) -> Array:
    powers = np.exp(inputs[0] - inputs[0].max(axis=-1, keepdims=True))
    return powers / powers.sum(axis=-1, keepdims=True)


def _mean(layer: Layer, inputs: list[Array], scene: Scene) -> Array:
    x = inputs[0]
    return layer.average(x.reshape(x.shape[0], -1, x.shape[-1]))


#: What an operation makes of its inputs, before batch norm, bias and activation.
SUMS: dict[str, Callable[[Layer, list[Array], Scene], Array]] = {
    "convolution": _convolution,
    "depthwise": _depthwise,
    "dense": lambda layer, inputs, scene: layer.product(inputs[0], _as(layer.kernel, inputs[0])),
    "mean": _mean,
    "excite": lambda layer, inputs, scene: inputs[0] * inputs[1][:, None, None, :],
    "add": lambda layer, inputs, scene: inputs[0] + inputs[1],
    "softmax": _softmax,
}

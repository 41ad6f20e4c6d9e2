"""Right ports whose roundings are others: none of them may be called wrong."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import replace

import numpy as np

from planting.layers import Array, Layer, Norm, average, in_turn, sigmoid
from planting.program import Program

Rng = np.random.Generator
Rounding = Callable[[Program, Rng], Program]

ROUNDINGS: list[Rounding] = []


def _rounding(change: Callable[[Layer, Rng], Layer]) -> Callable:
    """Register a change of every layer."""

    def everywhere(program: Program, rng: Rng) -> Program:
        seed = int(rng.integers(1 << 30))  # each layer draws the same: a port has one way to add
        return replace(program, layers=tuple(change(layer, np.random.default_rng(seed)) for layer in program.layers))

    everywhere.__name__ = change.__name__
    ROUNDINGS.append(everywhere)
    return change


def _sums(layer: Layer, product: Callable[[Array, Array], Array], accumulate: Callable = in_turn) -> Layer:
    return layer.but(product=product, accumulate=accumulate)


@_rounding
def as_it_is(layer: Layer, rng: Rng) -> Layer:
    """BLAS, taps in their order."""
    return layer


@_rounding
def one_after_the_other(layer: Layer, rng: Rng) -> Layer:
    """Input channels in one chain, each product rounded."""

    def product(a: Array, b: Array) -> Array:
        return in_turn(np.multiply.outer(a[:, row], b[row]) for row in range(len(b)))

    return _sums(layer, product)


@_rounding
def backwards(layer: Layer, rng: Rng) -> Layer:
    """From the last channel and tap to the first."""
    return _sums(
        layer,
        lambda a, b: np.ascontiguousarray(a[:, ::-1]) @ np.ascontiguousarray(b[::-1]),
        lambda terms: in_turn(reversed(list(terms))),
    )


@_rounding
def in_tiles(layer: Layer, rng: Rng) -> Layer:
    """Sums of tiles of the input channels, added afterwards."""
    size = int(rng.choice([8, 16, 32, 64]))

    def product(a: Array, b: Array) -> Array:
        return in_turn(a[:, at : at + size] @ b[at : at + size] for at in range(0, len(b), size))

    return _sums(layer, product)


@_rounding
def in_a_tree(layer: Layer, rng: Rng) -> Layer:
    """Taps in pairs, pairs of pairs."""

    def tree(terms: Iterable[Array]) -> Array:
        terms = list(terms)
        while len(terms) > 1:
            pairs = [one + other for one, other in zip(terms[::2], terms[1::2], strict=False)]
            terms = pairs + terms[len(pairs) * 2 :]
        return terms[0]

    return layer.but(accumulate=tree)


@_rounding
def shuffled(layer: Layer, rng: Rng) -> Layer:
    """Channels and taps in an order of their own."""
    seed = int(rng.integers(1 << 30))

    def order(count: int) -> Array:
        return np.random.default_rng(seed).permutation(count)

    def accumulate(terms: Iterable[Array]) -> Array:
        terms = list(terms)
        return in_turn(terms[at] for at in order(len(terms)))

    return _sums(layer, lambda a, b: a[:, order(len(b))] @ b[order(len(b))], accumulate)


@_rounding
def float64_sums(layer: Layer, rng: Rng) -> Layer:
    """Products and sums in float64, rounded once."""

    def accumulate(terms: Iterable[Array]) -> Array:
        return in_turn(term.astype(np.float64) for term in terms).astype(np.float32)

    return _sums(layer, lambda a, b: (a.astype(np.float64) @ b.astype(np.float64)).astype(a.dtype), accumulate)


@_rounding
def folded(layer: Layer, rng: Rng) -> Layer:
    """Batch norm multiplied into the kernel."""
    if layer.norm is None:
        return layer
    norm = Norm(*(np.asarray(numbers, np.float64) for numbers in layer.norm[:4]), layer.norm.eps)
    scale = norm.gamma / np.sqrt(norm.variance + norm.eps)
    bias = (norm.beta - norm.mean * scale).astype(np.float32)
    kernel = (layer.kernel * scale).astype(np.float32)
    stages = tuple("bias" if stage == "norm" else stage for stage in layer.stages)
    return layer.but(kernel=kernel, bias=bias, norm=None, stages=stages)


@_rounding
def scale_and_shift(layer: Layer, rng: Rng) -> Layer:
    """Batch norm as x * scale + shift, both rounded before."""
    if layer.norm is None:
        return layer
    scale = layer.norm.gamma / np.sqrt(layer.norm.variance + np.float32(layer.norm.eps))
    one = np.ones_like(scale)
    return layer.normed(
        gamma=scale, beta=layer.norm.beta - layer.norm.mean * scale, mean=0 * one, variance=one, eps=0.0
    )


@_rounding
def product_with_sigmoid(layer: Layer, rng: Rng) -> Layer:
    """Swish as x * sigmoid(x)."""
    return layer.but(act=lambda x: x * sigmoid(x)) if layer.activation == "swish" else layer


@_rounding
def by_tanh(layer: Layer, rng: Rng) -> Layer:
    """Sigmoid and swish by way of the hyperbolic tangent."""
    half = np.float32(0.5)
    ways = {
        "swish": lambda x: x * (half * np.tanh(half * x) + half),
        "sigmoid": lambda x: half * np.tanh(half * x) + half,
    }
    return layer.but(act=ways.get(layer.activation, layer.act))


@_rounding
def exp_in_float64(layer: Layer, rng: Rng) -> Layer:
    """Activations in float64, rounded once."""
    act = layer.act
    return layer.but(act=lambda x: act(x.astype(np.float64)).astype(x.dtype))


@_rounding
def float32_averages(layer: Layer, rng: Rng) -> Layer:
    """Averages as sums of rows in float32, times a reciprocal."""
    pieces = int(rng.choice([4, 8, 16]))

    def mean(x: Array) -> Array:
        sums = [x[:, start::pieces].sum(axis=1) for start in range(min(pieces, x.shape[1]))]
        return in_turn(sums) * np.float32(1 / x.shape[1])

    return layer.but(average=mean if layer.average is average else layer.average)


@_rounding
def stored_in_float16(layer: Layer, rng: Rng) -> Layer:
    """Every tensor is kept, and read again, in float16; what is computed from it is not."""

    def edit(inputs: list[Array], scene: object) -> list[Array]:
        return [x.astype(np.float32) for x in inputs]

    return layer.edited("inputs", edit).edited("out", lambda x, scene: x.astype(np.float16))

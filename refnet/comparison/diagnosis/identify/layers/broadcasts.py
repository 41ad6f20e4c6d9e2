"""Broadcasts: what belongs to a channel, indexed by the wrong part of an address in memory."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace

import numpy as np

from refnet.arrays import Array
from refnet.comparison.diagnosis.activations import ACTIVATIONS
from refnet.comparison.diagnosis.computation import Computation, total
from refnet.comparison.diagnosis.mistakes import Mistake, Situation
from refnet.reference.numerics import fold_batch_norm

Spread = Callable[[Array, tuple[int, int, int]], Array]  # vectors [N, C] and [H, W, C] -> [N, H, W, C]


def broadcasts(s: Situation) -> Iterator[Mistake]:
    """Gates, batch norms and biases that are laid along rows or columns, or over all of a picture, in memory."""
    c = s.right
    if len(s.step.shape) != 3:
        return
    for words, spread in _SPREADS:
        if c.op == "excite":
            gated = replace(c, combine=_gated(spread), combines_channels=True)
            yield Mistake("gate-index", f"the gate of element i of a picture is {words}", gated)
        elif c.norms or c.bias is not None:
            noun = "batch norm" if c.norms else "bias"
            text = f"the {noun} of element i of a picture is {words}"
            yield Mistake("norm-index", text, _normed(c, s.step.shape, spread))


def _tiled(vectors: Array, shape: tuple[int, int, int]) -> Array:
    H, W, C = shape
    laid = np.tile(vectors, (1, H * W)).reshape(-1, C, H, W)
    return laid.transpose(0, 2, 3, 1)


def _repeated(vectors: Array, shape: tuple[int, int, int]) -> Array:
    H, W, C = shape
    return np.repeat(vectors, H * W, axis=1).reshape(-1, H, W, C)


_SPREADS: tuple[tuple[str, Spread], ...] = (
    ("number i mod C, as if it lay in the order NHWC; it lies in NCHW", _tiled),
    ("number i / (H W), as if it lay in the order NCHW; it lies in NHWC", _repeated),
)


def _gated(spread: Spread) -> Callable[..., Array]:
    def combine(x: Array, gate: Array) -> Array:
        _, H, W, C = x.shape
        result: Array = x * spread(gate, (H, W, C))
        return result

    return combine


def _normed(c: Computation, shape: tuple[int, ...], spread: Spread) -> Computation:
    """Compute the sums, and then scale, shift and activation of each element."""
    plain = replace(c, norms=(), bias=None, activation="none")
    H, W, C = shape

    def combine(*inputs: Array) -> Array:
        dtype = inputs[0].dtype.type
        x = total(replace(plain, inputs=inputs), dtype)
        for norm in c.norms:
            scale, shift = fold_batch_norm(norm.gamma, norm.beta, norm.mean, norm.variance, norm.eps, x.dtype)
            x = x * spread(scale[None], (H, W, C)) + spread(shift[None], (H, W, C))
        if c.bias is not None:
            x = x + spread(c.bias.astype(dtype)[None], (H, W, C))
        return ACTIVATIONS[c.activation](x)

    return replace(plain, combine=combine, combines_channels=True)

"""Computation: one step as data that a mistake can change, and a fast evaluator that promises no bits."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Literal, NamedTuple

import numpy as np

from refnet.architecture import names
from refnet.architecture.padding import NO_PADS, Pads
from refnet.architecture.step import CONVOLUTIONS, Step
from refnet.arrays import Array
from refnet.comparison.diagnosis.activations import ACTIVATIONS
from refnet.comparison.diagnosis.number_formats import FORMATS
from refnet.comparison.diagnosis.operations import OPERATIONS, WITH_A_NUMBER, convolution, depthwise, padded
from refnet.comparison.diagnosis.summation import SUMMATION_ORDERS, SummationOrder
from refnet.reference.numerics import fold_batch_norm

Channels = Array | slice
Float = type[np.floating[Any]]
Rounding = str | Callable[[Array], Array]


class Norm(NamedTuple):
    """A batch norm: its tensors [K], and whether it takes mean and variance from the batch, or each picture, itself."""

    gamma: Array
    beta: Array
    mean: Array
    variance: Array
    eps: float
    statistics: Literal["given", "batch", "picture"] = "given"

    def apply(self, x: Array) -> Array:
        """Normalise x [..., K]."""
        mean, variance = self.mean, self.variance
        if self.statistics != "given":
            axes = tuple(range(self.statistics == "picture", x.ndim - 1))
            mean, variance = x.mean(axes, np.float64, keepdims=True), x.var(axes, np.float64, keepdims=True)
        scale, shift = fold_batch_norm(self.gamma, self.beta, mean, variance, self.eps, x.dtype)
        result: Array = x * scale + shift
        return result

    def narrowed(self, channels: Channels) -> Norm:
        """The same for some of the channels."""
        return self._replace(
            gamma=self.gamma[channels],
            beta=self.beta[channels],
            mean=self.mean[channels],
            variance=self.variance[channels],
        )


@dataclass(frozen=True)
class Precision:
    """What numbers are rounded to: a format of ``number_formats.FORMATS``, or by a function; "" is none."""

    inputs: Rounding = ""
    kernel: Rounding = ""
    between: Rounding = ""
    result: Rounding = ""
    sums: Rounding = ""  # before batch norm or bias
    normed: Rounding = ""  # before the activation
    products: Rounding = ""
    accumulator: Rounding = ""  # after each product that is added to a sum
    order: SummationOrder | None = None  # in which products are added, if that matters

    @property
    def before_sums(self) -> tuple[Rounding | SummationOrder | None, ...]:
        """What changes the sums themselves."""
        return self.inputs, self.kernel, self.products, self.accumulator, self.order

    def narrowed(self, channels: Channels) -> Precision:
        """The same for some of the channels: a rounding of the kernel may have a scale for each."""
        narrow = getattr(self.kernel, "narrowed", None)
        return replace(self, kernel=narrow(channels)) if narrow else self


@dataclass(frozen=True)
class Computation:
    """What one step computes: inputs, operation, batch norms, bias, activation, in this order."""

    op: str  # of the plan, or "none" where the inputs are the sums already
    inputs: tuple[Array, ...]  # [N, H, W, C] or [N, C]
    kernel: Array | None = None  # in the plan's axes
    number: float = 1.0  # the divisor of a division, the power of a generalised mean
    stride: int = 1
    pads: Pads = NO_PADS
    pad_mode: Literal["constant", "edge", "reflect", "wrap", "symmetric"] = "constant"  # of np.pad
    pad_value: Array | float = 0.0  # where the mode is constant: one number, or one for each channel of the input
    bias: Array | None = None
    norms: tuple[Norm, ...] = ()
    activation: str = "none"
    activation_first: bool = False  # before the batch norms
    combine: Callable[..., Array] | None = None  # takes the place of the operation, where a mistake says so
    combines_channels: bool = False  # whether that needs all channels at once
    tail: tuple[Norm | str, ...] = ()  # batch norms and activations that follow at last
    times: float = 1.0  # factor of the result, and what else is added to it, with a factor each
    plus: tuple[tuple[float, Array], ...] = ()
    after: Callable[[Array], Array] | None = None  # what happens to each number of the result at last
    reorder: Callable[[Array], Array] | None = None  # what happens to their order
    precision: Precision = field(default_factory=Precision)

    @property
    def channels(self) -> int:
        """Of the result, before it is reordered."""
        last: int = (self.inputs[0] if self.kernel is None else self.kernel).shape[-1]
        return 2 * last if self.op == "concatenate" else last

    def narrowed(self, channels: Channels) -> Computation:
        """Leave only some of the result's channels."""
        kernel = None if self.kernel is None else self.kernel[..., channels]
        inputs = self.inputs
        if self.op not in ("convolution", "dense"):
            inputs = tuple(x[..., channels] for x in inputs)
        return replace(
            self,
            inputs=inputs,
            kernel=kernel,
            bias=None if self.bias is None else self.bias[channels],
            norms=tuple(norm.narrowed(channels) for norm in self.norms),
            tail=tuple(one if isinstance(one, str) else one.narrowed(channels) for one in self.tail),
            plus=tuple((factor, x[..., channels]) for factor, x in self.plus),
            pad_value=self._padding_of(channels),
            precision=self.precision.narrowed(channels),
        )

    def _padding_of(self, channels: Channels) -> Array | float:
        value = self.pad_value
        return value[channels] if self.op == "depthwise" and isinstance(value, np.ndarray) else value

    def has_sum_of(self, other: Computation) -> bool:
        """Whether the operation and all it reads are those of another computation, so that their sums are equal."""
        return (
            self.inputs is other.inputs
            and self.kernel is other.kernel
            and self.combine is other.combine
            and self.pad_value is other.pad_value
            and (self.op, self.stride, self.pads, self.pad_mode) == (other.op, other.stride, other.pads, other.pad_mode)
            and self.precision.before_sums == other.precision.before_sums
        )

    @property
    def narrows(self) -> bool:
        """Whether each channel of the result can be computed without the others."""
        whole = self.op in ("softmax", "log_softmax", "concatenate") or self.combines_channels
        return not whole and self.reorder is None


def computation_of(
    step: Step,
    tensors: Mapping[str, Array],
    eps: float,
    inputs: Sequence[Array],
    *,
    since: str = "",
    part: str = "",
) -> Computation:
    """Make the computation of a step: from its part ``since`` on, which is then the input, and up to ``part``."""

    def weight(leaf: str) -> Array:
        return tensors[names.weight_key(step.name, leaf)]

    norms: tuple[Norm, ...] = ()
    if (step.normalized or step.op == "batch_norm") and since != names.BN and part != names.CONV:
        gamma, beta, mean, variance = (weight(f"bn/{leaf}") for leaf in names.BN_LEAVES)
        norms = (Norm(gamma, beta, mean, variance, step.bn_eps(eps)),)
    has_kernel = step.op in (*CONVOLUTIONS, "dense") and not since
    return Computation(
        op="none" if since else step.op,
        inputs=tuple(inputs),
        kernel=weight("kernel") if has_kernel else None,
        stride=step.stride,
        pads=step.pads,
        number=float(weight("p")[0]) if step.op == "gem" else step.divisor,
        bias=weight("bias") if step.biased else None,
        norms=norms,
        activation="none" if part in (names.CONV, names.BN) else step.activation,
    )


def evaluate(c: Computation, dtype: Float) -> Array:
    """Compute in float32 or float64, with library sums.

    Examples
    --------
    >>> x = np.ones((1, 2, 2, 1), np.float32)
    >>> evaluate(Computation("convolution", (x,), np.full((1, 1, 1, 2), 3.0), activation="relu6"), np.float64).shape
    (1, 2, 2, 2)
    """
    with np.errstate(all="ignore"):
        return finish(c, total(c, dtype), dtype)


def total(c: Computation, dtype: Float) -> Array:
    """The operation alone."""
    inputs = [_rounded(x, c.precision.inputs, dtype) for x in c.inputs]
    if c.combine is not None:
        combined: Array = c.combine(*inputs)
        return combined
    if c.op in WITH_A_NUMBER:
        return WITH_A_NUMBER[c.op](inputs[0], c.number)
    if c.kernel is None:
        one_by_one = c.op == "mean" and c.precision.accumulator
        return _mean_one_by_one(inputs[0], c.precision.accumulator) if one_by_one else OPERATIONS[c.op](*inputs)
    kernel = _rounded(c.kernel, c.precision.kernel, dtype)
    if c.precision.accumulator or c.precision.products:
        return _one_by_one(c, inputs[0], kernel)
    if c.op == "dense":
        multiplied: Array = inputs[0] @ kernel
        return multiplied
    pads = c.pads
    x = inputs[0]
    if any(pads):
        x = padded(x, pads, c.pad_mode, c.pad_value)
    return (convolution if c.op == "convolution" else depthwise)(x, kernel, c.stride)


def finish(c: Computation, x: Array, dtype: Float) -> Array:
    """What follows the operation."""
    x = _rounded(_rounded(x, c.precision.between, dtype), c.precision.sums, dtype)
    if c.activation_first:
        x = ACTIVATIONS[c.activation](x)
    for norm in c.norms:
        x = _rounded(norm.apply(x), c.precision.between, dtype)
    if c.bias is not None:
        x = x + c.bias.astype(dtype)
    x = _rounded(x, c.precision.normed, dtype)
    if not c.activation_first:
        x = ACTIVATIONS[c.activation](x)
    for one in c.tail:
        x = ACTIVATIONS[one](x) if isinstance(one, str) else one.apply(x)
    if c.plus or c.times != 1:
        x = x * dtype(c.times)
        for factor, other in c.plus:
            x = x + dtype(factor) * other
    x = _rounded(x if c.after is None else c.after(x), c.precision.result, dtype)
    return x if c.reorder is None else c.reorder(x)


def _rounded(x: Array, to: Rounding, dtype: Float) -> Array:
    made = to(x) if callable(to) else FORMATS[to](x) if to else x
    return made.astype(dtype, copy=False)


def _mean_one_by_one(x: Array, accumulator: Rounding) -> Array:
    """Add one pixel after the other, and round each sum."""
    pixels = np.moveaxis(x.reshape(len(x), -1, x.shape[-1]), 1, 0)
    total = np.zeros(pixels.shape[1:], x.dtype)
    for pixel in pixels:
        total = _rounded(total + pixel, accumulator, x.dtype.type)
    mean: Array = total / x.dtype.type(len(pixels))
    return mean


def _one_by_one(c: Computation, x: Array, kernel: Array) -> Array:
    """Add one product after the other, and round each of them, and each sum."""
    dtype, precision = x.dtype.type, c.precision
    if c.op == "dense":
        x, kernel = x[:, None, None], kernel[None, None]
    taps = kernel.reshape(-1, kernel.shape[-1])
    R, S = kernel.shape[:2]
    x = padded(x, c.pads, c.pad_mode, c.pad_value)
    H, W = ((side - size) // c.stride + 1 for side, size in zip(x.shape[1:3], (R, S), strict=True))

    def multiplied(tap: int) -> Array:
        at, channel = divmod(tap, len(taps) // (R * S))
        seen = x[:, at // S :: c.stride, at % S :: c.stride][:, :H, :W]
        one = seen if c.op == "depthwise" else seen[..., channel, None]
        return _rounded(one * taps[tap], precision.products, dtype)

    def summed(parts: Iterable[Array]) -> Array:
        total = np.zeros((len(x), H, W, kernel.shape[-1]), dtype)
        for part in parts:
            total = _rounded(total + part, precision.accumulator, dtype)
        return total

    chains = (precision.order or SUMMATION_ORDERS[0]).chains(len(taps))
    result = summed(summed(map(multiplied, chain)) for chain in chains)
    return result[:, 0, 0] if c.op == "dense" else result

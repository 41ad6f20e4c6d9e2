"""Accumulator: how one element of a step's output comes about, tap by tap, and all that follows it.

For whoever has an accumulator of their own to compare with: the order of the taps, each factor, the sum after each
tap, and the sum of the blocks, as ``refnet.reference`` defines them.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import product
from typing import Any, NamedTuple

import numpy as np

from refnet.architecture import names
from refnet.architecture.plan import Plan, make_plan
from refnet.architecture.step import Step
from refnet.arrays import Array
from refnet.errors import InputError
from refnet.network import Network
from refnet.network.quantised import QuantisedNetwork
from refnet.reference import ops
from refnet.reference.numerics import TAPS_PER_BLOCK, fold_batch_norm

SUMMING = ("convolution", "depthwise", "dense", "mean")


class Tap(NamedTuple):
    """One step of a sum.

    Attributes
    ----------
    ky, kx, ci
        Place in the kernel; of a mean, the pixel and its channel.
    x, weight
        What is multiplied; x is 0 in the zeros around a picture. A mean has weights of 1.
    total
        The block's sum after this tap.
    """

    ky: int
    kx: int
    ci: int
    x: Any
    weight: Any
    total: Any


class TapBlock(NamedTuple):
    """Taps that are summed in one chain from 0, and the sum of this and all earlier blocks."""

    taps: tuple[Tap, ...]
    total: Any


@dataclass(frozen=True)
class Accumulation:
    """One element of a step's output.

    Attributes
    ----------
    step, at
        Whose, and where: (n, h, w, k) or (n, k).
    dtype
        Of all numbers.
    blocks
        The sum. Its last ``total`` is the element of ``STEP.conv``.
    after
        What follows, by name: ``scale``, ``shift`` and ``bn`` of a batch norm, or ``bias`` and the ``biased`` sum, or
        ``count`` and ``mean``; then ``act``, if there is an activation. The last one is the step's element.
    """

    step: str
    at: tuple[int, ...]
    dtype: str
    blocks: tuple[TapBlock, ...]
    after: dict[str, Any]


def accumulate(network: Network, x: Array, element: str) -> Accumulation:
    """Follow one element of a step's output, for the network's input x f32[N, H, W, 3].

    The element is ``STEP:n,h,w,k``, or ``STEP:n,k`` of a step that makes vectors.

    Examples
    --------
    >>> import refnet
    >>> from refnet.weights.synthetic import picture_tensor
    >>> network, x = refnet.load("lite0"), picture_tensor(32, 32)
    >>> found = accumulate(network, x, "stem:0,15,0,7")
    >>> len(found.blocks[0].taps), bool(found.after["act"] == network.features(x, "stem")[0, 15, 0, 7])
    (27, True)
    """
    if isinstance(network, QuantisedNetwork):
        raise InputError(
            f"{network.variant} is of integers, whose sums are exact in any order; `refnet golden MODEL "
            "--accumulators` records them"
        )
    weights = network.weights
    plan = make_plan(weights.architecture, (x.shape[1], x.shape[2]), padding=weights.padding)
    step, at = check_element(element, plan, batch=len(x))
    source = x if step.inputs[0] == names.INPUT else network.features(x, step.inputs[0])
    picture = source[at[0]].astype(network.dtype, copy=False).reshape((1, 1, *step.in_shape)[-3:])
    tensors = {w.key.removeprefix(names.weight_key(step.name, "")): weights.tensors[w.key] for w in step.weights}
    blocks = tuple(_blocks(_taps(step, picture, tensors, at), network.dtype.type))
    after = _after(step, blocks[-1].total, tensors, at[-1], weights.bn_eps)
    return Accumulation(step.name, at, network.dtype.name, blocks, after)


def check_element(text: str, plan: Plan, *, batch: int) -> tuple[Step, tuple[int, ...]]:
    """Read ``STEP:n,h,w,k`` or ``STEP:n,k``: a step that sums, and the place in its output.

    Examples
    --------
    >>> from refnet.architecture.variants import variant
    >>> step, at = check_element("stem:0,111,0,31", make_plan(variant("b0")), batch=1)
    >>> step.op, at
    ('convolution', (0, 111, 0, 31))
    """
    name, _, place = text.partition(":")
    step = plan[name]
    if step.op not in SUMMING:
        raise InputError(f"{name} is of the kind {step.op}, which sums nothing; want one of {', '.join(SUMMING)}")
    shape = (batch, *step.shape)
    letters = "n,h,w,k" if len(shape) == 4 else "n,k"
    at = tuple(map(int, place.split(","))) if re.fullmatch(r"\d{1,9}(,\d{1,9})*", place) else ()
    if len(at) != len(shape) or not all(i < length for i, length in zip(at, shape, strict=True)):
        raise InputError(f"no element {text!r}; want {name}:{letters} inside {','.join(map(str, shape))}")
    return step, at


def _taps(step: Step, x: Array, tensors: dict[str, Array], at: tuple[int, ...]) -> Iterator[list[Tap]]:
    """Taps of each block, their totals still to come; x is [H, W, C]."""
    k, zero, one = at[-1], x.dtype.type(0), x.dtype.type(1)
    H, W, C = x.shape
    if step.op == "mean":
        for h in range(H):
            yield [Tap(h, w, k, x[h, w, k], one, zero) for w in range(W)]
        return
    kernel = tensors["kernel"].astype(x.dtype)
    top, left = (at[1] * step.stride - step.pads.top, at[2] * step.stride - step.pads.left) if len(at) == 4 else (0, 0)
    taps = []
    for ky, kx, ci in product(range(step.kernel), range(step.kernel), [k] if step.op == "depthwise" else range(C)):
        h, w = top + ky, left + kx
        value = x[h, w, ci] if 0 <= h < H and 0 <= w < W else zero
        weight = (
            kernel[ky, kx, k]
            if step.op == "depthwise"
            else kernel.reshape(step.kernel, step.kernel, C, -1)[ky, kx, ci, k]
        )
        taps.append(Tap(ky, kx, ci, value, weight, zero))
    for first in range(0, len(taps), TAPS_PER_BLOCK):
        yield taps[first : first + TAPS_PER_BLOCK]


def _blocks(chains: Iterator[list[Tap]], number: Any) -> Iterator[TapBlock]:
    total = None
    for chain in chains:
        acc, taps = number(0), []
        for tap in chain:
            acc = ops.fma(tap.x, tap.weight, acc)
            taps.append(tap._replace(total=acc))
        total = acc if total is None else total + acc
        yield TapBlock(tuple(taps), total)


def _after(step: Step, value: Any, tensors: dict[str, Array], k: int, eps: float) -> dict[str, Any]:
    number = type(value)
    after: dict[str, Any] = {}
    if step.normalized:
        gamma, beta, mean, variance = (tensors[f"bn/{leaf}"] for leaf in names.BN_LEAVES)
        scale, shift = fold_batch_norm(gamma, beta, mean, variance, step.bn_eps(eps), number)
        value = ops.fma(value, scale[k], shift[k])
        after |= {"scale": scale[k], "shift": shift[k], names.BN: value}
    elif step.biased:
        bias = number(tensors["bias"][k])
        value = value + bias
        after |= {"bias": bias, "biased": value}
    else:
        count = number(step.in_shape[0] * step.in_shape[1])
        value = value / count
        after |= {"count": count, "mean": value}
    if step.activation != "none":
        after[names.ACT] = number(ops.ACTIVATIONS[step.activation](np.asarray(value)))
    return after

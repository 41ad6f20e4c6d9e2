"""Mistakes in sums of products: what is added up, and in how many bits."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, fields, replace
from itertools import permutations
from typing import Any

import numpy as np

from refnet.architecture.padding import Pads
from refnet.arrays import Array
from refnet.comparison.integers.computation import Computation
from refnet.comparison.integers.mistake import Mistake, Situation
from refnet.comparison.integers.totals import Adder, Places, Products, exactly

WIDTHS = (16, 20, 24, 18, 22, 28)  # bits of an accumulator, the usual ones first


def in_sums(situation: Situation) -> Iterator[Mistake]:
    """All of them, of a step that adds products."""
    total = situation.right.total
    if isinstance(total, Products):
        for kind in (_padding, _zero_points, _biases, _signs, _geometry, _kernels, _memory, _widths, _taps):
            yield from kind(situation, total)


def _change(name: str, sentence: str, **fields: Any) -> Mistake:
    return _by(name, sentence, lambda products: products.change(**fields), *fields)


def _by(name: str, sentence: str, change: Callable[[Products], Products], *touched: str) -> Mistake:
    def of(c: Computation) -> Computation:
        assert isinstance(c.total, Products)
        return replace(c, total=change(c.total))

    return Mistake(name, sentence, of, frozenset(f"total.{field}" for field in touched))


def _padding(situation: Situation, total: Products) -> Iterator[Mistake]:
    """What stands around the picture."""
    if not any(total.pads):
        return
    zero = total.zero
    if zero:
        yield _change(
            "zero-padding",
            f"padding is code 0, where the zero point {zero} belongs; the same numbers come from a zero point folded "
            "into the bias while the padding is left out",
            fill=0,
        )  # fmt: skip
    others = {-128: "the least code", situation.to.zero_point: "the output's zero point", 127: "the largest code"}
    for fill, words in others.items():
        if fill not in (zero, 0):
            yield _change(
                f"padding-{fill}", f"padding is {fill}, {words}, where the zero point {zero} belongs", fill=fill
            )
    for fill in range(-255, 256):
        if fill not in (zero, 0, *others):
            yield _change(
                f"padding-{fill}", f"padding is {fill}, where the zero point {zero} belongs", fill=fill
            )._replace(alone=True, last=True)


def _zero_points(situation: Situation, total: Products) -> Iterator[Mistake]:
    zero, out = total.zero, situation.to.zero_point
    what = f"the input's zero point, {zero},"
    others = {
        "input-zero-omitted": (0, f"{what} is not subtracted from the codes"),
        "input-zero-sign": (-zero, f"{what} is added to the codes, not subtracted"),
        "input-zero-twice": (2 * zero, f"{what} is subtracted twice"),
        "uint8-input-zero": (zero + 128, f"the codes are int8 but their zero point is that of uint8, {zero + 128}"),
        "uint8-input": (zero - 128, f"the codes are read as uint8 (128 more), with the zero point of int8, {zero}"),
        "input-zero-is-output-s": (out, f"the output's zero point, {out}, is subtracted from the input"),
        "input-zero-off-by-1": (zero + 1, f"the input's zero point is {zero + 1}, not {zero}"),
        "input-zero-off-by--1": (zero - 1, f"the input's zero point is {zero - 1}, not {zero}"),
    }
    for name, (other, sentence) in others.items():
        if other != zero:
            yield _change(name, sentence, zero=other, fill=other)
            if any(total.pads):
                yield _change(f"{name}-inside", f"{sentence}; around the picture {zero} stands", zero=other)
    if not zero:
        return
    weights = total.kernel.reshape(-1, total.kernel.shape[-1]).sum(0)
    yield _by(
        "input-zero-once",
        f"{what} is subtracted once from each sum, not times the weights' sum",
        lambda p: p.change(zero=0, fill=0, bias=p.bias - zero),
        *("zero", "fill", "bias"),
    )
    yield _by(
        "input-zero-sign-in-bias",
        f"{what} is folded into the bias with the wrong sign",
        lambda p: p.change(zero=0, fill=zero, bias=p.bias + zero * weights),
        *("zero", "fill", "bias"),
    )


def _biases(situation: Situation, total: Products) -> Iterator[Mistake]:
    bias = total.bias
    if not bias.any():
        return
    folded = total.zero * total.kernel.reshape(-1, total.kernel.shape[-1]).sum(0)
    each: dict[str, tuple[str, Callable[[Array], Array]]] = {
        "bias-omitted": ("the bias is left out", lambda b: 0 * b),
        "bias-next-channel": ("each channel has the next one's bias", lambda b: np.roll(b, -1)),
        "bias-previous-channel": ("each channel has the bias of the one before", lambda b: np.roll(b, 1)),
        "bias-sign": ("the bias is subtracted", lambda b: -b),
        "bias-twice": ("the bias is added twice", lambda b: 2 * b),
        "bias-first-channel": ("all channels have the bias of the first", lambda b: np.full_like(b, b[0])),
        "bias-16-bits-wrap": ("the bias wraps around in 16 bits", lambda b: wrapped(b, 16)),
        "bias-16-bits-saturate": ("the bias saturates in 16 bits", lambda b: saturated(b, 16)),
        "bias-24-bits-wrap": ("the bias wraps around in 24 bits", lambda b: wrapped(b, 24)),
        "bias-8-bits-wrap": ("the bias is cut to 8 bits", lambda b: wrapped(b, 8)),
        "folded-bias-16-bits-wrap": (
            "the bias with the zero point folded in wraps around in 16 bits", lambda b: wrapped(b - folded, 16) + folded
        ),
        "folded-bias-16-bits-saturate": (
            "the bias with the zero point folded in saturates in 16 bits", lambda b: saturated(b - folded, 16) + folded
        ),
    }  # fmt: skip
    for name, (sentence, function) in each.items():
        yield _by(name, sentence, lambda p, f=function: p.change(bias=f(p.bias)), "bias")  # type: ignore[misc]
    sentence = "sum and bias are rescaled, and rounded, apart"
    yield Mistake("bias-rescaled-apart", sentence, _rescaled_apart, frozenset(["total", "method"]), alone=True)


@dataclass(frozen=True)
class _Apart(Products):
    """Sums without the bias, and the bias, on a last axis."""

    def at(self, places: Places) -> Array:
        bias = np.broadcast_to(self.bias[places.channels], (len(places.pixels), len(places.channels)))
        return np.stack([super().at(places) - bias, bias], -1)


def _rescaled_apart(c: Computation) -> Computation:
    total = c.total
    assert isinstance(total, Products)

    def method(pair: Array, x: Any, y: Any, out: Any) -> Array:
        return c.method(pair[..., 0], x, y, out) + c.method(pair[..., 1], x, y, out)

    apart = _Apart(**{field.name: getattr(total, field.name) for field in fields(total)})
    return replace(c, total=apart, method=method)


def _signs(situation: Situation, total: Products) -> Iterator[Mistake]:
    """Bytes that are read as of the other sign."""
    yield _by(
        "codes-without-sign", "the input's bytes are read as uint8: -1 is 255",
        lambda p: p.change(x=p.x & 255), "x",
    )  # fmt: skip
    if any(total.pads) and total.fill < 0:
        yield _by(
            "codes-without-sign-around", "the input's bytes, and those around the picture, are read as uint8",
            lambda p: p.change(x=p.x & 255, fill=p.fill & 255), "x", "fill",
        )  # fmt: skip
    yield _by(
        "weights-without-sign",
        "the weights' bytes are read as uint8: -1 is 255",
        lambda p: p.change(kernel=p.kernel & 255),
        "kernel",
    )
    yield _by(
        "weights-uint8-zero", "the weights are uint8, and their zero point 128 is not subtracted",
        lambda p: p.change(kernel=p.kernel + 128), "kernel",
    )  # fmt: skip
    if total.zero:
        yield _by(
            "weights-zero-is-input-s", "the input's zero point is subtracted from the weights too",
            lambda p: p.change(kernel=p.kernel - p.zero), "kernel",
        )  # fmt: skip


def _geometry(situation: Situation, total: Products) -> Iterator[Mistake]:
    R, S = total.kernel.shape[:2]
    if (R, S) == (1, 1):
        return
    top, bottom, left, right = total.pads
    other = {
        Pads(
            R // 2, R // 2, S // 2, S // 2
        ): f"{R // 2} around the picture on each side, as PyTorch's padding={R // 2}",
        Pads(bottom, top, right, left): "the larger share above and to the left",
        Pads(left, right, top, bottom): "height and width exchanged",
        Pads(0, top + bottom, 0, left + right): "all of it below and to the right",
        Pads(top + bottom, 0, left + right, 0): "all of it above and to the left",
    }
    for pads, words in other.items():
        if (pads.top, pads.left) != (top, left):
            yield _change(
                f"pads-{'-'.join(map(str, pads))}",
                f"padding {tuple(pads)} (top, bottom, left, right) instead of {tuple(total.pads)}: {words}",
                pads=pads,
            )  # fmt: skip
    for rows, columns in ((1, 1), (-1, -1), (1, 0), (0, 1), (-1, 0), (0, -1)):
        pads = Pads(top - rows, bottom + rows, left - columns, right + columns)
        if pads not in other:
            yield _change(
                f"shifted-{rows}-{columns}",
                f"each pixel reads {rows} rows lower and {columns} columns to the right of its place",
                pads=pads,
            )  # fmt: skip
    if total.stride > 1:
        yield _change("stride-1", f"stride 1 instead of {total.stride}: the first pixels of that", stride=1)


def _kernels(situation: Situation, total: Products) -> Iterator[Mistake]:
    kernel = total.kernel
    R, S = kernel.shape[:2]
    if (R, S) != (1, 1):
        yield _by(
            "kernel-turned",
            "the kernel is turned by 180 degrees, as in mathematics' convolution",
            lambda p: p.change(kernel=p.kernel[::-1, ::-1]),
            "kernel",
        )
        yield _by(
            "kernel-transposed",
            "rows and columns of the kernel are exchanged",
            lambda p: p.change(kernel=p.kernel.swapaxes(0, 1)),
            "kernel",
        )
        yield _by(
            "kernel-mirrored",
            "the kernel's columns are in the reverse order",
            lambda p: p.change(kernel=p.kernel[:, ::-1]),
            "kernel",
        )
        yield _by(
            "kernel-upside-down",
            "the kernel's rows are in the reverse order",
            lambda p: p.change(kernel=p.kernel[::-1]),
            "kernel",
        )
    if kernel.shape[-1] > 1:
        yield _by(
            "kernel-next-channel",
            "each channel has the next one's weights",
            lambda p: p.change(kernel=np.roll(p.kernel, -1, -1)),
            "kernel",
        )
        yield _by(
            "kernel-previous-channel",
            "each channel has the weights of the one before",
            lambda p: p.change(kernel=np.roll(p.kernel, 1, -1)),
            "kernel",
        )
    if kernel.ndim == 4 and kernel.shape[2] > 1:
        order = "B, G, R" if kernel.shape[2] == 3 else "the reverse order"
        yield _by(
            "inputs-reversed",
            f"the input's channels are in {order}",
            lambda p: p.change(kernel=p.kernel[:, :, ::-1]),
            "kernel",
        )
        if kernel.shape[2] == kernel.shape[3]:
            yield _by(
                "kernel-in-out",
                "the kernel's input and output channels are exchanged",
                lambda p: p.change(kernel=p.kernel.swapaxes(2, 3)),
                "kernel",
            )


#: Orders in which kernels lie in memory.
_ORDERS = {4: ("RSCK", "KRSC", "KCRS"), 3: ("RSC", "CRS")}


def _memory(situation: Situation, total: Products) -> Iterator[Mistake]:
    """A kernel that lies in one order and is read in another."""
    axes = _ORDERS[total.kernel.ndim][0]
    lengths = dict(zip(axes, total.kernel.shape, strict=True))
    for lies, read in permutations(_ORDERS[total.kernel.ndim], 2):
        there = total.kernel.transpose([axes.index(axis) for axis in lies]).reshape([lengths[axis] for axis in read])
        kernel = np.ascontiguousarray(there.transpose([read.index(axis) for axis in axes]))
        words = f"the kernel lies in the order {lies} and is read as {read}"
        yield _change(f"kernel-{lies}-as-{read}", words, kernel=kernel)._replace(alone=True)


def _taps(situation: Situation, total: Products) -> Iterator[Mistake]:
    if total.kernel.ndim != 4:
        return
    channels = total.kernel.shape[2]
    for group in (16, 32, 8, 4, 64):
        rest = channels % group
        if rest and rest < channels:
            yield _change(
                f"tail-of-{group}",
                f"the last {rest} of {channels} input channels, which fill no group of {group}, are left out",
                skipped=rest,
            )
    if channels > 1:
        yield _change("last-channel", f"the last of {channels} input channels is left out", skipped=1)


def _widths(situation: Situation, total: Products) -> Iterator[Mistake]:
    """Accumulators of fewer bits; products that are added in pairs of 16 bits."""
    for bits in WIDTHS:
        yield _change(f"accumulator-{bits}-wraps", f"accumulators of {bits} bits wrap around", adder=_wrapping(bits))
        yield _change(
            f"accumulator-{bits}-saturates",
            f"accumulators of {bits} bits saturate, each time a product is added to the bias",
            adder=_saturating(bits, begins=True),
        )
        yield _change(
            f"accumulator-{bits}-saturates-but-for-the-bias",
            f"accumulators of {bits} bits saturate, each time a product is added to a bias of 32 bits",
            adder=_saturating(bits, begins=True, loads=False),
        )
        yield _change(
            f"accumulator-{bits}-saturates-at-last",
            f"sums saturate at {bits} bits, once all is added",
            adder=_saturating_at_last(bits),
        )
        yield _change(
            f"accumulator-{bits}-saturates-before-bias",
            f"accumulators of {bits} bits saturate, each time a product is added; the bias is added in 32 bits",
            adder=_saturating(bits, begins=False),
        )
    channels = total.kernel.shape[2] if total.kernel.ndim == 4 else 1
    words = "pairs of products saturate in 16 bits (vpmaddubsw, codes as uint8)"
    yield _change("int16-pairs", words, adder=_in_pairs(0))
    if channels % 2 and channels > 1:
        yield _change("int16-pairs-of-channels", f"{words}, at each tap apart", adder=_in_pairs(channels))


def wrapped(x: Array, bits: int) -> Array:
    """Only so many bits of two's complement are kept."""
    half = 1 << (bits - 1)
    return ((x + half) & ((1 << bits) - 1)) - half


def saturated(x: Array, bits: int) -> Array:
    """Brought to the ends of so many bits."""
    return np.clip(x, -(1 << (bits - 1)), (1 << (bits - 1)) - 1)


def _wrapping(bits: int) -> Adder:
    return lambda taps, weights, bias, zero: wrapped(exactly(taps, weights, bias, zero), bits)


def _saturating_at_last(bits: int) -> Adder:
    return lambda taps, weights, bias, zero: saturated(exactly(taps, weights, bias, zero), bits)


def _saturating(bits: int, *, begins: bool, loads: bool = True) -> Adder:
    """Saturates after each product, in the order of taps; begins with the bias, or adds it at last.

    With ``loads`` the bias itself is saturated, before the first product.
    """

    def add(taps: Array, weights: Array, bias: Array, zero: int) -> Array:
        largest = int((np.abs(taps - zero).max(axis=(0, 2)) * np.abs(weights).max(axis=1)).sum()) + int(
            np.abs(bias).max()
        )
        if largest < 1 << (bits - 1):
            return exactly(taps, weights, bias, zero)
        total = np.broadcast_to(bias if begins else 0 * bias, (len(taps), weights.shape[1]))
        total = saturated(total, bits) if begins and loads else total
        for tap in range(len(weights)):
            total = saturated(total + (taps[:, tap] - zero) * weights[tap], bits)
        return total if begins else total + bias

    return add


def _in_pairs(channels: int) -> Adder:
    """Codes as uint8 times weights, pairs of neighbours saturated in 16 bits; the zero point by the weights' sums.

    Of an odd number of ``channels``, the last stands alone at each tap.
    """

    def add(taps: Array, weights: Array, bias: Array, zero: int) -> Array:
        products = (taps + 128) * weights
        P, T, K = products.shape
        groups = products.reshape(P, T // channels, channels, K) if channels else products[:, None]
        if groups.shape[2] % 2:
            groups = np.concatenate([groups, np.zeros_like(groups[:, :, :1])], 2)
        pairs = saturated(groups[:, :, 0::2] + groups[:, :, 1::2], 16)
        result: Array = pairs.sum((1, 2)) - (zero + 128) * weights.sum(0) + bias
        return result

    add.is_wide = True  # type: ignore[attr-defined]
    return add

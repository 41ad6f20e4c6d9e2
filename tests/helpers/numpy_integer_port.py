"""An int8 port in plain NumPy, one step at a time, and the mistakes that people make in one.

Nothing in here is the definition's or the diagnosis's: sums are loops over taps, rounding is gemmlowp's as it is
published.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from refnet.reference.integers.network import Operation
from refnet.reference.integers.quantisation import Quantisation


def quantise_multiplier(real):
    fraction, exponent = np.frexp(np.asarray(real, np.float64))
    mantissa = np.floor(fraction * 2.0**31 + 0.5).astype(np.int64)
    return mantissa, exponent.astype(np.int64)


def gemmlowp(total, mantissa, shift):
    """Rounds twice: a doubling high product, then a shift with a tie away from 0."""
    left, right = np.maximum(shift, 0), np.maximum(-shift, 0)
    high = ((total << left) * mantissa + (1 << 30)) >> 31
    mask = (np.int64(1) << right) - 1
    return (high >> right) + ((high & mask) > (mask >> 1) + (high < 0))


def rounded_once(total, mantissa, shift):
    return (total * mantissa + (np.int64(1) << (30 - shift))) >> (31 - shift)


@dataclass
class Port:
    """What a port does in one step; its fields are what a mistake changes."""

    fill: object = "zero point"
    zero: object = lambda zero: zero
    bias: object = lambda bias, folded: bias
    scales: object = lambda scales: scales
    rescale: object = gemmlowp
    reals: object = lambda reals: reals
    multiplier: object = lambda mantissa, shift: (mantissa, shift)
    zero_out: object = lambda zero: zero
    limits: object = lambda low, high, zero: (low, high)
    final: object = lambda q, low, high, zero: np.clip(q + zero, low, high)
    codes: object = lambda x: x
    weights: object = lambda w: w
    pads: object = lambda pads: pads
    total: object = None
    extra: dict = field(default_factory=dict)

    def sums(self, operation: Operation, x, of: Quantisation, to: Quantisation, limits):
        kernel, _, bias = operation.kernel
        x, kernel = self.codes(x.astype(np.int64)), self.weights(kernel.astype(np.int64))
        if kernel.ndim == 2:
            x, kernel = x[:, None, None], kernel[None, None]
        R, S = kernel.shape[:2]
        pads, zero = self.pads(operation.pads), self.zero(of.zero_point)
        fill = zero if self.fill == "zero point" else self.fill
        x = np.pad(x, ((0, 0), pads[:2], pads[2:], (0, 0)), constant_values=fill)
        step = operation.stride
        H, W = ((side - size) // step + 1 for side, size in zip(x.shape[1:3], (R, S), strict=True))
        seen = np.stack(
            [x[:, ky : ky + H * step : step, kx : kx + W * step : step] for ky in range(R) for kx in range(S)],
            3,
        )
        flat = kernel.reshape(R * S, *kernel.shape[2:])
        bias = self.bias(bias.astype(np.int64), zero * flat.reshape(-1, flat.shape[-1]).sum(0))
        if self.total is not None:
            return self.total(seen, flat, bias, zero)
        letters = "nhwtc,tc->nhwc" if kernel.ndim == 3 else "nhwtc,tck->nhwk"
        return np.einsum(letters, seen - zero, flat) + bias

    def run(self, operation, inputs, of, to, limits):
        total = self.sums(operation, inputs[0], of[0], to, limits)
        scales = self.scales(operation.kernel.scales)
        reals = self.reals(of[0].scale.astype(np.float64) * scales.astype(np.float64) / np.float64(to.scale))
        q = self.rescale(total, *self.multiplier(*quantise_multiplier(reals)))
        zero = self.zero_out(to.zero_point)
        low, high = self.limits(*limits, to.zero_point)
        codes = self.final(q, low, high, zero)
        shape = codes.shape if operation.kernel.weights.ndim > 2 else (codes.shape[0], codes.shape[-1])
        return codes.reshape(shape).astype(np.int8)


def wrapped(x, bits):
    return ((x + (1 << (bits - 1))) & ((1 << bits) - 1)) - (1 << (bits - 1))


def ends(bits):
    return -(1 << (bits - 1)), (1 << (bits - 1)) - 1


def products(seen, flat, zero):
    """Each product apart: [..., taps, K]."""
    if flat.ndim == 2:
        return (seen - zero) * flat
    both = (seen - zero)[..., None] * flat
    return both.reshape(*both.shape[:3], -1, both.shape[-1])


def accumulate(bits, saturates):
    def total(seen, flat, bias, zero):
        each = products(seen, flat, zero)
        if not saturates:
            return wrapped(each.sum(3) + bias, bits)
        result = np.broadcast_to(np.clip(bias, *ends(bits)), (*each.shape[:3], each.shape[-1]))
        for tap in range(each.shape[3]):
            result = np.clip(result + each[..., tap, :], *ends(bits))
        return result

    return total


def vpmaddubsw(seen, flat, bias, zero):
    each = products(seen, flat, -128)
    if each.shape[3] % 2:
        each = np.pad(each, ((0, 0), (0, 0), (0, 0), (0, 1), (0, 0)))
    pairs = np.clip(each[..., 0::2, :] + each[..., 1::2, :], *ends(16))
    return pairs.sum(3) - (zero + 128) * flat.reshape(-1, flat.shape[-1]).sum(0) + bias


def float32_even(total, mantissa, shift):
    return np.rint(
        total.astype(np.float32) * np.ldexp(mantissa.astype(np.float64), shift - 31).astype(np.float32)
    ).astype(int)


#: Name: the port, and how the diagnosis's name begins that is right.
PLANTED = {
    "single rounding": (Port(rescale=rounded_once), "policy-single"),
    "float32 to even": (Port(rescale=float32_even), "engine-"),
    "truncation": (Port(rescale=lambda t, m, s: (t * m) >> (31 - s)), "policy-truncate"),
    "shift drops bits": (Port(rescale=lambda t, m, s: ((t * m + (1 << 30)) >> 31) >> -s), "shift-not-rounded"),
    "multiplier of 16 bits": (Port(multiplier=lambda m, s: (m >> 15 << 15, s)), "multiplier-16-bits-cut"),
    "multiplier of 12 bits": (Port(multiplier=lambda m, s: (m >> 19 << 19, s)), "multiplier-12-bits-cut"),
    "multiplier of 8 bits": (Port(multiplier=lambda m, s: ((m + (1 << 22)) >> 23 << 23, s)), "multiplier-8-bits"),
    "shift one too far": (Port(multiplier=lambda m, s: (m, s - 1)), "shift-too-far-right"),
    "padding with code 0": (Port(fill=0), "zero-padding"),
    "padding with -128": (Port(fill=-128), "padding--128"),
    "no zero point of the input": (Port(zero=lambda zero: 0, fill=0), "input-zero-omitted"),
    "zero point's sign": (Port(zero=lambda zero: -zero), "input-zero-sign"),
    "uint8's zero point": (Port(zero=lambda zero: zero + 128), "uint8-input-zero"),
    "input read as uint8": (Port(codes=lambda x: x & 255), "codes-without-sign"),
    "weights read as uint8": (Port(weights=lambda w: w & 255), "weights-without-sign"),
    "no zero point of the output": (Port(zero_out=lambda zero: 0), "output-zero-omitted"),
    "output's zero point's sign": (Port(zero_out=lambda zero: -zero), "output-zero-sign"),
    "no bias": (Port(bias=lambda bias, folded: 0 * bias), "bias-omitted"),
    "next channel's bias": (Port(bias=lambda bias, folded: np.roll(bias, -1)), "bias-next-channel"),
    "bias of 16 bits": (Port(bias=lambda bias, folded: np.clip(bias, *ends(16))), "bias-16-bits-saturate"),
    "folded bias of 16 bits": (
        Port(bias=lambda bias, folded: wrapped(bias - folded, 16) + folded), "folded-bias-16-bits-wrap",
    ),
    "one scale": (Port(scales=lambda s: np.full_like(s, s[0])), "one-scale-first"),
    "the largest scale": (Port(scales=lambda s: np.full_like(s, s.max())), "one-scale-largest"),
    "next channel's scale": (Port(scales=lambda s: np.roll(s, -1)), "scale-next-channel"),
    "clamp before the zero point": (
        Port(final=lambda q, low, high, zero: np.clip(np.clip(q, low, high) + zero, -128, 127)), "clamp-before-zero",
    ),
    "wrapping": (Port(final=lambda q, low, high, zero: wrapped(q + zero, 8)), "wraps"),
    "uint8 output": (
        Port(final=lambda q, low, high, zero: wrapped(np.clip(q + zero, low, high) + 128, 8)), "uint8-output",
    ),
    "16 bits wrap": (Port(total=accumulate(16, False)), "accumulator-16-wraps"),
    "16 bits saturate": (Port(total=accumulate(16, True)), "accumulator-16-saturates"),
    "18 bits wrap": (Port(total=accumulate(18, False)), "accumulator-18-wraps"),
    "18 bits saturate": (Port(total=accumulate(18, True)), "accumulator-18-saturates"),
    "vpmaddubsw": (Port(total=vpmaddubsw), "int16-pairs"),
    "padding on the other side": (Port(pads=lambda pads: (pads[1], pads[0], pads[3], pads[2])), "pads-"),
    "kernel turned": (Port(weights=lambda w: w[::-1, ::-1]), "kernel-turned"),
    "kernel transposed": (Port(weights=lambda w: w.swapaxes(0, 1)), "kernel-transposed"),
    "next channel's weights": (Port(weights=lambda w: np.roll(w, -1, -1)), "kernel-next-channel"),
    "single rounding, padding 0": (Port(rescale=rounded_once, fill=0), "+"),
    "no bias, next scale": (
        Port(bias=lambda bias, folded: 0 * bias, scales=lambda s: np.roll(s, -1)), "+",
    ),
}  # fmt: skip

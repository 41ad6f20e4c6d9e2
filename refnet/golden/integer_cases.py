"""Cases in integers: every operation of an int8 network by every policy, at the numbers where they part.

Ties and what lies beside them, codes at both ends, -128 x -128, zero points at both ends, multipliers that shift to
either side, and the largest sums. What is expected is the definition's, ``refnet.reference.integers``.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from itertools import product
from typing import Any, Final, get_args

import numpy as np

from refnet.architecture.padding import Pads, pads
from refnet.architecture.step import Shape
from refnet.arrays import Array
from refnet.golden.cases import Case
from refnet.reference.integers import elementwise, pooling, sums
from refnet.reference.integers.activation import SIGMOID, look_up, swish_table
from refnet.reference.integers.fixed_point import INT32_MAX, INT32_MIN
from refnet.reference.integers.logistic import LOGISTICS, logistic_table
from refnet.reference.integers.policy import POLICIES, Policy
from refnet.reference.integers.quantisation import (
    RANGES,
    Quantisation,
    Rounding,
    activation_limits,
    dequantise,
    quantise,
    requantise,
)
from refnet.reference.integers.softmax import softmax, softmax_by_table
from refnet.weights.synthetic import uniform

ZERO_POINTS: Final = (-128, 3, 127)
EDGES: Final = (-128, -127, -64, -2, -1, 0, 1, 2, 63, 126, 127)

#: Real multipliers by name: with ties, with a shift to the left, and with shifts that drop few and many bits.
MULTIPLIERS: Final[Mapping[str, float]] = {
    "half": 0.5, "quarter": 0.25, "up": 1.7, "near": 0.73, "far": 0.6 * 2.0**-9, "farthest": 0.9 * 2.0**-20,
}  # fmt: skip
_SCALES = (np.float32(0.05), np.float32(0.0213))


def integer_cases() -> Iterator[Case]:
    """Make every case; codes are int8, sums int32.

    Examples
    --------
    >>> case = next(integer_cases())
    >>> case.name, case.parameters, case.inputs["x"].dtype, case.output.dtype
    ('int8-requantise-double-half', {'policy': 'double', 'real': 0.5}, dtype('int32'), dtype('int32'))
    """
    for kinds in (_requantisations, _sums, _products, _additions, _means, _tables, _softmax, _ends):
        yield from kinds()


def _requantisations() -> Iterator[Case]:
    for policy, (named, real) in product(POLICIES.values(), MULTIPLIERS.items()):
        if policy.name == "power-of-two" and named not in ("half", "quarter"):
            continue
        x = _around_ties(real)
        if real >= 1 or policy.name in ("fp32-even", "double-float", "exact"):
            x = x[np.abs(x) < 1 << 29]  # what leaves 32 bits is no result
        y = policy(x, real).astype(np.int32)
        about = {"policy": policy.name, "real": real}
        yield Case(
            f"int8-requantise-{policy.name}-{named}", "requantise", about, {"x": x.astype(np.int32)[None]}, {}, y[None]
        )


def _around_ties(real: float) -> Array:
    """Sums whose results lie at a tie or just beside one, of both signs, and the ends of 32 bits."""
    ties = np.rint((np.array([0, 1, 2, 3, 7, 126, 127, 128]) + 0.5) / real).astype(np.int64)
    near = (ties[:, None] + np.arange(-2, 3)).ravel()
    found = np.unique(np.concatenate([near, -near, [0, 1, -1, INT32_MIN, INT32_MAX]]))
    return found[(found >= INT32_MIN) & (found <= INT32_MAX)]


_KERNELS: dict[str, tuple[Shape, Shape]] = {
    "convolution": ((1, 5, 6, 3), (3, 3, 3, 5)),
    "depthwise": ((1, 6, 5, 5), (3, 3, 5)),
    "dense": ((2, 33), (33, 5)),
}


def _sums() -> Iterator[Case]:
    """Sums of products, with the zero point around the picture, and what each policy makes of them."""
    for (op, (shape, kernel_shape)), zero in product(_KERNELS.items(), ZERO_POINTS):
        name = f"int8-{op}-zero{zero}"
        x, kernel = _codes(name, "x", shape), _codes(name, "kernel", kernel_shape)
        x.flat[:2], kernel.flat[:2] = -128, -128
        bias = np.array([0, 12345, -54321, 1 << 15, -(1 << 15)], np.int32)
        stride = 1 if op == "dense" else 2
        around = pads("same", shape[1], shape[2], kernel_shape[0], stride) if op != "dense" else Pads(0, 0, 0, 0)
        about: dict[str, Any] = {"zero_point": zero}
        about |= {} if op == "dense" else {"stride": stride, "pads": list(around)}
        total = getattr(sums, op)(x, kernel, bias, **{**about, "pads": around} if op != "dense" else about)
        weights = {"kernel": kernel, "bias": bias}
        yield Case(f"{name}-sums", f"{op}-sums", about, {"x": x}, weights, total.astype(np.int32))
        yield from _rescaled(name, op, about, {"x": x}, weights, total)
    yield _largest()


def _rescaled(
    name: str, op: str, about: dict[str, Any], inputs: dict[str, Array], weights: dict[str, Array], total: Array
) -> Iterator[Case]:
    """A tensor of sums by each policy, with a multiplier for each channel, ReLU6 and without."""
    to, scales = Quantisation(_SCALES[1], -9), np.array([0.002, 0.0009, 0.004, 0.0031, 0.0023], np.float32)
    for policy in POLICIES.values():
        limit = "none" if policy.name == "exact" else "relu6"
        if policy.name == "power-of-two":
            scales = np.ldexp(np.float32(1), np.array([-9, -10, -8, -9, -8])).astype(np.float32) * (
                to.scale / _SCALES[0]
            )
        real = np.float64(_SCALES[0]) * scales.astype(np.float64) / np.float64(to.scale)
        if policy.name == "power-of-two":
            real = np.ldexp(1.0, np.rint(np.log2(real)).astype(int))
        low, high = activation_limits(limit, to)
        y = to.clamp(policy(total, real) + to.zero_point, (low, high))
        said = about | {
            "policy": policy.name,
            "real": real.tolist(),
            "zero_point_out": to.zero_point,
            "limits": [low, high],
        }
        yield Case(f"{name}-{policy.name}-{limit}", op, said, inputs, weights, y)


def _largest() -> Case:
    """The largest sums that 32 bits hold: from a bias of nearly 2**31, to its end."""
    x, kernel = np.full((1, 4), -128, np.int8), np.full((4, 2), -128, np.int8)
    kernel[:, 1] = 127
    bias = np.array([INT32_MAX - 4 * 255 * 128, INT32_MIN + 4 * 255 * 127], np.int32)
    total = sums.dense(x, kernel, bias, zero_point=127)
    return Case(
        "int8-dense-largest-sums", "dense-sums", {"zero_point": 127}, {"x": x}, {"kernel": kernel, "bias": bias},
        total.astype(np.int32),
    )  # fmt: skip


def _pairs() -> dict[str, Array]:
    """All pairs of codes at the edges."""
    x, y = (side.astype(np.int8).ravel()[None] for side in np.meshgrid(EDGES, EDGES))
    return {"x": x, "y": y}


def _quantised(zero: int) -> tuple[Quantisation, Quantisation, Quantisation]:
    return Quantisation(_SCALES[0], zero), Quantisation(_SCALES[1], -zero - 1), Quantisation(np.float32(0.061), zero)


def _products() -> Iterator[Case]:
    for zero, policy in product(ZERO_POINTS, POLICIES.values()):
        if policy.name == "power-of-two":
            continue
        of_x, of_y, to = _quantised(zero)
        pairs = _pairs()
        real = np.float64(of_x.scale) * np.float64(of_y.scale) / np.float64(to.scale)
        y = to.clamp(policy(elementwise.products(pairs["x"], pairs["y"], of_x, of_y), real) + to.zero_point)
        about = _said(x=of_x, y=of_y, out=to) | {"policy": policy.name, "real": float(real)}
        yield Case(f"int8-multiply-zero{zero}-{policy.name}", "multiply", about, pairs, {}, y)


def _additions() -> Iterator[Case]:
    for zero in ZERO_POINTS:
        of_x, of_y, to = _quantised(zero)
        pairs, about = _pairs(), _said(x=of_x, y=of_y, out=to)
        for policy in _fixed_point():
            y = elementwise.add_rescaled(pairs["x"], pairs["y"], of_x, of_y, to, policy)
            yield Case(f"int8-add-zero{zero}-{policy.name}", "add", about | {"policy": policy.name}, pairs, {}, y)
        y = elementwise.add_weighted(pairs["x"], pairs["y"], of_x, of_y, to)
        yield Case(f"int8-add-zero{zero}-weighted", "add", about | {"policy": "weighted"}, pairs, {}, y)
        y = to.clamp(elementwise.add_fused(pairs["x"], pairs["y"], of_x, of_y, to))
        yield Case(f"int8-add-zero{zero}-fused", "add", about | {"policy": "fused"}, pairs, {}, y)


def _means() -> Iterator[Case]:
    for zero, (H, W) in zip((*ZERO_POINTS, 3), ((7, 7), (2, 2), (5, 6), (1, 1)), strict=True):
        name = f"int8-mean-{H}x{W}-zero{zero}"
        x = _codes(name, "x", (1, H, W, 17))
        x[..., 0], x[..., 1] = -128, 127
        of, to = Quantisation(_SCALES[0], zero), Quantisation(_SCALES[1], -zero - 1)
        for policy in _fixed_point():
            y = pooling.mean_divided(x, of, to, policy)
            yield Case(f"{name}-{policy.name}", "mean", _said(x=of, out=to) | {"policy": policy.name}, {"x": x}, {}, y)
        about = _said(x=of, out=to) | {"policy": "float32"}
        yield Case(f"{name}-float32", "mean", about, {"x": x}, {}, pooling.mean_in_float32(x, of, to))
        about = _said(x=of, out=to) | {"policy": "rescaled"}
        yield Case(f"{name}-rescaled", "mean", about, {"x": x}, {}, pooling.mean_rescaled(x, of, to))
        yield Case(f"int8-average_pool-{H}x{W}", "average_pool", {}, {"x": x}, {}, pooling.average_pool(x))


def _tables() -> Iterator[Case]:
    every = np.arange(-128, 128).astype(np.int8)[None]
    for zero, scale in product(ZERO_POINTS, _SCALES):
        of, to = Quantisation(scale, zero), Quantisation(scale, -100)
        name = f"zero{zero}-scale{scale}"
        for way in LOGISTICS:
            y, about = look_up(every, logistic_table(of, way)), _said(x=of, out=SIGMOID) | {"policy": way}
            yield Case(f"int8-logistic-{name}-{way}", "logistic", about, {"x": every}, {}, y)
        y = look_up(every, swish_table(of, to))
        yield Case(f"int8-swish-{name}", "swish", _said(x=of, out=to), {"x": every}, {}, y)


def _softmax() -> Iterator[Case]:
    for scale in (np.float32(0.005), np.float32(0.1), np.float32(0.9)):
        of, name = Quantisation(scale, 0), f"int8-softmax-scale{scale}"
        x = np.concatenate([_codes(name, "x", (3, 33)), np.full((1, 33), 7, np.int8), np.full((1, 33), -128, np.int8)])
        x[4, 16] = 127
        for policy, function in (("fixed-point", softmax), ("table", softmax_by_table)):
            about = _said(x=of, out=SIGMOID) | {"policy": policy}
            yield Case(f"{name}-{policy}", "softmax", about, {"x": x}, {}, SIGMOID.clamp(function(x, of)))


def _ends() -> Iterator[Case]:
    """Between real numbers and codes."""
    every = np.arange(-128, 128).astype(np.int8)[None]
    for zero in ZERO_POINTS:
        of = Quantisation(np.float32(0.5), zero)
        x = np.unique(
            np.concatenate(
                [np.arange(-600, 601, dtype=np.float32) * np.float32(0.125), np.array([-1e9, 1e9], np.float32)]
            )
        )[None]
        for rounding in get_args(Rounding):
            about = _said(out=of) | {"rounding": rounding}
            yield Case(
                f"int8-quantise-zero{zero}-{rounding}", "quantise", about, {"x": x}, {}, quantise(x, of, rounding)
            )
        yield Case(f"int8-dequantise-zero{zero}", "dequantise", _said(x=of), {"x": every}, {}, dequantise(every, of))
        to = Quantisation(np.float32(0.3), -zero - 1)
        y = requantise(every, of, to, POLICIES["double"])
        about = _said(x=of, out=to) | {"policy": "double"}
        yield Case(f"int8-rescale-zero{zero}-double", "rescale", about, {"x": every}, {}, y)


def _fixed_point() -> list[Policy]:
    return [policy for policy in POLICIES.values() if policy.is_fixed_point]


def _said(**each: Quantisation) -> dict[str, Any]:
    """How tensors stand for real numbers, as a manifest can hold it: a float32 in digits that are it exactly."""
    return {
        key: {"scale": float(by.scale), "zero_point": by.zero_point, "limits": list(RANGES[by.dtype])}
        for key, by in each.items()
    }


def _codes(case: str, role: str, shape: Shape) -> Array:
    noise = uniform(f"vectors/{case}/{role}", shape)
    return np.clip(np.floor(noise * np.float32(128)), -128, 127).astype(np.int8)

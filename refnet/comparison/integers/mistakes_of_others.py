"""Mistakes in operations of two tensors, in means of codes, in tables and in the softmax."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any

import numpy as np

from refnet.arrays import Array
from refnet.comparison.integers.computation import Method, added, as_defined, changed
from refnet.comparison.integers.curves import CURVES, ROUNDINGS, rounded_away
from refnet.comparison.integers.mistake import Mistake, Situation
from refnet.comparison.integers.totals import Operands, Pixels
from refnet.reference.integers.elementwise import HEADROOM
from refnet.reference.integers.engine import WEIGHTED
from refnet.reference.integers.policy import POLICIES


def in_others(situation: Situation) -> Iterator[Mistake]:
    """All of them, by the kind of operation."""
    kinds = {
        "add": (_operands, _additions), "multiply": (_operands,), "average_pool": (_pools,), "logistic": (_curves,),
        "swish": (_curves,), "softmax": (_softmax,),
    }  # fmt: skip
    for kind in kinds.get(situation.operation.kind, ()):
        yield from kind(situation)


def _method(name: str, sentence: str, method: Method) -> Mistake:
    return Mistake(name, sentence, changed(method=method), frozenset(["method"]))


def _operands(situation: Situation) -> Iterator[Mistake]:
    """Zero points and scales of two tensors."""
    total = situation.right.total
    assert isinstance(total, Operands)
    (zx, zy), (x, y, out) = total.zeros, situation.right.scales

    def of(name: str, sentence: str, **fields: Any) -> Mistake:
        touched = frozenset(f"total.{field}" for field in fields)
        return Mistake(name, sentence, lambda c: replace(c, total=replace(c.total, **fields)), touched)  # type: ignore[type-var]

    def by(name: str, sentence: str, *scales: Any) -> Mistake:
        return Mistake(name, sentence, changed(scales=scales), frozenset(["scales"]))

    first, second = situation.operation.inputs
    if zx:
        yield of("first-zero-omitted", f"the zero point of {first}, {zx}, is not subtracted", zeros=(0, zy))
        yield of("first-zero-sign", f"the zero point of {first}, {zx}, is added", zeros=(-zx, zy))
    if zy:
        yield of("second-zero-omitted", f"the zero point of {second}, {zy}, is not subtracted", zeros=(zx, 0))
        yield of("second-zero-sign", f"the zero point of {second}, {zy}, is added", zeros=(zx, -zy))
    if zx and zy:
        yield of("zeros-omitted", "neither zero point is subtracted", zeros=(0, 0))
        yield of("zeros-sign", "both zero points are added", zeros=(-zx, -zy))
    if zx != zy:
        yield of("zeros-exchanged", "the zero points of the two inputs are exchanged", zeros=(zy, zx))
        yield of("one-zero-first", f"both inputs have the zero point of {first}", zeros=(zx, zx))
        yield of("one-zero-second", f"both inputs have the zero point of {second}", zeros=(zy, zy))
    if x != y and situation.operation.kind == "add":
        yield by("scales-exchanged", "the scales of the two inputs are exchanged", y, x, out)
    if situation.operation.kind == "add":
        yield by("one-scale-first", f"both inputs have the scale of {first}", x, x, out)
        yield by("one-scale-second", f"both inputs have the scale of {second}", y, y, out)
        yield by("one-scale-output", "both inputs have the output's scale", out, out, out)
        yield by("output-scale-first", f"the sum is left at the scale of {first}", x, y, x)
        yield by("output-scale-second", f"the sum is left at the scale of {second}", x, y, y)
    one = total.y if total.y.ndim == total.x.ndim else None
    if one is not None and one.shape == total.x.shape:
        yield of("first-twice", f"{first} is taken twice, {second} not at all", y=total.x, zeros=(zx, zx))
        yield of("second-twice", f"{second} is taken twice, {first} not at all", x=one, zeros=(zy, zy))


def _additions(situation: Situation) -> Iterator[Mistake]:
    own = situation.engine.add
    if own != WEIGHTED:
        yield _method("add-weighted", "one rounding of integer weights with 20 bits, as xnnpack adds", added(WEIGHTED))
    for name, policy in POLICIES.items():
        if policy.is_fixed_point and name != own:
            yield _method(f"add-{name}", f"policy {name} in all three requantisations", added(name))
    for name, (rounding, words) in ROUNDINGS.items():
        for number in (np.float64, np.float32):
            yield _method(
                f"add-real-{name}-{number.__name__}", f"the sum of {number.__name__} numbers, rounded {words}",
                _real_sum(rounding, number),
            )  # fmt: skip
    yield _method(
        "add-rescaled-first", "each input is rounded to the output's scale first, and codes are added", _codes_first
    )
    for bits in (0, 8, 10, 15, 16, 18, 19, 12, 6, 4):
        yield _method(
            f"add-headroom-{bits}",
            f"the codes are shifted by {bits} bits to the left, where {HEADROOM} belong",
            _headroom(bits),
        )
    yield _method(
        "add-no-scales",
        "codes less their zero points are added without any scale",
        lambda pair, x, y, out: pair.sum(-1),
    )
    for place, (name, words) in enumerate((("second", "left out"), ("first", "left out"))):
        which = situation.operation.inputs[1 - place]

        def alone(pair: Array, x: Any, y: Any, out: Any, place: int = place) -> Array:
            only = np.where(np.arange(2) == place, pair, 0)
            return added("double" if own == WEIGHTED else own)(only, x, y, out)

        yield _method(f"add-{name}-left-out", f"{which} is {words} of the sum", alone)


def _real_sum(rounding: Callable[[Array], Array], number: Any) -> Method:
    def method(pair: Array, x: Any, y: Any, out: Any) -> Array:
        a, b = (pair[..., place].astype(number) * number(scale) for place, scale in enumerate((x, y)))
        return rounding((a + b) / number(out))

    return method


def _codes_first(pair: Array, x: Any, y: Any, out: Any) -> Array:
    double = POLICIES["double"]
    a, b = (double(pair[..., place], np.float64(scale) / np.float64(out)) for place, scale in enumerate((x, y)))
    return a + b


def _headroom(bits: int) -> Method:
    def method(pair: Array, x: Any, y: Any, out: Any) -> Array:
        double, twice = POLICIES["double"], 2 * np.float64(max(x, y))
        a, b = (double(pair[..., place] << bits, np.float64(scale) / twice) for place, scale in enumerate((x, y)))
        return double(a + b, twice / ((1 << bits) * np.float64(out)))

    return method


def _pools(situation: Situation) -> Iterator[Mistake]:
    total = situation.right.total
    assert isinstance(total, Pixels)
    count, zero = total.count, situation.of[0].zero_point
    for name, (rounding, words) in ROUNDINGS.items():
        if name != "half-away":
            yield _method(f"pool-{name}", f"the mean of the codes is rounded {words}", _pool(rounding, count))

    def above(sums: Array, x: Any, y: Any, out: Any) -> Array:
        return rounded_away((sums - count * zero) / count) + zero

    yield _method("pool-above-zero", "the zero point is subtracted before the division, which moves ties", above)
    yield _method(
        "pool-largest",
        "the largest code of the picture, not the mean",
        lambda sums, *_: 0 * sums + total.x.max((1, 2)).ravel()[: sums.size].reshape(sums.shape),
    )


def _pool(rounding: Callable[[Array], Array], count: int) -> Method:
    return lambda sums, x, y, out: rounding(sums / count)


def _curves(situation: Situation) -> Iterator[Mistake]:
    """A table of something else, one that is read elsewhere, or another rounding of its entries."""
    kind, zero = situation.operation.kind, situation.of[0].zero_point
    for name, (rounding, words) in ROUNDINGS.items():
        if name != "half-away":
            yield _method(f"table-{name}", f"the table's entries are rounded {words}", _curve(kind, zero, rounding))
    for off in (1, -1):
        yield _method(
            f"table-off-by-{off}",
            f"the table is read {abs(off)} entry {'further' if off > 0 else 'before'}",
            _curve(kind, zero, rounded_away, shift=off),
        )
    yield _method(
        "table-unsigned",
        "the table is indexed by the byte as uint8, where its first entry is that of -128",
        _turned(kind, zero),
    )
    if zero:
        yield _method(
            "table-zero-omitted", f"the input's zero point, {zero}, is not subtracted", _curve(kind, 0, rounded_away)
        )
        yield _method("table-zero-sign", f"the input's zero point, {zero}, is added", _curve(kind, -zero, rounded_away))
    for name in CURVES:
        if name != kind:
            yield _method(
                f"curve-{name.replace(' ', '-')}", f"{name} in place of {kind}", _curve(name, zero, rounded_away)
            )
    yield _method(
        "table-255",
        "the output is scaled by 255, not by 1 / its scale",
        lambda q, x, _, out: rounded_away(CURVES[kind]((q - zero) * np.float64(x)) * 255),
    )
    yield _method(
        "table-left-out", "the codes are handed on as they are", lambda q, x, y, out: q - situation.to.zero_point
    )
    x = situation.right.scales[0]
    names = [name for name in situation.codes if name not in (*situation.operation.inputs, situation.operation.name)]
    for name in names:
        by = situation.codes[name]
        if by.scale != x or by.zero_point != zero:
            yield Mistake(
                f"table-of-{name}",
                f"the table is that of {name}'s codes",
                changed(method=_of_scale(_curve(kind, by.zero_point, rounded_away), by.scale)),
                frozenset(["method"]),
                alone=True,
            )


def _of_scale(method: Method, scale: Any) -> Method:
    return lambda total, x, y, out: method(total, scale, y, out)


def _curve(kind: str, zero: int, rounding: Callable[[Array], Array], shift: int = 0) -> Method:
    def method(q: Array, x: Any, _: Any, out: Any) -> Array:
        q = np.clip(q + shift, -128, 127)
        return rounding(CURVES[kind]((q - zero) * np.float64(x)) / np.float64(out))

    return method


def _turned(kind: str, zero: int) -> Method:
    inner = _curve(kind, zero, rounded_away)
    return lambda q, x, y, out: inner((q & 255) - 128, x, y, out)


def _softmax(situation: Situation) -> Iterator[Mistake]:
    for name, (rounding, words) in ROUNDINGS.items():
        for number in (np.float64, np.float32):
            for full in (256, 255):
                said = "" if full == 256 else ", times 255 in place of 256"
                yield _method(
                    f"softmax-{number.__name__}-{name}-{full}",
                    f"softmax of {number.__name__} numbers, rounded {words}{said}",
                    _real_softmax(number, rounding, full, np.e),
                )  # fmt: skip
    for times, words in ((0.5, "half"), (2.0, "twice"), (0.25, "a quarter of"), (4.0, "four times")):
        of = replace(situation.of[0], scale=np.float32(situation.of[0].scale * np.float32(times)))
        said = f"the codes' scale is taken for {words} what it is: a shift too far, or too little"
        by = as_defined(situation.operation, [of], situation.to, situation.engine)
        yield _method(f"softmax-scale-times-{times:g}", said, by)
    yield _method(
        "softmax-base-2", "powers of 2 in place of those of e", _real_softmax(np.float64, rounded_away, 256, 2.0)
    )
    yield _method(
        "softmax-no-scale",
        "the input's scale is left out",
        lambda rows, x, y, out: _real_softmax(np.float64, rounded_away, 256, np.e)(rows, np.float32(1), y, out),
    )
    yield _method(
        "softmax-left-out", "the codes are handed on as they are", lambda rows, *_: rows - situation.to.zero_point
    )
    yield _method(
        "softmax-sigmoid",
        "a sigmoid of each code, not a softmax",
        lambda rows, x, y, out: rounded_away(
            CURVES["logistic"]((rows - situation.of[0].zero_point) * np.float64(x)) * 256
        ),
    )


def _real_softmax(number: Any, rounding: Callable[[Array], Array], full: int, base: float) -> Method:
    def method(rows: Array, x: Any, _: Any, out: Any) -> Array:
        above = (rows - rows.max(-1, keepdims=True)).astype(number) * number(x)
        e = np.exp(above) if base == np.e else np.power(number(base), above)
        return rounding(e / e.sum(-1, keepdims=True, dtype=number) * number(full))

    return method

"""Mistakes behind the sums: rounding, multipliers and scales, the output's zero point, limits, and 8 bits."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any

import numpy as np

from refnet.arrays import Array
from refnet.comparison.integers.computation import Computation, Method, changed, mean, mean_in_float32, rescaled
from refnet.comparison.integers.curves import ROUNDINGS
from refnet.comparison.integers.engines import POLICY_WORDS
from refnet.comparison.integers.mistake import Mistake, Situation
from refnet.comparison.integers.mistakes_of_sums import wrapped
from refnet.comparison.integers.totals import Pixels
from refnet.reference.integers.engine import FLOAT32, Rescaling
from refnet.reference.integers.fixed_point import BITS, INT32_MAX, Multiplier, high_product, multiplier, shift_half_away
from refnet.reference.integers.policy import POLICIES
from refnet.reference.integers.scaling import FORMATS

CUT = (16, 24, 15, 23, 22, 20, 18, 17, 14, 12, 10, 8, 7, *range(25, 31), 21, 19, 13, 11, 9)  # bits of multipliers
INSIDE = 32  # codes between the limits that a port seems to have


def in_rescaling(situation: Situation) -> Iterator[Mistake]:
    """All that can go wrong between a sum and its code."""
    kind = situation.operation.kind
    if kind in ("convolution", "depthwise", "dense", "multiply"):
        for of_sums in (_policies, _scales, _multipliers):
            yield from of_sums(situation)
    if kind == "mean":
        yield from _means(situation)
    yield from in_ends(situation)


def _method(name: str, sentence: str, method: Method, *, alone: bool = False) -> Mistake:
    return Mistake(name, sentence, changed(method=method), frozenset(["method"]), alone)


def _policies(situation: Situation) -> Iterator[Mistake]:
    """Each other policy, with a multiplier that was divided in either format; then roundings that are none."""
    own = situation.engine.rescaling(situation.operation.kind)
    for name, words in POLICY_WORDS.items():
        for scales in FORMATS:
            by = Rescaling(name, scales)
            if by != own:
                said = f"policy {name}: {words}; the multiplier divided in {scales}"
                is_first = POLICIES[name].is_fixed_point and scales == own.scales  # only the rounding differs
                mistake = _method(f"policy-{name}-{scales}", said, rescaled(by), alone=name == "exact")
                yield mistake._replace(first=is_first)
    for name, (rounding, words) in ROUNDINGS.items():
        for format_ in ("float64", "float32"):
            if (name, format_) != ("half-away", "float64"):
                said = f"the sum times a real number, both {format_}, rounded {words}"
                yield _method(f"{format_}-{name}", said, _by_floats(np.dtype(format_).type, rounding))
    yield _method(
        "high-word-not-rounded",
        "the product's high word is not rounded, only the shift",
        _high_word(rounds=False, then=shift_half_away),
    )
    yield _method(
        "shift-not-rounded",
        "the product's high word is rounded, but the shift drops its bits",
        _high_word(rounds=True, then=lambda x, bits: x >> bits),
    )
    yield _method(
        "nothing-rounded",
        "both the product's high word and the shift drop their bits",
        _high_word(rounds=False, then=lambda x, bits: x >> bits),
    )
    yield _method("fixed-toward-zero", "the product is cut toward 0, as C's division does", _toward_zero)
    for name, nearest in (("nearest", np.rint), ("next lower", np.floor), ("next higher", np.ceil)):
        yield _method(
            f"power-of-two-{name.replace(' ', '-')}",
            f"the multiplier is a power of two, the {name}, a mere shift",
            _by_shift(nearest),
        )


def _by_floats(number: Any, rounding: Callable[[Array], Array]) -> Method:
    def method(total: Array, x: Any, y: Any, out: Any) -> Array:
        return rounding(total.astype(number) * FORMATS["float64"](x, y, out).astype(number))

    return method


def _high_word(*, rounds: bool, then: Callable[[Array, Any], Array]) -> Method:
    def method(total: Array, x: Any, y: Any, out: Any) -> Array:
        by = multiplier(FORMATS["float64"](x, y, out))
        raised = total << np.maximum(by.shift, 0)
        high = high_product(raised, by.mantissa) if rounds else (raised * by.mantissa) >> BITS
        return then(high, np.maximum(-by.shift, 0))

    return method


def _toward_zero(total: Array, x: Any, y: Any, out: Any) -> Array:
    by = multiplier(FORMATS["float64"](x, y, out))
    magnitude: Array = (np.abs(total) * by.mantissa) >> (BITS - by.shift)
    return np.where(total < 0, -magnitude, magnitude)


def _by_shift(nearest: Callable[[Array], Array]) -> Method:
    def method(total: Array, x: Any, y: Any, out: Any) -> Array:
        shift = nearest(np.log2(FORMATS["float64"](x, y, out))).astype(np.int64)
        return POLICIES["power-of-two"].apply(total, shift)

    return method


def _scales(situation: Situation) -> Iterator[Mistake]:
    """The multiplier of the wrong scales."""
    x, other, out = situation.right.scales

    def of(name: str, sentence: str, *scales: Any) -> Mistake:
        return Mistake(name, sentence, changed(scales=scales), frozenset(["scales"]))

    if np.ndim(other) and len(other) > 1:
        yield of("scale-next-channel", "each channel has the next one's scale", x, np.roll(other, -1), out)
        yield of("scale-previous-channel", "each channel has the scale of the one before", x, np.roll(other, 1), out)
        for name, one in (
            ("first", other[0]),
            ("largest", other.max()),
            ("mean", other.mean()),
            ("last", other[-1]),
            ("smallest", other.min()),
            ("middle", np.median(other)),
        ):
            yield of(f"one-scale-{name}", f"all channels have one scale, the {name}", x, np.full_like(other, one), out)
    if x != out:
        yield of("scale-input-as-output", "the input's scale stands for the output's as well", x, other, x)
        yield of("scale-output-as-input", "the output's scale stands for the input's as well", out, other, out)
        yield of("scales-exchanged", "the scales of input and output are exchanged", out, other, x)
    yield of("scale-input-omitted", "the input's scale is left out of the multiplier", np.float32(1), other, out)
    yield of("scale-output-omitted", "the output's scale is left out of the multiplier", x, other, np.float32(1))


def _multipliers(situation: Situation) -> Iterator[Mistake]:
    """What is stored of the multiplier: fewer bits, another shift."""
    own = situation.engine.rescaling(situation.operation.kind)
    policy = POLICIES[own.policy if POLICIES[own.policy].is_fixed_point else "double"]

    def of(name: str, sentence: str, change: Callable[[Multiplier], Multiplier], *, alone: bool = False) -> Mistake:
        def method(total: Array, x: Any, y: Any, out: Any) -> Array:
            return policy.apply(total, change(multiplier(FORMATS["float64"](x, y, out))))

        return _method(name, sentence, method, alone=alone)

    too_far = "the multiplier's shift is 1 too far to the"
    yield of("shift-too-far-left", f"{too_far} left", lambda by: by._replace(shift=by.shift + 1))
    yield of("shift-too-far-right", f"{too_far} right", lambda by: by._replace(shift=by.shift - 1))
    yield of(
        "left-shift-omitted", "a shift to the left is not done", lambda by: by._replace(shift=np.minimum(by.shift, 0))
    )
    yield of("shift-omitted", "the multiplier's shift is not done", lambda by: by._replace(shift=0 * by.shift))
    for full, words in ((1 << BITS, "the nearest power of two"), (INT32_MAX, "a power of two, or nearly")):
        yield of(f"multiplier-{full}", f"the multiplier is {words}", _to_power(full))
    for bits in CUT:
        alone = bits not in (15, 16, 24)
        yield of(f"multiplier-{bits}-bits-cut", f"the multiplier is cut to {bits} bits", _cut(bits, 0), alone=alone)
        yield of(f"multiplier-{bits}-bits", f"the multiplier is rounded to {bits} bits", _cut(bits, 1), alone=alone)
    if np.ndim(situation.right.scales[1]):
        yield of(
            "shift-first-channel",
            "all channels have the shift of the first",
            lambda by: by._replace(shift=np.full_like(by.shift, _first(situation).shift.flat[0])),
        )
        yield of(
            "multiplier-first-channel",
            "all channels have the multiplier of the first, each with its own shift",
            lambda by: by._replace(mantissa=np.full_like(by.mantissa, _first(situation).mantissa.flat[0])),
        )


def _first(situation: Situation) -> Multiplier:
    x, other, out = situation.right.scales
    return multiplier(FORMATS["float64"](x, other[:1], out))


def _to_power(full: int) -> Callable[[Multiplier], Multiplier]:
    """Halves are rounded to 1, which is ``full``."""
    return lambda by: by._replace(mantissa=np.where(by.mantissa > 3 << (BITS - 2), full, 1 << (BITS - 1)))


def _cut(bits: int, rounds: int) -> Callable[[Multiplier], Multiplier]:
    """Of the 31 bits behind the point only so many are kept."""
    dropped = BITS - bits

    def change(by: Multiplier) -> Multiplier:
        half = (1 << dropped >> 1) * rounds
        return by._replace(mantissa=np.minimum((by.mantissa + half) >> dropped << dropped, (1 << BITS) - 1))

    return change


def _means(situation: Situation) -> Iterator[Mistake]:
    total = situation.right.total
    assert isinstance(total, Pixels)
    of, to, count = situation.of[0], situation.to, total.count
    whole = replace(total, zero=of.zero_point)
    own = situation.engine.mean

    def with_zero(method: Method) -> Callable[[Computation], Computation]:
        return changed(method=method, total=whole, zero=to.zero_point)

    def each(name: str, sentence: str, method: Method) -> Mistake:
        return Mistake(name, sentence, with_zero(method), frozenset(["method", "total"]))

    if own != FLOAT32:

        def in_float32(c: Computation) -> Computation:
            return replace(c, method=mean_in_float32(of, to, count), total=replace(total, zero=0), zero=0)

        yield Mistake(
            "mean-float32",
            "a mean in float32 with the zero points within what is added, a tie to even, as xnnpack does",
            in_float32,
            frozenset(["method", "total"]),
        )
    for name, policy in POLICIES.items():
        if policy.is_fixed_point and name != own:
            yield each(f"mean-{name}", f"policy {name} in the mean: {POLICY_WORDS[name]}", mean(name, count))
    for name, (rounding, words) in ROUNDINGS.items():

        def real(total: Array, x: Any, _: Any, out: Any, rounding: Callable[[Array], Array] = rounding) -> Array:
            return rounding(total / count * (np.float64(x) / np.float64(out)))

        yield each(f"mean-real-{name}", f"the mean is a real number, rounded {words}", real)
    for name, divide in (
        ("toward-zero", lambda a: np.trunc(a / count)),
        ("down", lambda a: a // count),
        ("half-away", lambda a: np.trunc(a / count + 0.5 * np.sign(a))),
    ):

        def first(total: Array, x: Any, _: Any, out: Any, divide: Callable[[Array], Array] = divide) -> Array:
            return POLICIES["double"](divide(total).astype(np.int64), np.float64(x) / np.float64(out))

        def alone(total: Array, x: Any, _: Any, out: Any, divide: Callable[[Array], Array] = divide) -> Array:
            return divide(total).astype(np.int64)

        def again(total: Array, x: Any, y: Any, out: Any, divide: Callable[[Array], Array] = divide) -> Array:
            whole_means = divide(total).astype(np.int64) * count
            return situation.right.method(whole_means, x, y, out)

        if own != FLOAT32:
            yield each(
                f"mean-whole-{name}", f"the mean becomes a whole number first ({name}), then it is rescaled", again
            )
        yield each(f"mean-divided-{name}", f"the sum is divided by {count} first ({name}), then rescaled", first)
        yield each(f"mean-not-rescaled-{name}", f"the sum is divided by {count} ({name}), and not rescaled", alone)

    def rounded(total: Array, x: Any, _: Any, out: Any) -> Array:
        return POLICIES["double"](total, np.float64(x) / np.float64(out) / count)

    yield each(
        "mean-multiplier-rounded", f"the multiplier over {count} is rounded, where the definition cuts it", rounded
    )
    yield Mistake(
        "mean-zero-omitted",
        "the input's zero point is not subtracted",
        changed(total=replace(total, zero=0)),
        frozenset(["total"]),
    )
    yield Mistake(
        "mean-zero-sign",
        "the input's zero point is added",
        changed(total=replace(total, zero=-of.zero_point)),
        frozenset(["total"]),
    )
    yield Mistake(
        "mean-zero-once",
        "the input's zero point is subtracted once from the sum",
        changed(total=_Once(total.x, of.zero_point)),
        frozenset(["total"]),
    )


class _Once(Pixels):
    """The zero point is subtracted once, not from each code."""

    def at(self, places: Any) -> Array:
        return Pixels(self.x, 0).at(places) - self.zero


def in_ends(situation: Situation) -> Iterator[Mistake]:
    """What comes last: the zero point, the limits, 8 bits."""
    right, to = situation.right, situation.to
    low, high = right.limits
    zero = right.zero
    if zero:
        of = situation.of[0].zero_point
        yield _end("output-zero-omitted", f"the output's zero point, {zero}, is not added", zero=0)
        yield _end("output-zero-sign", f"the output's zero point, {zero}, is subtracted", zero=-zero)
        yield _end("uint8-output-zero", f"the output's zero point is that of uint8, {zero + 128}", zero=zero + 128)
        if of != zero:
            yield _end(
                "output-zero-is-input-s", f"the input's zero point, {of}, is added, not the output's, {zero}", zero=of
            )
        for off in (1, -1):
            yield _end(
                f"output-zero-off-by-{off}", f"the output's zero point is {zero + off}, not {zero}", zero=zero + off
            )
        yield _end("output-zero-twice", "the output's zero point is added twice", zero=2 * zero)
        yield _end(
            "clamp-before-zero", "the limits are applied before the output's zero point is added", clamps_first=True
        )
    wide = (
        [("no-limits", "no limits are applied but those of 8 bits", (-128, 127))] if (low, high) != (-128, 127) else []
    )
    zero = to.zero_point
    six = zero + int(np.rint(6 / np.float64(to.scale)))
    others = [
        *wide,
        ("relu", "the results are clamped from 0 on (ReLU)", (max(zero, -128), 127)),
        ("relu6", "the results are clamped to 0 to 6 (ReLU6)", (max(zero, -128), min(six, 127))),
        ("upper-limit-only", "the lower limit is missing", (-128, high)),
        ("code-0", "the lower limit is code 0, not the zero point", (0, high)),
        ("relu6-codes", "the upper limit is the code of 6 without the zero point", (low, min(six - zero, 127))),
        (
            "limit-6-cut",
            "the upper limit, 6 / scale, is cut instead of rounded",
            (low, min(zero + int(6 / np.float64(to.scale)), 127)),
        ),
        ("code-6", "the results are clamped to the codes 0 to 6", (0, 6)),
        ("symmetric", "the results are clamped to -127 to 127", (max(low, -127), high)),
    ]
    for name, sentence, limits in others:
        if limits != (low, high):
            yield _end(f"limits-{name}", sentence, limits=limits)
    seen = int(situation.actual.min()), int(situation.actual.max())
    inside = situation.actual[(situation.actual > seen[0]) & (situation.actual < seen[1])]
    if inside.size >= INSIDE:  # else nearly all of it is at the limits, whatever it should be
        for name, limits in (("both", seen), ("low", (seen[0], high)), ("high", (low, seen[1]))):
            if limits != (low, high):
                words = f"the results are clamped to {limits[0]} to {limits[1]}, not to {low} to {high}"
                yield _end(f"limits-seen-{name}", words, limits=limits)._replace(alone=True)
    far = (-(1 << 30), 1 << 30)
    yield _end(
        "wraps",
        "the results wrap around in 8 bits, where they should saturate",
        limits=far,
        stored=lambda q: wrapped(q, 8),
    )
    yield _end(
        "uint8-output", "the results are uint8 (128 more)", stored=lambda q: wrapped(np.clip(q, -128, 127) + 128, 8)
    )
    yield _end(
        "uint8-saturation", "the results saturate at 0 and 255, as uint8, and are then taken for int8", limits=far,
        stored=lambda q: wrapped(np.clip(q, 0, 255), 8),
    )  # fmt: skip


def _end(name: str, sentence: str, **fields: Any) -> Mistake:
    return Mistake(name, sentence, changed(**fields), frozenset(fields))

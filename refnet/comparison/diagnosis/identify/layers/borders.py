"""Borders: what stands around the picture."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import numpy as np

from refnet.architecture.padding import NO_PADS, Pads
from refnet.arrays import Array
from refnet.comparison.diagnosis.computation import Computation, evaluate, total
from refnet.comparison.diagnosis.identify.inverse import Inside, sums
from refnet.comparison.diagnosis.identify.numbers import fit, nice
from refnet.comparison.diagnosis.mistakes import Mistake, Situation
from refnet.comparison.diagnosis.operations import padded
from refnet.comparison.diagnosis.trial import Trial

SIDES = {
    "beyond the top border (above)": Pads(1, 0, 0, 0),
    "beyond the bottom border (below)": Pads(0, 1, 0, 0),
    "beyond the left border": Pads(0, 0, 1, 0),
    "beyond the right border": Pads(0, 0, 0, 1),
    "beyond the top and bottom border (above and below)": Pads(1, 1, 0, 0),
    "beyond the left and right border": Pads(0, 0, 1, 1),
}
_RULES = {"edge": "the border repeated", "wrap": "the other side (stale halo)", "reflect": "a mirror"}


def borders(s: Situation, trial: Trial) -> Iterator[Mistake]:
    """Padding by another number or rule."""
    c = s.right
    if c.op not in ("convolution", "depthwise") or len(s.step.shape) != 3:
        return
    yield from border_rules(c)
    if any(c.pads):
        yield from _other_number(s, trial)


def border_rules(c: Computation) -> Iterator[Mistake]:
    """Something else than zeros around the picture, by a rule."""
    if c.op not in ("convolution", "depthwise") or not any(c.pads):
        return
    H, W = c.inputs[0].shape[1:3]
    if max(c.pads) <= min(H, W):
        wrapped = "around the picture its other side is read instead of zeros: it wraps around (circular padding)"
        yield Mistake("border-wrapped", wrapped, replace(c, pad_mode="wrap"))
        words = "around the picture it is mirrored, border included, instead of zeros (symmetric padding)"
        yield Mistake("border-mirrored", words, replace(c, pad_mode="symmetric"))
    for value, words in (
        (c.inputs[0].min(), "the least number of the input"),
        (c.inputs[0].max(), "the largest number of the input"),
        (c.inputs[0].mean((0, 1, 2), dtype=np.float64).astype(np.float32), "each channel's mean"),
    ):
        yield Mistake("border-filled", f"around the picture stands {words} instead of zeros", _filled(c, value))
    for where, sides in SIDES.items():
        if any(pad * side for pad, side in zip(c.pads, sides, strict=True)) and max(c.pads) < min(H, W):
            for mode, rule in _RULES.items():
                words = f"{where} stands {rule} instead of zeros"
                yield Mistake("border-of-one-side", words, _around(c, sides, mode))
    if c.pads.left or c.pads.right:
        words = "beyond the left and right border stand the ends of the rows beside, as they lie in memory: no zeros"
        yield Mistake("border-in-memory", words, _in_memory(c))


def _around(c: Computation, sides: Pads, mode: str, value: float = 0.0, *, corners: bool = False) -> Computation:
    """Pad the chosen sides by a rule, the others with zeros, which have the corners unless the chosen have them."""
    x, pads = c.inputs[0], c.pads
    chosen = Pads(*(pad * bool(side) for pad, side in zip(pads, sides, strict=True)))
    rest = Pads(*(pad - taken for pad, taken in zip(pads, chosen, strict=True)))
    if corners:
        return replace(c, inputs=(padded(padded(x, rest), chosen, mode, value),), pads=NO_PADS)
    return replace(c, inputs=(padded(x, chosen, mode, value),), pads=rest)


def _in_memory(c: Computation) -> Computation:
    """Columns beyond the borders are what lies there in memory, where rows follow each other."""
    x, pads = c.inputs[0], c.pads
    N, H, W, C = x.shape
    flat = np.pad(x.reshape(N, H * W, C), ((0, 0), (pads.left, pads.right), (0, 0)))
    places = np.arange(H)[:, None] * W + np.arange(pads.left + W + pads.right)
    return replace(c, inputs=(flat[:, places],), pads=pads._replace(left=0, right=0))


def _filled(c: Computation, value: Array | float) -> Computation:
    return replace(c, pad_value=value)


def _other_number(s: Situation, trial: Trial) -> Iterator[Mistake]:
    """The number around the picture, by least squares from the pixels whose windows see it."""
    inside = sums(trial)
    if inside is None:
        return
    c = trial.sample
    blank = tuple(np.zeros_like(x, np.float64) for x in c.inputs)
    seen = total(replace(c, inputs=blank, pad_value=1.0), np.float64)
    if seen.shape != inside.values.shape:
        return
    there = inside.known & (np.abs(seen) > 1e-9)
    if there.sum() < 8:
        return
    error = inside.values - inside.right
    (value,), _ = fit([seen[there]], error[there])
    value = nice(float(value), 1e-3)
    yield Mistake(
        "border-filled",
        f"around the picture stands {value:.6g} instead of 0",
        _filled(s.right, float(np.float32(value))),
    )
    yield from _of_sides(s, inside, c)
    if c.op == "depthwise":
        yield from _each_channel(s, trial, inside, seen, there)
    else:
        yield from _each_input_channel(s, trial, inside)


def _of_sides(s: Situation, inside: Inside, c: Computation) -> Iterator[Mistake]:
    """A number beyond some sides, and zeros beyond the others."""
    blank = replace(c, inputs=tuple(np.zeros_like(x, np.float64) for x in c.inputs))
    error = inside.values - inside.right
    for where, sides in SIDES.items():
        for corners in (True, False):
            seen = total(_around(blank, sides, "constant", 1.0, corners=corners), np.float64)
            there = inside.known & (np.abs(seen) > 1e-9)
            if there.sum() < 8:
                continue
            (value,), left = fit([seen[there]], error[there])
            if left <= 0.01 * np.sqrt(np.square(error[there]).mean()):
                value = nice(float(value), 1e-4)
                words = f"{where} stands {value:.6g} instead of 0"
                made = _around(s.right, sides, "constant", float(np.float32(value)), corners=corners)
                yield Mistake("border-filled", words, made)


def _each_channel(s: Situation, trial: Trial, inside: Inside, seen: Array, there: Array) -> Iterator[Mistake]:
    """A number for each channel: that which the layers before make of zeros, for example."""
    error = inside.values - inside.right
    found = np.full(s.right.channels, np.nan)
    for place, channel in enumerate(trial.channels):
        known = there[..., place]
        if known.sum() >= 4:
            (found[channel],), _ = fit([seen[..., place][known]], error[..., place][known])
    known = np.isfinite(found)
    if known.sum() < 2:
        return
    for name, other in s.layers.items():
        if other.norms and other.channels == len(found):
            zero = np.zeros((1, len(found)))
            made = evaluate(Computation("none", (zero,), norms=other.norms, activation=other.activation), np.float64)[0]
            if np.abs(made - found)[known].max() < 0.02 * (np.abs(made).max() or 1.0):
                words = f"around the picture stands what {name} makes of zeros: it was padded before that, not after"
                yield Mistake("padded-before", words, _filled(s.right, made.astype(np.float32)))
    if known.all():
        words = (
            f"around the picture stands another number in each channel instead of 0: {found[0]:.6g}, {found[1]:.6g}, …"
        )
        yield Mistake("border-by-channel", words, _filled(s.right, found.astype(np.float32)))


def _each_input_channel(s: Situation, trial: Trial, inside: Inside) -> Iterator[Mistake]:
    c = trial.sample
    C = c.inputs[0].shape[-1]
    if C > 4:
        return
    columns = []
    for channel in range(C):
        one = np.where(np.arange(C) == channel, 1.0, 0.0)
        blank = (np.zeros_like(c.inputs[0], np.float64),)
        columns.append(total(replace(c, inputs=blank, pad_value=one), np.float64)[inside.known])
    values, _ = fit(columns, (inside.values - inside.right)[inside.known])
    numbers = ", ".join(f"{value:.4g}" for value in values)
    words = f"around the picture stand the numbers {numbers} (one for each channel) instead of 0"
    yield Mistake("border-by-channel", words, _filled(s.right, values.astype(np.float32)))

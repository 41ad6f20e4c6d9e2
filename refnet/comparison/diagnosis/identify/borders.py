"""Borders: what stands around the picture, where windows lie, and strips that are computed one by one."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from itertools import product

import numpy as np

from refnet.architecture.padding import NO_PADS, Pads
from refnet.arrays import Array
from refnet.comparison.diagnosis.computation import Computation, evaluate, total
from refnet.comparison.diagnosis.identify.inverse import Inside, sums
from refnet.comparison.diagnosis.identify.numbers import fit, nice
from refnet.comparison.diagnosis.mistakes import Mistake, Situation
from refnet.comparison.diagnosis.operations import padded
from refnet.comparison.diagnosis.trial import Trial

LARGEST = 1 << 23  # numbers of a result that is computed whole, strip by strip
MOST_TILES = 200  # that a result is cut into
SHIFTS = (0, 1, -1, 2, -2)


def borders(s: Situation, trial: Trial) -> Iterator[Mistake]:
    """Padding by another number or rule, windows elsewhere, strips."""
    c = s.right
    if c.op not in ("convolution", "depthwise") or len(s.step.shape) != 3:
        return
    yield from border_rules(c)
    if any(c.pads):
        yield from _other_number(s, trial)
    yield from shifted_windows(s)
    if s.step.kernel > 1:
        yield from _strips(s, trial)


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
    for side in ("top", "bottom", "left", "right"):
        for mode in ("edge", "wrap", "reflect"):
            if getattr(c.pads, side) and max(c.pads) < min(H, W):
                rule = {"edge": "the border repeated", "wrap": "the other side (stale halo)", "reflect": "a mirror"}[
                    mode
                ]
                words = f"beyond the {side} border stands {rule} instead of zeros"
                yield Mistake("border-of-one-side", words, _around(c, NO_PADS._replace(**{side: 1}), mode))


def _around(c: Computation, sides: Pads, mode: str) -> Computation:
    """Pad the chosen sides by a rule, the others with zeros; a convolution with the kernel inside."""
    x, pads = c.inputs[0], c.pads
    chosen = Pads(*(pad * bool(side) for pad, side in zip(pads, sides, strict=True)))
    rest = Pads(*(pad - taken for pad, taken in zip(pads, chosen, strict=True)))
    return replace(c, inputs=(padded(x, chosen, mode),), pads=rest)


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
    if c.op == "depthwise":
        yield from _each_channel(s, trial, inside, seen, there)
    else:
        yield from _each_input_channel(s, trial, inside)


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


def shifted_windows(s: Situation) -> Iterator[Mistake]:
    """Windows that begin elsewhere, and taps that lie apart."""
    c = s.right
    if c.op not in ("convolution", "depthwise") or len(s.step.shape) != 3:
        return
    k, stride = s.step.kernel, s.step.stride
    H, W, _ = s.step.shape
    x = c.inputs[0]
    for dy, dx in product(SHIFTS, repeat=2):
        if (dy, dx) == (0, 0) or (stride == 1 and k == 1 and abs(dy) + abs(dx) > 2):
            continue
        room = 2 + k * stride
        wide = padded(x, Pads(c.pads.top + 2, c.pads.bottom + room, c.pads.left + 2, c.pads.right + room))
        cut = wide[:, 2 + dy :, 2 + dx :]
        cut = cut[:, : (H - 1) * stride + k, : (W - 1) * stride + k]
        words = f"its windows begin {dy:+d} rows and {dx:+d} columns further: the input is shifted against the result"
        yield Mistake("window-shifted", words, replace(c, inputs=(cut,), pads=NO_PADS))
    if k > 1 and c.kernel is not None:
        yield from _apart(c, k)


def _apart(c: Computation, k: int) -> Iterator[Mistake]:
    assert c.kernel is not None
    for apart in (2, 3):
        wide = (k - 1) * apart + 1
        kernel = np.zeros((wide, wide, *c.kernel.shape[2:]), np.float32)
        kernel[::apart, ::apart] = c.kernel
        more = (wide - k) // 2
        for name, pads in (
            ("around the same centre", Pads(*(pad + more for pad in c.pads))),
            ("from the same corner", Pads(c.pads.top, c.pads.bottom + 2 * more, c.pads.left, c.pads.right + 2 * more)),
        ):
            words = f"its taps lie {apart} apart (dilation {apart}), {name}"
            yield Mistake("dilated", words, replace(c, kernel=kernel, pads=pads))


def _strips(s: Situation, trial: Trial) -> Iterator[Mistake]:
    """Strips or tiles of the result, each padded on its own."""
    truth = evaluate(trial.sample, np.float64)
    if truth.shape != trial.seen.shape or trial.actual.size > LARGEST:
        return
    error = np.abs(trial.seen - truth)
    wrong = error > 1e-3 * (np.sqrt(np.square(truth).mean()) or 1.0)
    rows, columns = np.flatnonzero(wrong.any((0, 2, 3))), np.flatnonzero(wrong.any((0, 1, 3)))
    H, W, _ = s.step.shape
    whole_rows, whole_columns = len(rows) == H, len(columns) == W
    heights = [H] if whole_rows and not whole_columns else _sizes(rows, H)
    widths = [W] if whole_columns and not whole_rows else _sizes(columns, W)
    if whole_rows and whole_columns:  # a grid of tiles: lines that are wrong all along
        heights = _sizes(np.flatnonzero(wrong.any((0, 3)).mean(1) > 0.9), H)
        widths = _sizes(np.flatnonzero(wrong.any((0, 3)).mean(0) > 0.9), W)
    for height, width in product(heights[:4], widths[:4]):
        if (height, width) == (H, W) or MOST_TILES * height * width < H * W:
            continue
        for mode, rule in (("constant", "zeros"), ("edge", "its border repeated"), ("reflect", "a mirror")):
            yield _strip(s, height, width, mode, rule)


def strips(s: Situation) -> Iterator[Mistake]:
    """Strips of usual heights."""
    if s.right.op in ("convolution", "depthwise") and s.step.kernel > 1:
        for height in (1, 2, 3, 4, 5, 6, 7, 8, 16, 32):
            if height < s.step.shape[0]:
                yield _strip(s, height, s.step.shape[1], "constant", "zeros")


def _strip(s: Situation, height: int, width: int, mode: str, rule: str) -> Mistake:
    H, W, _ = s.step.shape
    what = f"tiles of {height} × {width}"
    if width == W or height == H:
        what = f"strips of {height} rows" if width == W else f"strips of {width} columns"
    words = f"it is computed in {what}, each with {rule} around it, instead of its neighbours' numbers (halo)"
    return Mistake(
        "strips-apart", words, replace(s.right, combine=_in_tiles(s.right, height, width, mode), combines_channels=True)
    )


def _sizes(wrong: Array, length: int) -> list[int]:
    """Lengths of strips whose borders alone are wrong."""
    found = [length]
    for size in range(2, length // 2 + 1):
        near = np.isin(wrong % size, [0, 1, size - 2, size - 1])
        starts = np.arange(size, length, size)
        if len(wrong) and near.all() and (np.isin(starts, wrong) | np.isin(starts - 1, wrong)).all():
            found.append(size)
    return found[::-1] if len(found) > 1 else found


def _in_tiles(c: Computation, height: int, width: int, mode: str) -> Callable[..., Array]:
    k, stride = (c.kernel.shape[0] if c.kernel is not None else 1), c.stride

    def combine(x: Array) -> Array:
        H, W = x.shape[1:3]
        rows = range(0, -(-H // stride), height)
        columns = range(0, -(-W // stride), width)
        return np.concatenate([np.concatenate([tile(x, row, column) for column in columns], 2) for row in rows], 1)

    def tile(x: Array, row: int, column: int) -> Array:
        H, W = x.shape[1:3]
        top, left = row * stride - c.pads.top, column * stride - c.pads.left
        bottom, right = top + (height - 1) * stride + k, left + (width - 1) * stride + k
        first, last = row * stride, min((row + height) * stride, H)
        begin, end = column * stride, min((column + width) * stride, W)
        inside = x[:, first:last, begin:end]
        out_rows, out_columns = -(-(last - first) // stride), -(-(end - begin) // stride)
        bottom, right = top + (out_rows - 1) * stride + k, left + (out_columns - 1) * stride + k
        around = Pads(max(first - top, 0), max(bottom - last, 0), max(begin - left, 0), max(right - end, 0))
        around_it = padded(inside, around, mode)
        plain = replace(c, inputs=(around_it,), pads=NO_PADS, combine=None, combines_channels=False)
        return total(plain, x.dtype.type)

    return combine

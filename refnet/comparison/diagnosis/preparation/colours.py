"""Colours: which channels an input is mixed of, and by which normalisation, from its numbers."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import permutations
from typing import NamedTuple

import numpy as np

from refnet.arrays import Array
from refnet.comparison.diagnosis.preparation.sample import colours as fit_mix

NAMES = ("red", "green", "blue")
LUMA_601, LUMA_709 = (0.299, 0.587, 0.114), (0.2126, 0.7152, 0.0722)


class Mix(NamedTuple):
    """What the channels of an input are made of: a name, a sentence, and f64[3, 4] with an offset last."""

    name: str
    words: str
    matrix: Array
    order: tuple[int, ...] | None = None  # source of each channel, if it is an order

    def apply(self, pixels: Array) -> Array:
        """Mix pixels f64[..., 3]."""
        if self.order is not None:
            return pixels[..., list(self.order)]
        return pixels @ self.matrix[:, :3].T + self.matrix[:, 3]


def _mix(name: str, words: str, rows: object, offset: object = (0, 0, 0)) -> Mix:
    return Mix(name, words, np.column_stack([np.array(rows, float), np.array(offset, float)]))


def _order(order: tuple[int, ...]) -> Mix:
    if order == (0, 1, 2):
        return Mix("", "", np.eye(3, 4), order)
    words = ", ".join(NAMES[c] for c in order)
    name = "bgr" if order == (2, 1, 0) else "channels" if len(set(order)) == 3 else "one channel"
    return Mix(name, f"the channels are {words}", np.eye(3, 4)[list(order)], order)


def _luma_chroma(weights: tuple[float, float, float], limited: bool) -> tuple[Array, Array]:
    """RGB to Y, Cb and Cr of 0..255, or of 16..235 and 16..240."""
    red, _, blue = weights
    y = np.array(weights)
    rows = np.stack([y, (np.eye(3)[2] - y) / (2 - 2 * blue), (np.eye(3)[0] - y) / (2 - 2 * red)])
    if limited:
        return rows * np.array([[219], [224], [224]]) / 255, np.array([16.0, 128, 128])
    return rows, np.array([0.0, 128, 128])


def _mixes() -> Iterator[Mix]:
    for order in permutations(range(3)):
        yield _order(order)
    for words, weights in (
        ("0.299, 0.587, 0.114 (BT.601)", LUMA_601),
        ("0.2126, 0.7152, 0.0722 (BT.709)", LUMA_709),
        ("1/3 each, their mean", (1 / 3,) * 3),
        ("0.114, 0.587, 0.299 (BT.601 of BGR)", LUMA_601[::-1]),
    ):
        yield _mix("grey", f"all channels are grey: red, green and blue times {words}", [weights] * 3)
    for c in range(3):
        yield _order((c, c, c))._replace(words=f"all channels are {NAMES[c]}")
    for standard, weights in (("BT.601", LUMA_601), ("BT.709", LUMA_709)):
        for limited in (False, True):
            rows, offset = _luma_chroma(weights, limited)
            said = f"{standard}, {'16..235' if limited else '0..255'}"
            yield _mix("colour space", f"the channels are Y, Cb, Cr ({said}) instead of red, green, blue", rows, offset)
            swapped = [0, 2, 1]
            yield _mix("colour space", f"the channels are Y, Cr, Cb ({said})", rows[swapped], offset[swapped])
            back = np.linalg.inv(rows)
            said = f"red, green, blue are taken for Y, Cb, Cr ({said}) and converted to RGB"
            yield _mix("colour space", said, back, -back @ offset)
            if limited:
                full, zero = _luma_chroma(weights, False)
                words = f"Y, Cb, Cr of 0..255 are taken for those of 16..235 ({standard})"
                yield _mix("colour range", words, back @ full, back @ (zero - offset))
                back = np.linalg.inv(full)
                words = f"Y, Cb, Cr of 16..235 are taken for those of 0..255 ({standard})"
                yield _mix("colour range", words, back @ rows, back @ (offset - zero))
    a, b = (_luma_chroma(weights, False)[0] for weights in (LUMA_601, LUMA_709))
    yield _mix("colour space", "colours are decoded by BT.709 instead of BT.601", np.linalg.inv(b) @ a)
    yield _mix("colour space", "colours are decoded by BT.601 instead of BT.709", np.linalg.inv(a) @ b)


MIXES = tuple(_mixes())
CLOSE = 1.25  # times what any mix leaves may a known one leave
TINY = 3e-3  # levels that it may leave more


class Tinted(NamedTuple):
    """A mix with a line for each channel, f64[3] each, and what it leaves, in levels."""

    mix: Mix
    factor: Array
    offset: Array
    residual: float

    def apply(self, pixels: Array) -> Array:
        """An input from pixels."""
        return self.mix.apply(pixels) * self.factor + self.offset


def line(pixels: Array, wanted: Array) -> tuple[Array, Array]:
    """For each channel, the factor and offset that take it nearest to what is wanted."""
    x, y = pixels.reshape(-1, pixels.shape[-1]), wanted.reshape(-1, wanted.shape[-1])
    mean_x, mean = x.mean(0), y.mean(0)
    variance = np.square(x - mean_x).mean(0)
    covariance = ((x - mean_x) * (y - mean)).mean(0)
    factor = np.divide(covariance, variance, out=np.zeros_like(variance), where=variance > 1e-9)
    return factor, mean - factor * mean_x


def in_levels(rest: Array, wanted: Array, pixels: Array) -> float:
    """What is left of an input, as levels of the picture: root mean square."""
    y, x = wanted.reshape(-1, wanted.shape[-1]), pixels.reshape(-1, pixels.shape[-1])
    scale = float(np.sqrt(np.square(y - y.mean(0)).mean())) / max(float(np.sqrt(np.square(x - x.mean(0)).mean())), 1e-9)
    return float(np.sqrt(np.square(rest).mean())) / max(scale, 1e-12)


def tinted(pixels: Array, wanted: Array) -> list[Tinted]:
    """Known mixes that explain an input as well as any mix does; else that one."""
    found, rest = fit_mix(pixels, wanted)
    least = in_levels(rest, wanted, pixels)
    known = []
    for mix in MIXES:
        mixed = mix.apply(pixels)
        factor, offset = line(mixed, wanted)
        residual = in_levels(mixed * factor + offset - wanted, wanted, pixels)
        if residual <= CLOSE * least + TINY:
            known.append(Tinted(mix, factor, offset, residual))
    if known:
        return known
    rows = ", ".join(
        f"{name}: {' '.join(f'{value:+.4g} {of}' for value, of in zip(row, NAMES, strict=True))}"
        for name, row in zip(NAMES, found[:3].T / np.abs(found[:3].T).sum(1).mean(), strict=True)
    )
    mix = _mix("colours mixed", f"the channels are mixtures, in parts {rows}", found[:3].T, found[3])
    return [Tinted(mix, np.ones(3), np.zeros(3), least)]

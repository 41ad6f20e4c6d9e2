"""Tones: curves that ports put between a picture's levels and the network, and what else becomes of single pixels."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import numpy as np

from refnet.arrays import Array

GAMMAS = (2.2, 1 / 2.2, 2.0, 0.5, 1.8, 1 / 1.8, 2.4, 1 / 2.4, 1.5)


class Tone(NamedTuple):
    """What becomes of pixels f64[..., 3] of 0..255, in words; ``whole``: it needs the whole picture."""

    words: str
    apply: Callable[[Array], Array]
    whole: bool = False
    name: str = "tone"


def gamma(exponent: float) -> Tone:
    """A power of the levels.

    Examples
    --------
    >>> gamma(2.0).apply(np.array([0, 127.5, 255])).tolist()
    [0.0, 63.75, 255.0]
    """
    root = f" (1/{1 / exponent:.4g})" if exponent < 1 else ""
    return Tone(
        f"a gamma of {exponent:.4g}{root} is applied to the levels: 255 (x / 255)^{exponent:.4g}",
        lambda x: 255 * np.clip(x / 255, 0, None) ** exponent,
    )


def _to_linear(x: Array) -> Array:
    x = np.clip(x / 255, 0, None)
    return 255 * np.where(x <= 0.04045, x / 12.92, ((x + 0.055) / 1.055) ** 2.4)


def _from_linear(x: Array) -> Array:
    x = np.clip(x / 255, 0, None)
    return 255 * np.where(x <= 0.0031308, x * 12.92, 1.055 * x ** (1 / 2.4) - 0.055)


def _bits(red: int, green: int, blue: int) -> Callable[[Array], Array]:
    steps = 2.0 ** (8 - np.array([red, green, blue]))
    return lambda x: np.floor(x / steps) * steps


def _spread_bits(red: int, green: int, blue: int) -> Callable[[Array], Array]:
    most = 2.0 ** np.array([red, green, blue]) - 1
    return lambda x: np.floor(np.floor((x + 0.5) * (most + 1) / 256).clip(0, most) * 255 / most + 0.5)


def _equalised(x: Array) -> Array:
    """As ``PIL.ImageOps.equalize``: each channel by its histogram."""
    result = np.empty_like(x, dtype=np.float64)
    for c in range(x.shape[-1]):
        counts = np.bincount(x[..., c].astype(np.int64).ravel(), minlength=256)
        used = counts[counts > 0]
        step = (used.sum() - used[-1]) // 255
        if len(used) < 2 or not step:
            result[..., c] = x[..., c]
            continue
        table = (step // 2 + np.cumsum(counts) - counts) // step
        result[..., c] = np.clip(table, 0, 255)[x[..., c].astype(np.int64)]
    return result


def _hsv(full: float) -> Callable[[Array], Array]:
    """Hue, saturation and value, hue of 0..``full``."""

    def apply(x: Array) -> Array:
        most, least = x.max(-1), x.min(-1)
        way = np.where(most > least, most - least, 1.0)
        red, green, blue = np.moveaxis(x, -1, 0)
        hue = np.where(
            most == red,
            (green - blue) / way,
            np.where(most == green, 2 + (blue - red) / way, 4 + (red - green) / way),
        )
        hue = np.where(most > least, hue / 6 % 1.0, 0.0)
        return np.stack([hue * full, np.where(most > 0, 255 * (most - least) / np.maximum(most, 1e-9), 0), most], -1)

    return apply


def rounded(tone: Tone) -> Tone:
    """The same with results rounded to whole numbers."""
    words = f"{tone.words}, rounded to whole levels"
    return tone._replace(words=words, apply=lambda x: np.clip(np.floor(tone.apply(x) + 0.5), 0, 255))


def cut(tone: Tone) -> Tone:
    """The same with results cut to whole numbers."""
    words = f"{tone.words}, cut down to whole levels"
    return tone._replace(words=words, apply=lambda x: np.clip(np.floor(tone.apply(x)), 0, 255))


def _pillow_hsv(x: Array) -> Array:
    from PIL import Image

    return np.asarray(Image.fromarray(x.astype(np.uint8)).convert("HSV")).astype(np.float64)


CURVES = (
    Tone("the levels are made linear (sRGB to linear light)", _to_linear),
    Tone("the levels are taken for linear light and made sRGB", _from_linear),
    *(gamma(exponent) for exponent in GAMMAS),
)
OTHERS = (
    Tone("levels have 5, 6 and 5 bits only (RGB565)", _bits(5, 6, 5)),
    Tone("levels have 5, 6 and 5 bits only (RGB565), spread to 0..255", _spread_bits(5, 6, 5)),
    *(Tone(f"levels have {bits} bits only", _bits(bits, bits, bits)) for bits in (7, 6, 5, 4)),
    Tone("levels have 5 bits only (RGB555), spread to 0..255", _spread_bits(5, 5, 5)),
    Tone("the histogram is equalised", _equalised, True),
    Tone("the picture is read as HSV (Pillow's) instead of RGB", _pillow_hsv, True),
    Tone("the picture is read as HSV (hue of 0..180, OpenCV's) instead of RGB", _hsv(180)),
    Tone("the picture is read as HSV (hue of 0..360) instead of RGB", _hsv(360)),
)
NONE = Tone("", lambda x: x)

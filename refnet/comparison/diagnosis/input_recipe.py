"""Input: which wrong recipe makes a port's input of a picture.

Whatever the normalisation, it takes each channel of the pixels times a factor, plus an offset. So the right pixels are
those of which a straight line leaves the least error, and the factors and offsets tell the normalisation.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import product
from typing import NamedTuple

import numpy as np

from refnet.arrays import Array
from refnet.comparison.diagnosis.diagnosis import Diagnosis
from refnet.comparison.diagnosis.other_resizes import KNOWN_RESIZES
from refnet.comparison.judgement.verdict import rms
from refnet.errors import ImageError
from refnet.preprocessing.crop import CROPS
from refnet.preprocessing.normalise import NORMALISATIONS, Normalisation, normalise
from refnet.preprocessing.recipe import RECIPES, Recipe
from refnet.preprocessing.window import Picture

CLOSE = 1e-4  # error left by the right pixels, relative to the port's numbers: far less than one level of 255
ANOTHER = 0.3  # the same, left by pixels that are others altogether
MOST_SHIFTED = 4  # pixels
EXACT = 1e-6  # the same, where nothing better is looked for
UNKNOWN = "unknown normalisation"
SAME = 1e-4  # distance of two normalisations that are the same, relative


class _Candidate(NamedTuple):
    """A network input under mistakes with the pixels, normalised rightly, f32[H, W, 3]; what is wrong, by kind."""

    x: Array
    wrong: dict[str, str]


class _Line(NamedTuple):
    """For each channel, a factor and an offset: f64[3]."""

    factor: Array
    offset: Array

    def is_near(self, other: _Line) -> bool:
        """Whether they make the same of 0..255, nearly."""
        scale = np.abs(other.offset).max() + 255 * np.abs(other.factor).max()
        far = np.abs(self.offset - other.offset).max() + 255 * np.abs(self.factor - other.factor).max()
        return bool(far <= SAME * scale)

    def reversed(self) -> _Line:
        """Red for blue."""
        return _Line(self.factor[::-1], self.offset[::-1])


def diagnose_input(picture: Picture, recipe: Recipe, size: tuple[int, int], actual: Array) -> Diagnosis:
    """Name what a port did to a picture instead of its recipe.

    The picture is u8[H,W,3], RGB, as decoded; ``actual``, the port's input, is [H, W, 3] or [1, H, W, 3].

    Examples
    --------
    >>> from refnet.preprocessing.preprocess import preprocess
    >>> from refnet.preprocessing.recipe import LITE
    >>> picture = np.random.default_rng(0).integers(0, 256, (50, 60, 3), np.uint8)
    >>> actual = preprocess(picture, LITE, 16, 16)[..., ::-1]
    >>> diagnose_input(picture, LITE, (16, 16), actual).sentence
    'the channels are blue, green, red'
    """
    wanted = (actual[0] if actual.ndim == 4 and len(actual) == 1 else actual).astype(np.float64)
    if wanted.ndim != 3 or not wanted.size:
        return Diagnosis(None, f"the shape {list(actual.shape)} is not that of one picture", np.inf, np.inf)
    if not np.isfinite(wanted).all():
        return Diagnosis(None, "the input has infinities or NaN in it", np.inf, np.inf)
    scale = rms(wanted) or 1.0
    found = _best(_tried(picture, recipe, size, wanted, scale))
    truth = next(_candidates(picture, recipe, size)).x
    before = rms(wanted - truth) / scale if truth.shape == wanted.shape else np.inf
    if found is None:
        return Diagnosis(None, f"no known mistake makes the shape {list(wanted.shape)}", np.inf, before)
    sentence = "; ".join(found.wrong.values()) or "the recipe is the right one"
    if found.residual <= CLOSE and found.wrong:
        return Diagnosis(" + ".join(found.wrong), sentence, found.residual, before)
    shift = _shift(truth, wanted) if found.wrong else ""
    if shift:
        return Diagnosis("shifted", shift, found.residual, before)
    words = f"no known recipe gives these numbers; the nearest leaves an error of {found.residual:.2g}: {sentence}"
    if found.residual > ANOTHER:
        words = "no known recipe makes these numbers of this picture: another picture, or another part of it?"
    return Diagnosis(None, words, found.residual, before)


class _Attempt(NamedTuple):
    residual: float
    wrong: dict[str, str]

    @property
    def surprise(self) -> tuple[float, bool]:
        """Best is an exact one that needs no unknown normalisation."""
        return max(self.residual, EXACT), UNKNOWN in self.wrong


def _best(tried: Iterator[_Attempt]) -> _Attempt | None:
    best: _Attempt | None = None
    for one in tried:
        if best is None or one.surprise < best.surprise:
            best = one
        if best.surprise == (EXACT, False):
            break
    return best


def _tried(picture: Picture, recipe: Recipe, size: tuple[int, int], wanted: Array, scale: float) -> Iterator[_Attempt]:
    for x, wrong in _candidates(picture, recipe, size):
        if x.shape == wanted.shape:
            line, residual = _fit(x.astype(np.float64), wanted)
            yield _Attempt(residual / scale, wrong | _wrong_normalisation(line, recipe, bgr="bgr" in wrong))


def _candidates(picture: Picture, recipe: Recipe, size: tuple[int, int]) -> Iterator[_Candidate]:
    """Inputs by the right recipe, turned in all ways; then by others."""
    for crop, resize, wrong in _recipes(recipe, size):
        try:
            pixels = CROPS[crop[0]].apply(picture, *size, crop[1], KNOWN_RESIZES[resize])
        except ImageError:
            continue
        x = normalise(pixels, recipe.normalise)
        for turned_wrong, turned in _turned(x):
            yield _Candidate(turned, wrong | turned_wrong)
            yield _Candidate(turned[..., ::-1], wrong | turned_wrong | {"bgr": "the channels are blue, green, red"})


def _recipes(recipe: Recipe, size: tuple[int, int]) -> Iterator[tuple[tuple[str, float], str, dict[str, str]]]:
    """Crops and names of resizes, the recipe's own first."""
    own = (recipe.crop, recipe.crop_amount)
    crops = dict.fromkeys([own, *((r.crop, r.crop_amount) for r in RECIPES.values()), ("shorter-side", min(size))])
    for crop in crops:
        for resize in dict.fromkeys([recipe.resize, *KNOWN_RESIZES]):
            wrong = {}
            if crop != own:
                wrong["crop"] = f"the crop is '{crop[0]} {crop[1]:g}' instead of '{own[0]} {own[1]:g}'"
            if resize != recipe.resize:
                wrong["resize"] = f"the resize is {resize} instead of {recipe.resize}"
            yield crop, resize, wrong


def _turned(x: Array) -> Iterator[tuple[dict[str, str], Array]]:
    H, W, C = x.shape
    yield {}, x
    yield {"mirrored": "left and right are swapped"}, x[:, ::-1]
    yield {"upside-down": "top and bottom are swapped"}, x[::-1]
    yield {"hw-swapped": "height and width are swapped"}, x.swapaxes(0, 1)
    yield {"nchw-as-nhwc": "numbers lie in the order NCHW, and are read as NHWC"}, x.transpose(2, 0, 1).reshape(H, W, C)
    yield {"nhwc-as-nchw": "numbers lie in the order NHWC, and are read as NCHW"}, x.reshape(C, H, W).transpose(1, 2, 0)


def _fit(x: Array, wanted: Array) -> tuple[_Line, float]:
    """The lines that take x nearest to what is wanted, channel by channel, and the root mean square they leave."""
    mean_x, mean = x.mean((0, 1)), wanted.mean((0, 1))
    variance = np.square(x - mean_x).mean((0, 1))
    covariance = ((x - mean_x) * (wanted - mean)).mean((0, 1))
    factor = np.divide(covariance, variance, out=np.zeros_like(variance), where=variance > 0)
    line = _Line(factor, mean - factor * mean_x)
    return line, rms(x * line.factor + line.offset - wanted)


def _shift(x: Array, wanted: Array) -> str:
    """In words, by how many pixels the right input, f32[H, W, 3], is shifted; "" if it is not."""
    (H, W, _), s = x.shape, MOST_SHIFTED
    if x.shape != wanted.shape or min(H, W) <= 2 * s:
        return ""
    inner = wanted[s : H - s, s : W - s]
    for dy, dx in product(range(-s, s + 1), repeat=2):
        if rms(x[s + dy : H - s + dy, s + dx : W - s + dx] - inner) <= CLOSE * rms(inner):
            return f"the picture is shifted: at (y, x) is what should be at (y {dy:+}, x {dx:+}): another crop?"
    return ""


def _line_of(operations: Normalisation) -> _Line:
    """What a normalisation does to pixels of 0..255."""
    black, white = (normalise(np.full((1, 1, 3), v, np.float32), operations)[0, 0].astype(np.float64) for v in (0, 255))
    return _Line((white - black) / 255, black)


def _wrong_normalisation(line: _Line, recipe: Recipe, *, bgr: bool) -> dict[str, str]:
    """Name a normalisation by what follows the right one."""
    own = _line_of(recipe.normalise)
    first = own.reversed() if bgr else own
    found = _Line(line.factor * first.factor, line.factor * first.offset + line.offset)  # of pixels of 0..255
    right = _in_words(recipe.normalise)
    for operations, words in ((recipe.normalise, ""), *_normalisations(recipe.normalise)):
        known = _line_of(operations)
        if found.is_near(known.reversed() if bgr else known):
            return {"normalisation": f"the normalisation is {words} instead of {right}"} if words else {}
        if found.is_near(known if bgr else known.reversed()):
            order = "comes after red and blue are swapped" if bgr else "has red and blue swapped"
            return {"normalisation": f"the normalisation, {words or 'else right,'} {order}"}
    factors, offsets = (", ".join(f"{number:.6g}" for number in numbers) for numbers in found)
    return {UNKNOWN: f"the normalisation is pixel * ({factors}) + ({offsets}) instead of {right}"}


def _normalisations(own: Normalisation) -> Iterator[tuple[Normalisation, str]]:
    """Normalisations that ports have instead of their own, with their names."""
    yield (), "none: pixels of 0..255"
    yield (("divide", (255.0,) * 3),), "pixels / 255 alone: 0..1"
    for name, operations in NORMALISATIONS.items():
        yield operations, f"that of {name}, {_in_words(operations)},"
    for operations, of in ((own, "its own"), (NORMALISATIONS["torch-imagenet"], "that of torch-imagenet")):
        for left_out in range(len(operations)):
            rest = operations[:left_out] + operations[left_out + 1 :]
            yield rest, f"{of} without '{_in_words(operations[left_out : left_out + 1])}'"
    yield own + own, "its own, twice,"


def _in_words(operations: Normalisation) -> str:
    return ", ".join(f"{name} {' '.join(f'{number:.6g}' for number in numbers)}" for name, numbers in operations)

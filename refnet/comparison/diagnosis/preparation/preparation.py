"""Preparation: what a port did to a picture instead of its recipe, the whole of it in one sentence."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np

from refnet.arrays import Array
from refnet.comparison.diagnosis.diagnosis import Diagnosis
from refnet.comparison.diagnosis.preparation.crop_words import wrong_crop, wrong_resize
from refnet.comparison.diagnosis.preparation.fit import Fit, Fitted
from refnet.comparison.diagnosis.preparation.frames import framed, inner_of
from refnet.comparison.diagnosis.preparation.normalisations import Scaling
from refnet.comparison.diagnosis.preparation.resampling import as_levels
from refnet.comparison.diagnosis.preparation.resize_words import LEVELS
from refnet.comparison.diagnosis.preparation.rough_location import CLEAR, Means
from refnet.comparison.diagnosis.preparation.settled import Settled, may_settle, settle
from refnet.comparison.diagnosis.preparation.shifts import shifts
from refnet.comparison.diagnosis.preparation.tones import CURVES, OTHERS
from refnet.comparison.diagnosis.preparation.turns import LAYOUTS, TURNS, Turn, undone
from refnet.comparison.judgement.verdict import rms
from refnet.preprocessing.crop import CROPS
from refnet.preprocessing.normalise import normalise
from refnet.preprocessing.recipe import Recipe
from refnet.preprocessing.resize import RESIZES
from refnet.preprocessing.window import Picture

ANOTHER = 0.3  # share of an input that no part of the picture explains: it is another picture
ROUNDING = 1e-6  # relative, that float32 makes
SMALL = 0.01  # relative, of an error that another way to resize may make
PLAUSIBLE = 0.7  # share that is left, roughly, from which a turn is not looked at


class _Known(NamedTuple):
    """What explains an input: sentences by name, its error relative to the numbers, and whether that is rounding."""

    wrong: dict[str, str]
    residual: float
    reproduces: bool


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
    if wanted.ndim != 3 or not wanted.size or wanted.shape[-1] != 3:
        return Diagnosis(None, f"the shape {list(actual.shape)} is not that of one picture", np.inf, np.inf)
    if not np.isfinite(wanted).all():
        return Diagnosis(None, "the input has infinities or NaN in it", np.inf, np.inf)
    right = CROPS[recipe.crop].apply(picture, *size, recipe.crop_amount, RESIZES[recipe.resize]).astype(np.float64)
    scale = rms(wanted) or 1.0
    truth = normalise(right.astype(np.float32), recipe.normalise)
    before = rms(wanted - truth) / scale if truth.shape == wanted.shape else np.inf
    if before < ROUNDING:
        return Diagnosis(None, "the recipe is the right one", before, before)
    best: _Known | None = None
    for found in _tried(picture.astype(np.float64), right, recipe, size, wanted, scale):
        if best is None or (found.reproduces, -found.residual) > (best.reproduces, -best.residual):
            best = found
        if best.reproduces and best.wrong:
            break
    if best is None:
        return Diagnosis(None, f"no known mistake makes the shape {list(wanted.shape)}", np.inf, before)
    return _told(best, before)


def diagnose_without_picture(right: Array, recipe: Recipe, actual: Array) -> Diagnosis:
    """Name what makes a port's input of the right one, both [..., H, W, 3], where there is no picture to ask.

    Examples
    --------
    >>> from refnet.preprocessing.recipe import LITE
    >>> right = np.random.default_rng(0).standard_normal((2, 16, 16, 3))
    >>> diagnose_without_picture(right, LITE, np.roll(right, 1, 2)).mistake
    'shifted'
    """
    wanted, scale = actual.astype(np.float64), rms(actual) or 1.0
    own = Scaling.of(recipe.normalise)
    before = rms(wanted - right) / scale if right.shape == wanted.shape else np.inf
    if not np.isfinite(wanted).all() or wanted.shape[-1:] != (3,):
        return Diagnosis(None, "no known mistake in the input gives these numbers", before, before)
    levels = (right.astype(np.float64) - own.offset) / own.factor
    found = next((one for one in _of_right_pixels(levels, recipe, wanted, scale) if one.reproduces and one.wrong), None)
    if found is None:
        return Diagnosis(None, "no known mistake in the input gives these numbers", before, before)
    return _told(found, before)


def _told(best: _Known, before: float) -> Diagnosis:
    sentence = "; ".join(best.wrong.values())
    if best.reproduces and best.wrong:
        return Diagnosis(" + ".join(best.wrong), sentence, best.residual, before)
    if not best.wrong and best.residual < SMALL:
        words = f"all but an error of {best.residual:.2g} is right: another kernel, or other roundings, of the resize?"
        return Diagnosis(None, words, best.residual, before)
    words = f"no known recipe gives these numbers; the nearest leaves an error of {best.residual:.2g}"
    if best.wrong and np.isfinite(before) and best.residual < before / 2:
        share = 100 * (1 - best.residual / before)
        words = f"no known recipe gives these numbers; a lead: explains {share:.0f} % of the error: {sentence}"
    if best.residual > ANOTHER:
        words = "no known recipe makes these numbers of this picture: another picture, or another part of it?"
    return Diagnosis(None, words, best.residual, before)


def _tried(
    picture: Array, right: Array, recipe: Recipe, size: tuple[int, int], wanted: Array, scale: float
) -> Iterator[_Known]:
    """Explanations of an input, from the right one alone, then from the picture."""
    yield from _of_right_pixels(right, recipe, wanted, scale)
    yield from _of_picture(picture, recipe, size, wanted, scale)


def _of_right_pixels(right: Array, recipe: Recipe, wanted: Array, scale: float) -> Iterator[_Known]:
    """The right pixels with other colours, tones or normalisation; turned, or shifted."""
    for turn, x in undone(wanted):
        if x.shape != right.shape:
            continue
        if not turn.name or may_settle(right, x):
            yield _known({turn.name: turn.words} if turn.name else {}, settle(right, x, recipe.normalise), x, scale)
    if right.shape != wanted.shape:
        return
    black = Scaling.of(recipe.normalise)
    for shift in shifts(right, wanted):
        moved = shift.apply(right * black.factor + black.offset)
        moved = (moved - black.offset) / black.factor
        rows, columns = shift.inner(right.shape) if not shift.outside else (slice(None), slice(None))
        if shift.outside and may_settle(moved[..., rows, columns, :], wanted[..., rows, columns, :]):
            yield _known({"shifted": shift.words}, settle(moved, wanted, recipe.normalise), wanted, scale)
    for levels in ("clipped", "rounded", "cut", "wrapped"):
        pixels = as_levels(right, levels)
        if not np.array_equal(pixels, right) and may_settle(pixels, wanted):
            words = f"the resize's results are {LEVELS[levels]}"
            yield _known({"levels": words}, settle(pixels, wanted, recipe.normalise), wanted, scale)
    for tone in (*CURVES, *OTHERS):
        if not tone.whole:
            toned = tone.apply(right)
            if may_settle(toned, wanted):
                settled = settle(toned, wanted, recipe.normalise)
                yield _known({"tone": f"{tone.words}, after the resize"}, settled, wanted, scale)


def _known(wrong: dict[str, str], settled: Settled, wanted: Array, scale: float) -> _Known:
    residual = rms(settled.predicted - wanted) / scale
    return _Known(wrong | settled.wrong, residual, settled.reproduces)


def _of_picture(picture: Array, recipe: Recipe, size: tuple[int, int], wanted: Array, scale: float) -> Iterator[_Known]:
    """Another part of the picture, resized otherwise, turned before or after that."""
    means = Means(picture)
    fits = [(Fit(means, turn.undo(wanted), recipe), turn) for turn in (*TURNS, *LAYOUTS)]
    fits += _framed(means, recipe, wanted, min(fit.unlike for fit, _ in fits))
    if not any(fit.is_clear for fit, _ in fits):
        for fit, _ in fits:
            fit.look_anywhere()
            if fit.is_clear:
                break
    fits.sort(key=lambda one: one[0].unlike)
    for fit, turn in fits[: 1 if fits[0][0].is_clear else 2]:
        if fit.unlike > PLAUSIBLE:
            continue
        found = fit.best()
        late = _in_words(found, fit, recipe, scale, {turn.name: turn.words} if turn.name else {})
        if turn.name and turn in TURNS:
            other = Fit(Means(turn.apply(picture)), wanted, recipe)
            words = {turn.name: f"the picture is turned before the crop: {turn.words}"}
            early = _in_words(other.best(), other, recipe, scale, words)
            if early.reproduces and (not late.reproduces or len(early.wrong) < len(late.wrong)):
                yield early
        yield late


def _framed(means: Means, recipe: Recipe, wanted: Array, unlike: float) -> Iterator[tuple[Fit, Turn]]:
    """Pictures inside bars of one colour, if these are liker than what the input is as a whole."""
    inner = inner_of(wanted) if unlike > CLEAR else None
    if inner is None:
        return
    for turn in TURNS:
        x = turn.undo(wanted)
        fit = Fit(means, x, recipe, inner_of(x))
        if fit.unlike < unlike:
            yield fit, turn


def _in_words(found: Fitted | None, fit: Fit, recipe: Recipe, scale: float, turned: dict[str, str]) -> _Known:
    if found is None:
        return _Known({}, np.inf, False)
    way, settled = found.way, found.settled
    wrong = wrong_crop(way, fit, recipe) | wrong_resize(way, fit, recipe) | turned
    if fit.is_framed:
        wrong = {"framed": framed(fit.wanted, fit.inner, settled.scaling)} | wrong
    if way.before.words:
        wrong[way.before.name] = f"{way.before.words}, before the resize"
    if way.after.words:
        wrong["tone"] = f"{way.after.words}, after the resize"
    residual = rms(settled.predicted - fit.part) / scale
    return _Known(wrong | settled.wrong, residual, settled.reproduces)

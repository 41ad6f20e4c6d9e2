"""Fit: what a port made of a picture, part by part: place, kernel, tones, rounding, colours."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from functools import cached_property, partial
from itertools import islice

import numpy as np

from refnet.arrays import Array
from refnet.comparison.diagnosis.preparation import tones
from refnet.comparison.diagnosis.preparation.colours import in_levels, tinted
from refnet.comparison.diagnosis.preparation.kernels import (
    AREA,
    BILINEAR,
    BOX,
    FLOOR,
    KERNELS,
    NEAREST,
    ONE_PIXEL,
    PILLOW_NEAREST,
)
from refnet.comparison.diagnosis.preparation.location import nudged, refined
from refnet.comparison.diagnosis.preparation.resampling import (
    ALIGNED,
    CORNER,
    HALF,
    OPENCV,
    PILLOW,
    Along,
    Kind,
    resample,
)
from refnet.comparison.diagnosis.preparation.resize_words import is_own
from refnet.comparison.diagnosis.preparation.rough_location import CLEAR, Means, anywhere, at_known
from refnet.comparison.diagnosis.preparation.sample import Place, Sample, colours
from refnet.comparison.diagnosis.preparation.settled import Settled, settle
from refnet.comparison.diagnosis.preparation.tones import Tone
from refnet.comparison.diagnosis.preparation.windows import Window, cuts, window_of, windows
from refnet.preprocessing.crop import Cut
from refnet.preprocessing.recipe import Recipe

STARTS = 2  # rough places that are gone on from
KEPT = 5  # kernels that are refined
LAST = 3  # kernels whose windows are looked at
ROUNDED = 0.6  # levels: up to here an error may be rounding, and no tone is looked for
LESS = 0.5  # of the error, at most, is left by a tone that is believed
EARLIER = 0.97  # of the error is left by colours rounded before the resize, at most
ALIKE = 1.15  # times the least error: as good
AS_GOOD = 1.01  # of what another leaves: the difference has no effect here
HARDLY = 0.004  # levels
FINE, BLOCKY, COARSE = 0.06, 0.4, 0.8  # pixels by which a place may be off: by smooth kernels, boxes, nearest pixels
FAR = 1.0  # levels: an error of the whole that no rule for the border explains
WINDOWS = 6  # tried with each kernel
WHOLE = 8  # preparations that are tried on the whole input


@dataclass(frozen=True)
class Way:
    """One way from a picture to pixels."""

    window: Window
    kind: Kind
    before: Tone = tones.NONE
    after: Tone = tones.NONE

    def pixels(self, picture: Array, at: tuple[Array, Array] | None = None) -> Array:
        """Levels of the input; ``picture`` after its tone."""
        return self.after.apply(resample(picture, self.kind, self.window.rows, self.window.columns, at))


@dataclass(frozen=True)
class Fitted:
    """The nearest preparation, and what it leaves."""

    way: Way
    settled: Settled


class Fit:
    """A picture, f64[H, W, 3], beside an input of a size, f64[h, w, 3], and a recipe that should have been heeded."""

    def __init__(self, means: Means, wanted: Array, recipe: Recipe, inner: tuple[slice, slice] | None = None) -> None:
        self.picture, self.wanted, self.recipe = means.picture, wanted, recipe
        self.inner = inner or (slice(0, wanted.shape[0]), slice(0, wanted.shape[1]))
        self.part = wanted[self.inner]
        sides = self.part.shape[:2]
        self.known = list(cuts(recipe, self.picture.shape[:2], sides))
        self.all = (slice(0, sides[0]), slice(0, sides[1]))
        self.sample = Sample.of(self.part, self.all)
        self._means = means
        self._toned: dict[str, Array] = {"": self.picture}

    @property
    def is_framed(self) -> bool:
        """Whether the picture fills a part of the input alone."""
        return self.part.shape != self.wanted.shape

    @cached_property
    def places(self) -> list[Place]:
        """Where the input may lie by known crops, the most likely first."""
        cuts = [cut for _, cut in self.known if _fills(cut, self.part)]
        known = [window_of(other, HALF)[:2] for cut in cuts for other in (cut, *_corners(cut))]
        return at_known(self._means, self.part, self.all, list(dict.fromkeys(known)))[:STARTS]

    @property
    def unlike(self) -> float:
        """The share of the input that is not like the picture at the likeliest place."""
        return self.places[0].residual if self.places else np.inf

    @property
    def is_clear(self) -> bool:
        """Whether there is no doubt about the place, roughly."""
        return self.unlike <= CLEAR

    def look_anywhere(self) -> None:
        """Look at all places."""
        self.places.insert(0, anywhere(self._means, self.part, self.all))
        self.places.sort(key=lambda place: place.residual)

    def best(self) -> Fitted | None:
        """The preparation that comes nearest."""
        place = self._located()
        if place is None:
            return None
        before = after = tones.NONE
        found = self._kinds(place, before, after)
        nearest: list[Way] = []
        if self._left(found[0]) > ROUNDED:
            nearest = list(self._nearest(found[0][0], before, after))
        if nearest and min(map(self._left_by, nearest), default=1.0) > ROUNDED:
            before, after = self._tone(found)
        if not before.words:
            before = self._early_colours(found)
        if before.words or after.words:
            found = self._kinds(found[0][0], before, after)
        ways = [way for place, kind in found[:LAST] for way in self._ways(place, kind, before, after)]
        return self._whole(self._varied(self._alike([*ways, *nearest])))

    def _located(self) -> Place | None:
        view = self._view(Kind(BILINEAR), tones.NONE, tones.NONE)
        if not self.is_clear and len(self.places) <= STARTS:
            self.look_anywhere()
        starts = self.places[:STARTS]
        starts += [nudged(self.picture, start, self.sample) for start in starts]
        return min((refined(view, start, self.sample) for start in starts), key=lambda place: place.residual)

    def _view(self, kind: Kind, before: Tone, after: Tone) -> Callable[[Along, Along, tuple[Array, Array]], Array]:
        picture = self.toned(before)
        return lambda rows, columns, at: after.apply(resample(picture, kind, rows, columns, at))

    def toned(self, tone: Tone) -> Array:
        """The picture after a tone."""
        if tone.words not in self._toned:
            self._toned = {"": self.picture, tone.words: tone.apply(self.picture)}
        return self._toned[tone.words]

    def _kinds(self, place: Place, before: Tone, after: Tone) -> list[tuple[Place, Kind]]:
        """Kernels, each at the place where it leaves the least error, the best first."""
        shrinks = max(place.rows.scale, place.columns.scale) > 1.01
        kinds = [Kind(kernel, smooth) for kernel in KERNELS for smooth in ((False, True) if shrinks else (False,))]
        found = [(place, kind) for kind in kinds if not _is_another(kind)]
        for steps, kept in ((0, KEPT), (3, LAST), (8, LAST)):
            found = [(refined(self._view(kind, before, after), at, self.sample, steps), kind) for at, kind in found]
            found = sorted(found, key=lambda one: one[0].residual)[:kept]
        return found

    def _left(self, found: tuple[Place, Kind]) -> float:
        place, kind = found
        way = Way(Window(place.rows, place.columns), kind)
        return self._error(way, way.pixels(self.picture, (self.sample.i, self.sample.j)), place.residual)

    def _error(self, way: Way, pixels: Array, residual: float) -> float:
        """A relative error in levels."""
        y = self.sample.flat
        rest = np.full_like(y, residual * float(np.sqrt(np.square(y - y.mean(0)).mean())))
        return in_levels(rest, self.sample.wanted, pixels)

    def _tone(self, found: list[tuple[Place, Kind]]) -> tuple[Tone, Tone]:
        """The curve, before or after the resize, that leaves far less error than none."""
        best, least = (tones.NONE, tones.NONE), found[0][0].residual * LESS
        for place, kind in found[:1]:
            for tone in (*tones.CURVES, *tones.OTHERS):
                for before, after in ((tone, tones.NONE), (tones.NONE, tone))[: 1 if tone.whole else 2]:
                    left = refined(self._view(kind, before, after), place, self.sample, 0).residual
                    if left < least:
                        best, least = (before, after), left
        return best

    def _early_colours(self, found: list[tuple[Place, Kind]]) -> Tone:
        """Other colours than red, green, blue, if they were rounded before the resize."""
        (place, kind), at = found[0], (self.sample.i, self.sample.j)
        view = Way(Window(place.rows, place.columns), kind.but(levels="rounded", between=kind.smooth))
        mix = tinted(view.pixels(self.picture, at), self.sample.wanted)[0].mix
        if not mix.name or mix.name == "colours mixed" or mix.order is not None:
            return tones.NONE
        raw = Tone(mix.words, mix.apply, name=mix.name)
        ways = [
            (refined(self._view(view.kind, tone, tones.NONE), place, self.sample, 0).residual, at, tone)
            for at, tone in enumerate((tones.NONE, tones.rounded(raw), tones.cut(raw)))
        ]
        least = min(ways)
        return least[2] if least[0] < EARLIER * ways[0][0] else tones.NONE

    def _ways(self, place: Place, kind: Kind, before: Tone, after: Tone) -> Iterator[Way]:
        """Windows of whole pixels at a place; else the place itself."""
        far = BLOCKY if kind.kernel is BOX else FINE
        found = list(islice(windows(place, self.known, far), WINDOWS)) or [Window(place.rows, place.columns)]
        yield from (Way(window, kind, before, after) for window in found)

    def _nearest(self, place: Place, before: Tone, after: Tone) -> Iterator[Way]:
        for window in windows(place, self.known, COARSE):
            for kernel in _ONE_PIXEL.get(window.centres, ()):
                yield Way(window, Kind(kernel), before, after)

    def _left_by(self, way: Way) -> float:
        pixels = way.pixels(self.toned(way.before), (self.sample.i, self.sample.j))
        return in_levels(colours(pixels, self.sample.wanted)[1], self.sample.wanted, pixels)

    def _alike(self, ways: Iterable[Way]) -> list[Way]:
        """Those that leave hardly more error than the best of them, in their order."""
        tried = [(self._left_by(way), way) for way in ways]
        least = min(left for left, _ in tried)
        return [way for left, way in tried if left <= ALIKE * least + HARDLY]

    def _varied(self, ways: list[Way]) -> list[Way]:
        """With other roundings, the simplest of the best first; but the recipe's own, where that is as good."""
        best = self._alike(Way(w.window, kind, w.before, w.after) for w in ways[:WINDOWS] for kind in _variants(w.kind))
        least = self._left_by(best[0])
        own = [w for w in best if is_own(w.kind, self.recipe.resize) and self._left_by(w) <= AS_GOOD * least]
        return [*own, *(way for way in best if way not in own)]

    def _whole(self, ways: list[Way]) -> Fitted:
        """The first that makes the whole input; else the nearest."""
        nearest: Fitted | None = None
        for way in ways[:WHOLE]:
            for border in _borders(way):
                fitted = self.fitted(Way(way.window, way.kind.but(border=border), way.before, way.after))
                if nearest is None or fitted.settled.surprise < nearest.settled.surprise:
                    nearest = fitted
                if fitted.settled.reproduces or fitted.settled.left > FAR:
                    break
            assert nearest is not None
            if nearest.settled.reproduces or (nearest.settled.left > FAR and way.kind.kernel not in ONE_PIXEL):
                break
        assert nearest is not None
        return nearest

    def fitted(self, way: Way) -> Fitted:
        """What a way leaves of the whole input; tones and grey before the resize also rounded."""
        settled = self._settled(way)
        if settled.reproduces or settled.left > FAR:
            return Fitted(way, settled)
        if way.before.words:
            for tone in (tones.rounded(way.before), tones.cut(way.before)):
                other = Way(way.window, way.kind, tone, way.after)
                early = self._settled(other)
                if early.reproduces:
                    return Fitted(other, early)
        return Fitted(way, settled)

    def _settled(self, way: Way) -> Settled:
        return settle(way.pixels(self.toned(way.before)), self.part, self.recipe.normalise, self.picture)


_ONE_PIXEL = {CORNER: (FLOOR, NEAREST), HALF: (NEAREST, PILLOW_NEAREST, FLOOR), ALIGNED: (NEAREST,)}


def _is_another(kind: Kind) -> bool:
    """Whether it is the same as another: an area is always wide, a box that is not is the nearest pixel."""
    return (kind.kernel is AREA and kind.smooth) or (kind.kernel is BOX and not kind.smooth)


def _fills(cut: Cut, part: Array) -> bool:
    return (cut.seen.height, cut.seen.width) == part.shape[:2]


def _corners(cut: Cut) -> Iterator[Cut]:
    """The same from the corners of the resized picture."""
    seen = cut.seen
    if (seen.height, seen.width) != (cut.height, cut.width):
        for top in (0, cut.height - seen.height):
            for left in (0, cut.width - seen.width):
                yield cut._replace(seen=seen._replace(top=top, left=left))


def _variants(kind: Kind) -> Iterator[Kind]:
    yield kind
    if kind.kernel in ONE_PIXEL:
        return
    if kind.kernel.reach == 2 and not kind.smooth:
        yield kind.but(positions=1024)
    change = partial(kind.but)
    yield change(levels="rounded", between=True, weights=PILLOW)
    if kind.kernel is BILINEAR and not kind.smooth:
        yield change(levels="quarters", weights=OPENCV)
    for levels in ("rounded", "clipped", "cut", "wrapped"):
        yield change(levels=levels)
    yield change(levels="rounded", between=True, weights=PILLOW, down_first=True)
    yield change(levels="rounded", weights=OPENCV)
    yield (
        change(levels="clipped", positions=1024) if kind.kernel.reach == 2 else change(levels="clipped", weights=OPENCV)
    )


def _borders(way: Way) -> tuple[str, ...]:
    return ("",) if way.kind.kernel in ONE_PIXEL else ("", "none" if not way.kind.smooth else "edge", "reflect")

"""Windows: which rows and columns of a picture a place means, as ports cut and resize them."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from typing import NamedTuple

from refnet.comparison.diagnosis.preparation.resampling import ALIGNED, CORNER, HALF, Along, Axis, Line
from refnet.comparison.diagnosis.preparation.sample import Place
from refnet.errors import ImageError
from refnet.preprocessing.crop import CROPS, Cut
from refnet.preprocessing.recipe import RECIPES, Recipe

CENTRES = (HALF, CORNER, ALIGNED)
SIDES = (224, 232, 240, 256, 260, 272, 288, 292, 299, 300, 320, 331, 342, 380, 384, 456, 480, 512, 528, 600)
FRACTIONS = (0.875, 0.8, 0.85, 0.9, 0.934, 0.95, 0.96, 1.0)


class Window(NamedTuple):
    """Rows and columns of the picture that become the input's; the crop's name, "" for none that is known."""

    rows: Along
    columns: Along
    crop: str = ""

    @property
    def centres(self) -> str:
        """Where outputs lie."""
        return self.rows.centres if isinstance(self.rows, Axis) else ""


def window_of(cut: Cut, centres: str, crop: str = "") -> Window:
    """The part of an input that shows the picture, by a cut."""
    rows = Axis(cut.source.top, cut.source.height, cut.height, cut.seen.top, cut.seen.height, centres)
    columns = Axis(cut.source.left, cut.source.width, cut.width, cut.seen.left, cut.seen.width, centres)
    return Window(rows, columns, crop)


def cuts(recipe: Recipe, picture: tuple[int, int], size: tuple[int, int]) -> Iterator[tuple[str, Cut]]:
    """Crops that ports make, the recipe's own first, with what they cut."""
    short = min(size)
    named = [(recipe.crop, recipe.crop_amount), *((r.crop, r.crop_amount) for r in RECIPES.values())]
    named += [("shorter-side", short), ("padding", 0)]
    named += [(kind, fraction) for kind in ("shorter-fraction", "squash", "fraction") for fraction in FRACTIONS]
    named += [("shorter-side", float(side)) for side in SIDES if side >= short]
    for crop, amount in dict.fromkeys(named):
        with suppress(ImageError):
            yield f"{crop} {amount:g}", CROPS[crop].cut(*picture, *size, amount)


def rectangle(cut: Cut) -> tuple[float, float, float, float]:
    """What of the picture is seen, in its pixels: top, left, bottom, right."""
    tall, wide = cut.source.height / cut.height, cut.source.width / cut.width
    top, left = cut.source.top + cut.seen.top * tall, cut.source.left + cut.seen.left * wide
    return top, left, top + cut.seen.height * tall, left + cut.seen.width * wide


def windows(place: Place, known: list[tuple[str, Cut]], far: float) -> Iterator[Window]:
    """Windows of whole pixels that agree with a place to ``far`` pixels: the known crops, then all others."""
    for name, cut in known:
        for centres in CENTRES:
            window = window_of(cut, centres, name)
            if _agrees(window.rows, place.rows, far) and _agrees(window.columns, place.columns, far):
                yield window
    ways = [_axes(line, far) for line in (place.rows, place.columns)]
    for way in ways[0]:
        for rows in ways[0][way]:
            for columns in ways[1][way]:
                yield Window(rows, columns)


def _agrees(axis: Along, line: Line, far: float) -> bool:
    if axis.outputs != line.outputs:
        return False
    places, found = axis.positions(), line.positions()
    return bool(abs(places[0] - found[0]) < far and abs(places[-1] - found[-1]) < far)


def _axes(line: Line, far: float) -> dict[tuple[str, bool], list[Axis]]:
    """By the centres and by whether it is resized before it is cut: axes that agree with a line."""
    found: dict[tuple[str, bool], list[Axis]] = {}
    for centres in CENTRES:
        short = centres == ALIGNED
        lag = (line.scale - 1) / 2 if centres == HALF else 0.0
        size = round(line.scale * (line.outputs - short)) + short
        start = round(line.origin - lag)
        full = round((line.size - short) / line.scale) + short
        first = round((line.origin - lag) / line.scale)
        near = (0, -1, 1) if far > 0.2 else (0,)
        for cut_first, axes in (
            (True, [Axis(start + s, size + n, line.outputs, 0, line.outputs, centres) for n in near for s in near]),
            (False, [Axis(0, line.size, full + n, first + f, line.outputs, centres) for n in near for f in near]),
        ):
            found[centres, cut_first] = [axis for axis in axes if _is_inside(axis, line) and _agrees(axis, line, far)]
    return found


def _is_inside(axis: Axis, line: Line) -> bool:
    inside = axis.start >= 0 and axis.size >= 1 and axis.start + axis.size <= line.size
    return inside and axis.first >= 0 and axis.first + axis.outputs <= axis.full

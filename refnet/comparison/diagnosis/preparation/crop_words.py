"""Crop words: which part of the picture an input shows, and how that part was resized, beside the recipe."""

from __future__ import annotations

from refnet.comparison.diagnosis.preparation.fit import Fit, Way
from refnet.comparison.diagnosis.preparation.resampling import ALIGNED, Along, Axis
from refnet.comparison.diagnosis.preparation.resize_words import RECIPE_KINDS, differences, known_as, named
from refnet.comparison.diagnosis.preparation.windows import Window, window_of
from refnet.preprocessing.crop import CROPS
from refnet.preprocessing.recipe import Recipe


def wrong_crop(way: Way, fit: Fit, recipe: Recipe) -> dict[str, str]:
    """What is said of the part of the picture."""
    own = f"{recipe.crop} {recipe.crop_amount:g}"
    if way.window.crop == own:
        return {}
    cut = CROPS[recipe.crop].cut(*fit.picture.shape[:2], *fit.wanted.shape[:2], recipe.crop_amount)
    right = window_of(cut, RECIPE_KINDS[recipe.resize][1])
    if way.window.crop:
        return {"crop": f"the crop is '{way.window.crop}' instead of '{own}'"}
    rows, columns = way.window[:2]
    if _is_moved(rows, right.rows) and _is_moved(columns, right.columns):
        down, across = rows.start - right.rows.start, columns.start - right.columns.start
        if isinstance(rows, Axis) and isinstance(right.rows, Axis) and isinstance(columns, Axis) and isinstance(right.columns, Axis):  # fmt: skip
            down, across = (
                (a.start - b.start, a.first - b.first) for a, b in ((rows, right.rows), (columns, right.columns))
            )  # type: ignore[assignment]
            if any((down[0], across[0])):  # type: ignore[index]
                moved = f"{down[0]:+d} rows and {across[0]:+d} columns of the picture"  # type: ignore[index]
            else:
                moved = f"{down[1]:+d} rows and {across[1]:+d} columns of the resized picture"  # type: ignore[index]
            return {"crop": f"the crop is moved by {moved} from where '{own}' cuts"}
    said = f"the crop is {_said(way.window)}, instead of {_said(right)} ('{own}')"
    return {"crop": said}


def _is_moved(axis: Along, right: Along) -> bool:
    alike = isinstance(axis, Axis) and isinstance(right, Axis)
    return alike and (axis.size, axis.full, axis.count) == (right.size, right.full, right.count)  # type: ignore[union-attr]


def _said(window: Window) -> str:
    rows, columns = window[:2]
    if not (isinstance(rows, Axis) and isinstance(columns, Axis)):
        places = (
            f"{name} {line.positions()[0]:.4g} + {line.scale:.5g} {index}"
            for name, line, index in (("row", rows, "y"), ("column", columns, "x"))
        )
        return f"{' and '.join(places)} of the picture at (y, x)"
    parts = (
        f"{noun} {axis.start} to {axis.start + axis.size}" for noun, axis in (("rows", rows), ("columns", columns))
    )
    said = f"{' and '.join(parts)} of the picture, resized to {rows.full} x {columns.full}"
    if (rows.full, columns.full) != (rows.count, columns.count):
        said += f", of which rows {rows.first} to {rows.first + rows.count} and columns {columns.first} to {columns.first + columns.count} are kept"  # fmt: skip
    return said


def wrong_resize(way: Way, fit: Fit, recipe: Recipe) -> dict[str, str]:
    """What is said of the resize."""
    window, kind = way.window, way.kind
    scales = window.rows.scale, window.columns.scale
    outright = all(scale == 1 for scale in scales) and window.centres != ALIGNED
    shrinks = max(scales) > 1
    if outright or named(kind, window.centres, shrinks=shrinks, outright=False) == recipe.resize:
        return {}
    other = named(kind, window.centres, shrinks=shrinks, outright=False) or known_as(kind, window.centres, shrinks=shrinks)
    said = differences(kind, window.centres, recipe.resize, shrinks=shrinks)
    if not said:
        return {}
    if other.startswith(("pil", "tf1")):
        return {"resize": f"the resize is {other} instead of {recipe.resize}"}
    return {"resize": f"the resize is {other + ': ' if other else ''}{', '.join(said)} (of {recipe.resize})"}

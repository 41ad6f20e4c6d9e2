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
    if fit.is_framed and _is_all(way.window, fit.picture.shape):
        return {}
    size = fit.part.shape[0], fit.part.shape[1]
    cut = CROPS[recipe.crop].cut(fit.picture.shape[0], fit.picture.shape[1], *size, recipe.crop_amount)
    right = window_of(cut, RECIPE_KINDS[recipe.resize][1])
    if way.window.crop:
        return {"crop": f"the crop is '{way.window.crop}' instead of '{own}'"}
    down, across = _moved(way.window.rows, right.rows), _moved(way.window.columns, right.columns)
    if down is None or across is None:
        return {"crop": f"the crop is {_said(way.window)}, instead of {_said(right)} ('{own}')"}
    of = "picture" if any((down[0], across[0])) else "resized picture"
    by = [one[0] if of == "picture" else one[1] for one in (down, across)]
    return {"crop": f"the crop is moved by {by[0]:+d} rows and {by[1]:+d} columns of the {of} from where '{own}' cuts"}


def _is_all(window: Window, picture: tuple[int, ...]) -> bool:
    """Whether all of the picture is seen."""
    return all(
        isinstance(axis, Axis) and (axis.start, axis.size, axis.full) == (0, side, axis.outputs)
        for axis, side in zip((window.rows, window.columns), picture, strict=False)
    )


def _moved(axis: Along, right: Along) -> tuple[int, int] | None:
    """By how many pixels of the picture, and of the resized picture; None if it is another window."""
    if not (isinstance(axis, Axis) and isinstance(right, Axis)):
        return None
    if (axis.size, axis.full, axis.outputs) != (right.size, right.full, right.outputs):
        return None
    return axis.start - right.start, axis.first - right.first


def _said(window: Window) -> str:
    rows, columns = window.rows, window.columns
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
    if (rows.full, columns.full) != (rows.outputs, columns.outputs):
        kept = (f"{noun} {a.first} to {a.first + a.outputs}" for noun, a in (("rows", rows), ("columns", columns)))
        said += f", of which {' and '.join(kept)} are kept"
    return said


def wrong_resize(way: Way, fit: Fit, recipe: Recipe) -> dict[str, str]:
    """What is said of the resize."""
    window, kind = way.window, way.kind
    scales = window.rows.scale, window.columns.scale
    outright = all(scale == 1 for scale in scales) and window.centres != ALIGNED
    shrinks = max(scales) > 1
    if outright or named(kind, window.centres, shrinks=shrinks, outright=False) == recipe.resize:
        return {}
    other = named(kind, window.centres, shrinks=shrinks, outright=False) or known_as(
        kind, window.centres, shrinks=shrinks
    )
    said = differences(kind, window.centres, recipe.resize, shrinks=shrinks)
    if not said:
        return {}
    if other.startswith(("pil", "tf1")):
        return {"resize": f"the resize is {other} instead of {recipe.resize}"}
    whose = f" but {other}" if other else ""
    return {"resize": f"the resize is not {recipe.resize}{whose}: {', '.join(said)}"}

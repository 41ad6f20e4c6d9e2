"""Resize words: the kinds that recipes ask for as data, and how another one differs, in words."""

from __future__ import annotations

from refnet.comparison.diagnosis.preparation.kernels import BILINEAR, NEAREST, ONE_PIXEL, keys
from refnet.comparison.diagnosis.preparation.resampling import CORNER, HALF, OPENCV, PILLOW, Kind

_CUBIC, _SHARP = keys(-0.5), keys(-0.75)

#: By the names of ``refnet.preprocessing.resize.RESIZES``: kinds and where their outputs lie.
RECIPE_KINDS: dict[str, tuple[Kind, str]] = {
    "tf1-bicubic": (Kind(_SHARP, positions=1024), CORNER),
    "tf1-bilinear": (Kind(BILINEAR), CORNER),
    "pil-bicubic": (Kind(_CUBIC, smooth=True, between=True, levels="rounded", weights=PILLOW), HALF),
    "pil-bilinear": (Kind(BILINEAR, smooth=True, between=True, levels="rounded", weights=PILLOW), HALF),
    "pil-nearest": (Kind(NEAREST), HALF),
}

LEVELS = {
    "float": "not rounded",
    "clipped": "clipped to 0..255, not rounded",
    "rounded": "rounded to whole levels",
    "quarters": "rounded to whole levels from products that are cut to quarters of a level (OpenCV's integers)",
    "cut": "cut down to whole levels (truncated, not rounded)",
    "wrapped": "cut to 8 bits without clipping (values beyond 0..255 wrap around)",
}


def is_own(kind: Kind, resize: str) -> bool:
    """Whether a kind is that which a recipe asks for."""
    own, _ = RECIPE_KINDS[resize]
    return kind.kernel.name == own.kernel.name and kind.but(kernel=own.kernel) == own


def named(kind: Kind, centres: str, *, shrinks: bool, outright: bool) -> str:
    """The name of a recipe's resize that does the same, or ""; ``outright`` where nothing is resized."""
    for name, (known, places) in RECIPE_KINDS.items():
        if outright or (_essence(known, shrinks) == _essence(kind, shrinks) and places == centres):
            return name
    return ""


def _essence(kind: Kind, shrinks: bool) -> tuple[object, ...]:
    whole = kind.kernel in ONE_PIXEL
    return kind.kernel.name, kind.smooth and shrinks, whole or kind.levels, kind.between, kind.positions


def differences(kind: Kind, centres: str, resize: str, *, shrinks: bool) -> list[str]:
    """What another resize does otherwise than a recipe's."""
    own, places = RECIPE_KINDS[resize]
    said = []
    if kind.kernel.name != own.kernel.name:
        said.append(f"{kind.kernel.name} instead of {own.kernel.name}")
    if centres != places:
        said.append(f"{centres or 'other places'} instead of {places}")
    if kind.kernel in ONE_PIXEL:
        return said
    if shrinks and kind.smooth != own.smooth:
        said.append("with antialiasing (smoothing)" if kind.smooth else "without antialiasing (without smoothing)")
    if kind.levels != own.levels:
        said.append(f"results {LEVELS[kind.levels]}")
    if kind.between != own.between:
        said.append("rounded between the two passes" if kind.between else "not rounded between the two passes")
    if kind.down_first:
        said.append("rows before columns")
    if kind.positions != own.positions and not said:
        steps = kind.positions or own.positions
        said.append(f"positions between pixels {'rounded to' if kind.positions else 'not rounded to'} 1/{steps}")
    if kind.weights == OPENCV and kind.levels != "quarters":
        said.append(f"weights rounded to 1/{kind.weights}, as OpenCV's are")
    if kind.border and not said:
        said.append(f"outside the picture: {kind.border}")
    return said


def known_as(kind: Kind, centres: str, *, shrinks: bool) -> str:
    """Whose function does it so, or ""."""
    name = kind.kernel.name
    if name == "lanczos3" and kind.between and centres == HALF:
        return "pil-lanczos"
    table = {
        ("bilinear", HALF, False, "float"): "bilinear without smoothing, as torch's interpolate and tf.image.resize",
        ("bicubic (a = -0.75)", HALF, False, "float"): "bicubic without smoothing, as torch's interpolate",
        ("bilinear", HALF, True, "float"): "bilinear with antialiasing, not rounded",
        ("bicubic (a = -0.5)", HALF, True, "float"): "bicubic with antialiasing, not rounded",
        ("bilinear", HALF, False, "rounded"): "bilinear without smoothing, rounded, as cv2.INTER_LINEAR",
        ("bilinear", HALF, False, "quarters"): "bilinear without smoothing, in integers, as cv2.INTER_LINEAR",
        ("bicubic (a = -0.75)", HALF, False, "rounded"): "bicubic without smoothing, rounded, as cv2.INTER_CUBIC",
        ("lanczos4", HALF, False, "rounded"): "as cv2.INTER_LANCZOS4",
    }  # fmt: skip
    return table.get((name, centres, kind.smooth and shrinks, kind.levels), "")

"""By hand: what a caller says of a recipe, part by part, in the words that training scripts use."""

from __future__ import annotations

import math
import operator
import re
from collections.abc import Sequence
from dataclasses import dataclass, fields, replace
from typing import Any, cast

from refnet.errors import InputError
from refnet.preprocessing.crop import CROPS
from refnet.preprocessing.normalise import Normalisation, Triple
from refnet.preprocessing.recipe import Recipe
from refnet.preprocessing.resize import RESIZES

Size = int | str | tuple[int, int]

_WORD = re.compile(r"(?P<kind>[a-z][a-z-]*)(?:[ :=,]+(?P<amount>[0-9.]+))?")
_SIZE = re.compile(r"([0-9]{1,9})(?:[x, ]+([0-9]{1,9}))?")
# timm's words for crops: ours, and the amount that timm takes where none is given.
_CROPS_OF_TIMM = {"center": ("shorter-fraction", 0.875), "squash": ("squash", 1.0)}
_WANT_CROP = "want 'center 0.875' or 'squash', as in timm, or one of refnet's own with its amount: "


@dataclass(frozen=True)
class ByHand:
    """Parts of a recipe, and the size of the input; None for what the weights say.

    Attributes
    ----------
    size
        Side of the network's input in pixels, (height, width), or a text such as ``"300x400"``; kept as the pair.
    mean, std
        Three numbers each, red, green, blue, both on one scale: of 0..1, as torchvision and timm have them, or of
        0..255. They belong together.
    crop
        ``"center 0.875"`` or ``"squash"``, as in timm; or a name in ``refnet.preprocessing.crop.CROPS`` and its amount,
        ``"shorter-side 256"``.
    interpolation
        ``"bicubic"``, ``"bilinear"`` or ``"nearest"``, by the software of the recipe; or a name in
        ``refnet.preprocessing.resize.RESIZES``.

    Raises
    ------
    InputError
        If a value makes no sense, or a mean comes without a std.

    Examples
    --------
    >>> from refnet.preprocessing.recipe import RECIPES
    >>> mine = ByHand(size=336, crop="center 0.95", interpolation="bilinear").apply(RECIPES["timm"])
    >>> mine.name, mine.crop, mine.crop_amount, mine.resize
    ('timm-own', 'shorter-fraction', 0.95, 'pil-bilinear')
    """

    size: Size | None = None
    mean: Sequence[float] | None = None
    std: Sequence[float] | None = None
    crop: str | None = None
    interpolation: str | None = None

    def __post_init__(self) -> None:
        if self.size is not None:
            object.__setattr__(self, "size", _pair(self.size))
        for name in ("mean", "std"):
            if getattr(self, name) is not None:
                object.__setattr__(self, name, _triple(name, getattr(self, name)))
        if self.crop is not None:
            _crop(self.crop)
        if self.interpolation is not None:
            _resize(self.interpolation, "pil-nearest")
        _normalisation(self.mean, self.std)

    @property
    def given(self) -> dict[str, Any]:
        """What was said, by name."""
        values = {field.name: getattr(self, field.name) for field in fields(self)}
        return {name: value for name, value in values.items() if value is not None}

    @property
    def sides(self) -> tuple[int, int] | None:
        """Height and width of the input."""
        return cast("tuple[int, int] | None", self.size)

    def apply(self, recipe: Recipe) -> Recipe:
        """Change what was said in a recipe; one that is as it was keeps its name."""
        changed: dict[str, Any] = {}
        if self.crop is not None:
            changed["crop"], changed["crop_amount"] = _crop(self.crop)
        if self.interpolation is not None:
            changed["resize"] = _resize(self.interpolation, recipe.resize)
        normalise = _normalisation(self.mean, self.std)
        if normalise is not None:
            changed["normalise"] = normalise
        made = replace(recipe, **changed)
        return recipe if made == recipe else replace(made, name=own_name(recipe.name))


def own_name(name: str) -> str:
    """Name a recipe that somebody changed.

    Examples
    --------
    >>> own_name("timm"), own_name("timm-own")
    ('timm-own', 'timm-own')
    """
    return name if name.endswith("-own") else f"{name[:60]}-own"


def _pair(size: Any) -> tuple[int, int]:
    if isinstance(size, str):
        match = _SIZE.fullmatch(size.strip())
        if match is None:
            raise InputError(f"size {size!r:.80}: want 336, or HEIGHTxWIDTH as in 300x400")
        size = (int(match[1]), int(match[2] or match[1]))
    try:
        height, width = (operator.index(side) for side in (size if isinstance(size, tuple | list) else (size, size)))
    except (TypeError, ValueError):
        raise InputError(f"size {size!r:.80}: want a whole number of pixels, or (height, width)") from None
    if isinstance(size, bool) or min(height, width) < 1:
        raise InputError(f"size {size!r:.80}: want at least one pixel a side")
    return height, width


def _triple(name: str, numbers: Any) -> Triple:
    try:
        triple = tuple(float(number) for number in numbers)
    except (TypeError, ValueError):
        triple = ()
    if isinstance(numbers, str) or len(triple) != 3 or not all(map(math.isfinite, triple)):
        raise InputError(f"{name} {str(numbers)[:80]}: want three numbers: red, green, blue")
    if name == "std" and min(triple) <= 0:
        raise InputError(f"std {str(numbers)[:80]}: want numbers above 0, as pixels are divided by them")
    return triple


def _normalisation(mean: Any, std: Any) -> Normalisation | None:
    """Subtract the mean, divide by the deviation; of pixels from 0 to 1, or from 0 to 255, as the numbers show."""
    if mean is None and std is None:
        return None
    if mean is None or std is None:
        raise InputError(f"{'std' if mean is None else 'mean'} alone: want both, mean and std, on one scale")
    most, widest = max(map(abs, mean)), max(std)
    operations: Normalisation = (("subtract", mean), ("divide", std))
    if most <= 1 and widest <= 1:
        return (("divide", (255.0, 255.0, 255.0)), *operations)
    if (most > 1 or most == 0) and (min(std) >= 1):
        return operations
    raise InputError(
        f"mean {_numbers(mean)} and std {_numbers(std)} are of two scales; want both for pixels from 0 to 1, such as "
        "mean 0.5 0.5 0.5 and std 0.5 0.5 0.5, or both for pixels from 0 to 255, such as 127 127 127 and 128 128 128"
    )


def _numbers(triple: Triple) -> str:
    return " ".join(f"{number:g}" for number in triple)


def _crop(text: Any) -> tuple[str, float]:
    """A kind of crop in our words, and its amount."""
    own = ", ".join(f"{name} N" for name in CROPS if name != "none") + ", none"
    match = _WORD.fullmatch(text.strip().replace("centre", "center")) if isinstance(text, str) else None
    kind = match["kind"] if match else None
    if match is None or kind is None or kind not in {*CROPS, *_CROPS_OF_TIMM}:
        raise InputError(f"unknown crop {text!r:.80}; {_WANT_CROP}{own}")
    name, amount = _CROPS_OF_TIMM.get(kind, (kind, None))
    if match["amount"] is not None:
        amount = _number(match["amount"], text)
    elif name == "none":
        amount = 0.0
    elif amount is None:
        raise InputError(f"crop {text!r:.80} wants an amount behind it, from {CROPS[name].smallest:g} to "
                         f"{CROPS[name].largest:g}")  # fmt: skip
    Recipe("own", name, amount, "pil-nearest", ())  # which knows the amounts that make sense
    return ("none", 0.0) if (name, amount) == ("squash", 1.0) else (name, amount)


def _number(text: str, whole: str) -> float:
    try:
        return float(text)
    except ValueError:
        raise InputError(f"crop {whole!r:.80}: {text} is no number") from None


def _resize(interpolation: Any, of: str) -> str:
    """The resize of that name by the software of another one."""
    if isinstance(interpolation, str) and interpolation in RESIZES:
        return interpolation
    software = of.partition("-")[0]
    name = f"{software}-{interpolation}"
    if isinstance(interpolation, str) and name in RESIZES:
        return name
    known = [resize.partition("-")[2] for resize in RESIZES if resize.startswith(f"{software}-")]
    raise InputError(
        f"unknown interpolation {interpolation!r:.80}; want {', '.join(known)} as in the recipe's software, "
        f"or one of {', '.join(RESIZES)}"
    )


NOTHING = ByHand()

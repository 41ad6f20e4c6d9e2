"""Recipe: how a picture becomes the input that weights were trained on, as data that travels with them."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable
from dataclasses import asdict, dataclass, fields
from typing import Any

from refnet.errors import InputError, WeightsError
from refnet.resize import CROPS, RESIZES

MAX_JSON = 4096  # characters; a recipe needs about 200


@dataclass(frozen=True)
class Recipe:
    """Crop, resize, then ``(x - mean) / std`` per channel; the size comes from the network when it runs.

    Attributes
    ----------
    name
        What people call it: lower-case letters, digits, ``.``, ``_``, ``-``.
    crop
        A name in ``refnet.resize.CROPS``.
    crop_amount
        The one number that kind of crop takes: pixels for ``padding``.
    resize
        A name in ``refnet.resize.RESIZES``.
    mean, std
        Per channel, red, green, blue, in units of 0..255.

    Raises
    ------
    InputError
        If a value has the wrong type, is unknown or makes no sense.

    Examples
    --------
    >>> LITE.mean, LITE.std
    ((127.0, 127.0, 127.0), (128.0, 128.0, 128.0))
    """

    name: str
    crop: str
    crop_amount: float
    resize: str
    mean: tuple[float, float, float]
    std: tuple[float, float, float]

    def __post_init__(self) -> None:
        if not (isinstance(self.name, str) and re.fullmatch(r"[a-z0-9][a-z0-9._-]{0,63}", self.name)):
            raise InputError(f"recipe name {self.name!r}: want 1 to 64 of a-z, 0-9, '.', '_', '-'")
        _check_known("crop", self.crop, CROPS)
        _check_known("resize", self.resize, RESIZES)
        _check_number("crop_amount", self.crop_amount, 0, CROPS[self.crop].largest)
        # A deviation below 1 can only be meant for pixels of 0..1.
        for label, values, lowest in (("mean", self.mean, 0), ("std", self.std, 1)):
            if not (isinstance(values, tuple) and len(values) == 3):
                raise InputError(f"recipe {label}={values!r}: want three numbers, one per channel")
            for value in values:
                _check_number(label, value, lowest, 255)

    def to_json(self) -> str:
        """Write the recipe as one line of JSON, the same text for the same recipe.

        Examples
        --------
        >>> LITE.to_json()[:60]
        '{"crop": "padding", "crop_amount": 32.0, "mean": [127.0, 127'
        """
        numbers = {
            "crop_amount": float(self.crop_amount),
            "mean": [float(v) for v in self.mean],
            "std": [float(v) for v in self.std],
        }
        return json.dumps(asdict(self) | numbers, sort_keys=True)

    @classmethod
    def from_json(cls, text: str) -> Recipe:
        """Read what `to_json` wrote, trusting nothing.

        Raises
        ------
        WeightsError
            If the text is not JSON, or has unknown, missing, repeated or senseless fields.

        Examples
        --------
        >>> Recipe.from_json(LITE.to_json()) == LITE
        True
        """
        values = _parse(text)
        known = {field.name for field in fields(cls)}
        if values.keys() != known:
            raise WeightsError(
                f"image recipe: unknown fields {sorted(values.keys() - known)}, "
                f"missing fields {sorted(known - values.keys())}"
            )
        try:
            return cls(**values)
        except InputError as error:
            raise WeightsError(f"image recipe: {error}") from None


def _parse(text: object) -> dict[str, Any]:
    """JSON text -> its fields, each at most once."""
    if not (isinstance(text, str) and len(text) <= MAX_JSON):
        raise WeightsError(f"image recipe: want JSON text of at most {MAX_JSON} characters")
    try:
        values = json.loads(text, object_pairs_hook=_fields_once)
    except (ValueError, RecursionError) as error:
        raise WeightsError(f"image recipe: not valid JSON: {error}") from None
    if not isinstance(values, dict):
        raise WeightsError(f"image recipe: want a JSON object, found {type(values).__name__}")
    return values


def _fields_once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    values = {name: tuple(value) if isinstance(value, list) else value for name, value in pairs}
    if len(values) != len(pairs):
        raise ValueError("a field occurs twice")
    return values


def _check_known(label: str, value: object, known: Iterable[str]) -> None:
    if not (isinstance(value, str) and value in known):
        raise InputError(f"unknown {label} {value!r} in a recipe; one of {', '.join(known)}")


def _check_number(label: str, value: object, lowest: float, highest: float) -> None:
    if not (isinstance(value, int | float) and not isinstance(value, bool) and lowest <= value <= highest):
        raise InputError(f"recipe {label}: {value!r}; want a number from {lowest:g} to {highest:g}")


# EfficientNet-Lite.
# tensorflow/tpu, models/official/efficientnet/lite/efficientnet_lite_builder.py.
LITE = Recipe(
    name="lite",
    crop="padding",
    crop_amount=32.0,
    resize="tf1-bicubic",
    mean=(127.0, 127.0, 127.0),
    std=(128.0, 128.0, 128.0),
)

# EfficientNet B0 to B8 and L2: mean and deviation of ImageNet.
# tensorflow/tpu, models/official/efficientnet/efficientnet_builder.py.
TENSORFLOW = Recipe(
    name="tensorflow",
    crop="padding",
    crop_amount=32.0,
    resize="tf1-bicubic",
    mean=(123.675, 116.28, 103.53),
    std=(58.395, 57.12, 57.375),
)

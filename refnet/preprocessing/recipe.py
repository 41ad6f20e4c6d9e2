"""Recipe: how a picture becomes the input that weights were trained on, as data that travels with them."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, fields
from typing import Any

from refnet.errors import InputError, WeightsError
from refnet.files import strict_json
from refnet.preprocessing.crop import CROPS
from refnet.preprocessing.loaders import Loader
from refnet.preprocessing.normalise import NORMALISATIONS, Normalisation, check_operations
from refnet.preprocessing.resize import RESIZES

MAX_JSON = 4096  # characters; a recipe needs about 300


@dataclass(frozen=True)
class Recipe:
    """Crop, resize, normalise; the size comes from the network when it runs.

    Attributes
    ----------
    name
        What people call it: lower-case letters, digits, ``.``, ``_``, ``-``.
    crop
        A name in ``refnet.preprocessing.crop.CROPS``.
    crop_amount
        The one number that kind of crop takes: pixels, a fraction, or 0 for ``none``.
    resize
        A name in ``refnet.preprocessing.resize.RESIZES``.
    normalise
        Operations in their order, each a name in ``refnet.preprocessing.normalise.OPERATIONS`` and three numbers: red,
        green, blue. The pixels they begin with are float32 of 0..255.

    Raises
    ------
    InputError
        If a value has the wrong type, is unknown or makes no sense.

    Examples
    --------
    >>> LITE.normalise
    (('subtract', (127.0, 127.0, 127.0)), ('divide', (128.0, 128.0, 128.0)))
    """

    name: str
    crop: str
    crop_amount: float
    resize: str
    normalise: Normalisation

    def __post_init__(self) -> None:
        if not (isinstance(self.name, str) and re.fullmatch(r"[a-z0-9][a-z0-9._-]{0,63}", self.name)):
            raise InputError(f"recipe name {self.name!r}: want 1 to 64 of a-z, 0-9, '.', '_', '-'")
        _check_known("crop", self.crop, CROPS)
        _check_known("resize", self.resize, RESIZES)
        crop = CROPS[self.crop]
        _check_number("crop_amount", self.crop_amount, crop.smallest, crop.largest)
        if crop.whole and self.crop_amount != int(self.crop_amount):
            raise InputError(f"recipe crop_amount: {self.crop_amount!r}; want a whole number of pixels")
        check_operations(self.normalise)

    @property
    def loader(self) -> Loader:
        """Whose software reads pictures where it was published: that which also resizes them.

        Examples
        --------
        >>> LITE.loader, RECIPES["timm"].loader
        ('tensorflow', 'pillow')
        """
        return "tensorflow" if self.resize.startswith("tf") else "pillow"

    def to_json(self) -> str:
        """Write the recipe as one line of JSON, the same text for the same recipe.

        Examples
        --------
        >>> LITE.to_json()[:60]
        '{"crop": "padding", "crop_amount": 32.0, "name": "lite", "no'
        """
        floats = {
            "crop_amount": float(self.crop_amount),
            "normalise": [(name, [float(number) for number in numbers]) for name, numbers in self.normalise],
        }
        return json.dumps(asdict(self) | floats, sort_keys=True)

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
        if not (isinstance(text, str) and len(text) <= MAX_JSON):
            raise WeightsError(f"image recipe: want JSON text of at most {MAX_JSON} characters")
        try:
            values = strict_json.read(text, strict_json.OBJECT)
        except ValueError as error:
            raise WeightsError(f"image recipe: not valid JSON: {error}") from None
        return cls.from_fields(values)

    @classmethod
    def from_fields(cls, values: Mapping[str, Any]) -> Recipe:
        """Make a recipe of the fields that JSON has of one, trusting nothing; errors are those of ``from_json``.

        Examples
        --------
        >>> Recipe.from_fields(json.loads(LITE.to_json())) == LITE
        True
        """
        known = {field.name for field in fields(cls)}
        if values.keys() != known:
            raise WeightsError(
                f"image recipe: unknown fields {sorted(values.keys() - known)}, "
                f"missing fields {sorted(known - values.keys())}"
            )
        try:
            return cls(**{name: _tuples(value) for name, value in values.items()})
        except InputError as error:
            raise WeightsError(f"image recipe: {error}") from None


def _tuples(value: Any) -> Any:
    return tuple(map(_tuples, value)) if isinstance(value, list) else value


def _check_known(label: str, value: object, known: Iterable[str]) -> None:
    if not (isinstance(value, str) and value in known):
        raise InputError(f"unknown {label} {value!r} in a recipe; one of {', '.join(known)}")


def _check_number(label: str, value: object, lowest: float, highest: float) -> None:
    if not (isinstance(value, int | float) and not isinstance(value, bool) and lowest <= value <= highest):
        raise InputError(f"recipe {label}: {value!r}; want a number from {lowest:g} to {highest:g}")


def _named(name: str, crop: str, crop_amount: float, resize: str, normalisation: str) -> Recipe:
    return Recipe(name, crop, crop_amount, resize, NORMALISATIONS[normalisation])


# Evaluation of the official models: EfficientNet B0 to B8 and L2, and Lite.
# tensorflow/tpu, models/official/efficientnet/preprocessing.py.
TENSORFLOW = _named("tf", "padding", 32.0, "tf1-bicubic", "tf-imagenet")
LITE = _named("lite", "padding", 32.0, "tf1-bicubic", "tf-lite")

# What a person can ask for by name, whatever the weights say.
RECIPES: dict[str, Recipe] = {
    recipe.name: recipe
    for recipe in (
        TENSORFLOW,
        _named("tf-2021", "fraction", 0.875, "tf1-bicubic", "tf-imagenet"),
        _named("tf-advprop", "padding", 32.0, "tf1-bicubic", "tf-advprop"),
        LITE,
        # main.py of tensorflow/tpu; its eval_ckpt_main.py has no other resize than bicubic.
        _named("lite-bilinear", "padding", 32.0, "tf1-bilinear", "tf-lite"),
        # Of most models; weights of some say another fraction or normalisation.
        _named("timm", "shorter-fraction", 0.875, "pil-bicubic", "torch-imagenet"),
        _named("timm-half", "shorter-fraction", 0.875, "pil-bicubic", "torch-half"),
        _named("torchvision", "shorter-side", 256.0, "pil-bicubic", "torch-imagenet"),
        _named("lukemelas", "shorter-fraction", 1.0, "pil-bicubic", "torch-imagenet"),
        _named("lukemelas-advprop", "shorter-fraction", 1.0, "pil-bicubic", "torch-advprop"),
        # keras.utils.load_img(file, target_size=...), which picks the nearest pixel unless told otherwise.
        _named("keras", "none", 0.0, "pil-nearest", "keras-imagenet"),
    )
}

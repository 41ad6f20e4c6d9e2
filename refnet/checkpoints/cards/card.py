"""Card: what a configuration says of a network and of its pictures, in our terms."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from refnet.architecture.padding import Padding
from refnet.architecture.top import Output, Pooling
from refnet.architecture.variants import Architecture
from refnet.errors import CheckpointError
from refnet.preprocessing.normalise import LARGEST, Normalisation, to_float32
from refnet.preprocessing.recipe import Recipe
from refnet.weights.labels import Labels


@dataclass(frozen=True)
class Pictures:
    """How pictures are made; None where nothing is said of it.

    Attributes
    ----------
    size
        Side of the input in pixels.
    crop
        A name in ``refnet.preprocessing.crop.CROPS`` and its number.
    resize
        A name in ``refnet.preprocessing.resize.RESIZES``.
    normalise
        Operations on pixels.
    """

    size: int | None = None
    crop: tuple[str, float] | None = None
    resize: str | None = None
    normalise: Normalisation | None = None

    def apply(self, recipe: Recipe) -> Recipe:
        """Put what is said in place of what the publisher does; under another name if that is something else.

        Examples
        --------
        >>> from refnet.preprocessing.recipe import RECIPES
        >>> Pictures(crop=("shorter-fraction", 0.9)).apply(RECIPES["timm"]).name
        'timm-own'
        >>> Pictures(resize="pil-bicubic").apply(RECIPES["timm"]).name
        'timm'
        """
        crop, amount = self.crop or (recipe.crop, recipe.crop_amount)
        normalise = recipe.normalise
        if self.normalise is not None and to_float32(self.normalise) != to_float32(normalise):
            normalise = self.normalise
        made = replace(recipe, crop=crop, crop_amount=amount, resize=self.resize or recipe.resize, normalise=normalise)
        return recipe if made == recipe else replace(made, name=f"{recipe.name}-own")


NO_PICTURES = Pictures()


@dataclass(frozen=True)
class Card:
    """What a configuration says; None where it says nothing.

    Attributes
    ----------
    source
        What says it: ``config.json``.
    publisher
        Whose names and rules the network has.
    model
        Its variant.
    architecture
        The whole network without its top, where its coefficients are said.
    padding, bn_eps
        Its rule of padding, and what its batch norms add to the variance.
    channels
        Of its pictures.
    pooling, output
        Of its top.
    pictures
        How pictures are made for it.
    labels
        What its classes are called.
    hint
        The publisher, by the name that a training gives the network; only if its tensors have that publisher's names.
    told
        What was found and done, in words.
    """

    source: str
    publisher: str | None = None
    model: str | None = None
    architecture: Architecture | None = None
    padding: Padding | None = None
    bn_eps: float | None = None
    channels: int | None = None
    pooling: Pooling | None = None
    output: Output | None = None
    pictures: Pictures = NO_PICTURES
    labels: Labels | None = None
    hint: str | None = None
    told: tuple[str, ...] = ()

    @property
    def in_words(self) -> tuple[str, ...]:
        """What it decides, and what there is to tell, a line each.

        Examples
        --------
        >>> Card("args", publisher="timm", pooling="max").in_words
        ('args says: publisher timm, pooling max',)
        """
        facts = {
            "publisher": self.publisher,
            "padding": self.padding,
            "epsilon": self.bn_eps,
            "pooling": self.pooling,
            "output": self.output,
            "size": self.pictures.size,
            "crop": self.pictures.crop and f"{self.pictures.crop[0]} {self.pictures.crop[1]:g}",
            "resize": self.pictures.resize,
        }
        said = ", ".join(f"{name} {value}" for name, value in facts.items() if value is not None)
        return ((f"{self.source} says: {said}",) if self.source and said else ()) + self.told


NO_CARD = Card("")
_LARGEST = 1e15

# What transformers calls the tasks of a classifier.
OUTPUTS: dict[str, Output] = {
    "single_label_classification": "softmax",
    "multi_label_classification": "sigmoid",
    "regression": "none",
}


class Facts:
    """A configuration whose entries are taken one by one: wrong ones are refused by their name."""

    def __init__(self, source: str, values: Mapping[str, Any]) -> None:
        self.source, self.values = source, values

    def get(self, name: str, kind: type | tuple[type, ...], default: Any = None) -> Any:
        """Take an entry of a kind; what is missing or null is the default."""
        value = self.values.get(name)
        if value is None:
            return default
        if not isinstance(value, kind) or (isinstance(value, bool) and kind is not bool):
            raise self.wrong(name, "not what it should be")
        if isinstance(value, int | float) and not abs(value) < _LARGEST:  # nor NaN
            raise self.wrong(name, "not a number of use")
        return value

    def triple(self, name: str, default: Any = None) -> tuple[float, float, float] | None:
        """Take three numbers; one number, alone or in a list, stands for three."""
        value = self.values.get(name)
        value = default if value is None else value
        if value is None:
            return None
        numbers = list(value) if isinstance(value, list | tuple) else [value]
        numbers = numbers * 3 if len(numbers) == 1 else numbers
        if len(numbers) != 3 or not all(type(number) in (int, float) for number in numbers):
            raise self.wrong(name, "not three numbers")
        if not all(abs(number) < LARGEST for number in numbers):  # nor NaN
            raise self.wrong(name, "not three numbers of use")
        red, green, blue = map(float, numbers)
        return red, green, blue

    def wrong(self, name: str, why: str) -> CheckpointError:
        """Make the error of an entry."""
        return CheckpointError(f"{self.source}: {name} is {self.values.get(name)!r:.80}: {why}")


def square(facts: Facts, name: str, value: Any) -> int | None:
    """Side of a square picture from one number, two, or three with the channels first."""
    if value is None:
        return None
    sides = list(value) if isinstance(value, list | tuple) else [value]
    if isinstance(value, Mapping):
        sides = [value.get("height"), value.get("width")]
    sides = sides[-2:]
    if not all(type(side) is int and side > 0 for side in sides) or len(set(sides)) != 1:
        raise facts.wrong(name, "refnet's own input is square; make pictures of that size yourself")
    return int(sides[0])

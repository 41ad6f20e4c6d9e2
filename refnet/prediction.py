"""Predictions: from probabilities to what a person reads, and what can be asked for."""

from __future__ import annotations

from typing import NamedTuple

from refnet.architecture import names
from refnet.architecture.variants import Architecture
from refnet.arrays import Array
from refnet.checks import whole_number
from refnet.errors import InputError
from refnet.preprocessing.recipe import Recipe
from refnet.reference import ops
from refnet.weights.labels import Labels

NO_CLASSIFIER = (
    ": these weights have no classifier; `features` gives what they end with, the pooled features; "
    "for classes convert a file that has a classifier"
)


class Prediction(NamedTuple):
    """One class that a network saw in a picture.

    Attributes
    ----------
    index
        Its place among the logits.
    wnid, label
        Its WordNet id and text; empty where the weights carry no labels.
    probability
        From the softmax over all classes.
    """

    index: int  # type: ignore[assignment]  # hides tuple.index, which nobody needs here
    wnid: str
    label: str
    probability: float


def predictions(probabilities: Array, top: int, labels: Labels | None) -> list[Prediction]:
    """Name the ``top`` most probable classes of one picture, most probable first: probabilities dtype[classes].

    Examples
    --------
    >>> import numpy as np
    >>> predictions(np.array([0.25, 0.75]), 1, None)
    [Prediction(index=1, wnid='', label='', probability=0.75)]
    """
    found = []
    for index in ops.top_k(probabilities, top):
        wnid, text = ("", "") if labels is None else (labels[int(index)].wnid, labels[int(index)].text)
        found.append(Prediction(int(index), wnid, text, float(probabilities[index])))
    return found


def ranks(top: int, architecture: Architecture) -> int:
    """Check how many classes are asked for.

    Raises
    ------
    InputError
        If the network has no classifier, or fewer classes.
    """
    if not architecture.classes:
        raise InputError(f"{architecture.name} has no step {names.PROBABILITIES!r}{NO_CLASSIFIER}")
    return whole_number("top", top, architecture.classes)


def forced(recipe: Recipe, architecture: Architecture) -> Recipe:
    """Refuse a recipe that would leave a black border around every picture.

    Raises
    ------
    InputError
        If it makes pictures smaller than the network's input.
    """
    side = architecture.resolution
    if recipe.crop == "shorter-side" and recipe.crop_amount < side:
        raise InputError(
            f"recipe {recipe.name} makes the shorter side {recipe.crop_amount:g} pixels long, fewer than the network's "
            f"{side}; name that of a published model, such as {architecture.name}@torchvision"
        )
    return recipe

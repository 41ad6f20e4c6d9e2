"""Predictions: from probabilities to what a person reads."""

from __future__ import annotations

from typing import NamedTuple

from refnet.arrays import Array
from refnet.reference import ops
from refnet.weights.labels import Labels


class Prediction(NamedTuple):
    """One class that a network saw in a picture.

    Attributes
    ----------
    index
        Its place among the logits, from 0.
    wnid, label
        Its WordNet id and text; empty where the weights carry no labels.
    probability
        From 0 to 1, from the softmax over all classes.

    Examples
    --------
    >>> import refnet
    >>> [best] = refnet.predict("refnet/data/chelsea.png", top=1)
    >>> best.index, best.wnid, best.label, round(best.probability, 2)
    (282, 'n02123159', 'tiger cat', 0.41)
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

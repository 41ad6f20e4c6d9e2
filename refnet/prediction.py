"""Predictions: from a network's answer to what a person reads."""

from __future__ import annotations

from typing import NamedTuple

from refnet.architecture.top import Meaning
from refnet.arrays import Array
from refnet.errors import InputError
from refnet.reference import ops
from refnet.weights.labels import Labels


class Prediction(NamedTuple):
    """One class that a network saw in a picture, or one number of its answer.

    Attributes
    ----------
    index
        Its place among the logits, from 0.
    wnid, label
        Its WordNet id and text; empty where the weights carry no labels.
    value
        The network's number for it.
    meaning
        What the number is: ``probability`` (from the softmax over all classes), ``score`` (from 0 to 1, each class by
        itself), ``log_probability``, or ``value`` (a number, as of a regression).

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
    value: float
    meaning: str = "probability"

    @property
    def probability(self) -> float:
        """The number, if it is a probability or a score from 0 to 1.

        Raises
        ------
        InputError
            If it is none: read ``value``.
        """
        if self.meaning not in ("probability", "score"):
            raise InputError(f"the network's answer is a {self.meaning}, no probability; read the field value")
        return self.value

    def fields(self) -> dict[str, int | str | float]:
        """All of it by name, the number under the name of what it is: for JSON.

        Examples
        --------
        >>> Prediction(0, "", "cat", 37.5, "value").fields()
        {'index': 0, 'wnid': '', 'label': 'cat', 'value': 37.5}
        """
        return {"index": self.index, "wnid": self.wnid, "label": self.label, self.meaning: self.value}


def predictions(answer: Array, top: int, labels: Labels | None, meaning: Meaning) -> list[Prediction]:
    """Name the ``top`` largest numbers of one picture's answer, dtype[classes], largest first; values in their order.

    Examples
    --------
    >>> import numpy as np
    >>> predictions(np.array([0.25, 0.75]), 1, None, "probability")
    [Prediction(index=1, wnid='', label='', value=0.75, meaning='probability')]
    """
    found = []
    for index in range(top) if meaning == "value" else ops.top_k(answer, top).tolist():
        wnid, text = ("", "") if labels is None else (labels[index].wnid, labels[index].text)
        found.append(Prediction(index, wnid, text, float(answer[index]), meaning))
    return found

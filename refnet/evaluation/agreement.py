"""Agreement: how often two say the same of a picture, whether right or wrong."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from refnet.errors import InputError
from refnet.evaluation.answer_file import OtherAnswers
from refnet.evaluation.answers import Answers
from refnet.evaluation.evaluation import Evaluation
from refnet.evaluation.matching import By
from refnet.evaluation.metrics import Share
from refnet.network import Network


class Difference(NamedTuple):
    """A picture of which two say different things: the classes as numbers of the first one's outputs."""

    file: str
    ours: int
    our_value: float
    theirs: int
    their_value: float


@dataclass(frozen=True)
class Agreement:
    """Two beside each other.

    Attributes
    ----------
    first, second
        What they are called.
    same
        How often they give the same class, of the pictures of which both say something.
    only_first, only_second
        How often one of them alone is right.
    differences
        Every picture where they differ, in the data set's order.
    apart
        Largest distance between the two numbers of the same class; NaN if one has none.
    not_in_first, not_in_second
        Pictures of which only the other says something.
    """

    first: str
    second: str
    same: Share
    only_first: int
    only_second: int
    differences: tuple[Difference, ...] = ()
    apart: float = math.nan
    not_in_first: tuple[str, ...] = ()
    not_in_second: tuple[str, ...] = ()


def with_answers(ours: Evaluation, network: Network, other: OtherAnswers, by: By | None = None) -> Agreement:
    """Compare a network's answers with what a file says of the same pictures.

    Examples
    --------
    >>> import refnet
    >>> from refnet.evaluation import DataSet, OtherAnswers, evaluate
    >>> data = DataSet("cats", ("refnet/data/chelsea.png",), ("n02123159",), ("n02123159",), "names of files")
    >>> network = refnet.load("lite0")
    >>> theirs = OtherAnswers("theirs.csv", {"chelsea.png": [("n02123159", 0.40625)]})
    >>> with_answers(evaluate(network, data), network, theirs).same
    Share(right=1, of=1)
    """
    theirs = other.answers(ours.data, network, by)
    matched = set(other.match(ours.data.files).values())
    found = _compare(ours, theirs, other.name)
    beyond = tuple(file for file in other.of if file not in matched)
    return Agreement(
        found.first,
        found.second,
        found.same,
        found.only_first,
        found.only_second,
        found.differences,
        found.apart,
        found.not_in_first + beyond,
        found.not_in_second,
    )


def between(first: Evaluation, second: Evaluation) -> Agreement:
    """Compare two evaluations of one data set; classes are the same if their ids are, else if their numbers are."""
    if first.data.files != second.data.files:
        raise InputError(f"{first.data.name} and {second.data.name} are not the same pictures")
    return _compare(first, _translated(second, first), second.model)


def _translated(these: Evaluation, to: Evaluation) -> Answers:
    """Answers with the classes as numbers of another model's outputs; a class that it lacks as one beyond them."""
    ours, theirs = these.truth.labels, to.truth.labels
    if ours is None or theirs is None or ours.wnids == theirs.wnids:
        return these.answers
    places = {wnid: index for index, wnid in enumerate(theirs.wnids)}
    table = [places.get(wnid, to.classes + index) for index, wnid in enumerate(ours.wnids)]
    classes = np.array([*table, -1], np.int32)[these.answers.classes]  # -1, nobody, stays the last
    return Answers(classes, these.answers.values, these.answers.failed)


def _compare(ours: Evaluation, theirs: Answers, name: str) -> Agreement:
    a, b, truth, files = ours.answers, theirs, ours.truth.classes, ours.data.files
    both = a.answered & b.answered
    same = both & (a.best == b.best)
    right_a, right_b = both & (a.best == truth), both & (b.best == truth)
    gaps = np.abs(a.values[same, 0] - b.values[same, 0])
    return Agreement(
        ours.model,
        name,
        Share(int(same.sum()), int(both.sum())),
        int((right_a & ~right_b).sum()),
        int((right_b & ~right_a).sum()),
        tuple(
            Difference(files[i], int(a.best[i]), float(a.values[i, 0]), int(b.best[i]), float(b.values[i, 0]))
            for i in np.flatnonzero(both & ~same).tolist()
        ),
        float(gaps.max()) if gaps.size else math.nan,
        tuple(files[i] for i in np.flatnonzero(b.answered & ~a.answered).tolist()),
        tuple(files[i] for i in np.flatnonzero(a.answered & ~b.answered).tolist()),
    )

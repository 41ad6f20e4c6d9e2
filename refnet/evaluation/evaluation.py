"""An evaluation: one model's answers beside the truth, and all that follows from the two."""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import numpy.typing as npt

from refnet.evaluation import metrics
from refnet.evaluation.answers import NOBODY, Answers
from refnet.evaluation.calibration import Bin, expected_error, reliability
from refnet.evaluation.data_set import DataSet
from refnet.evaluation.matching import Truth
from refnet.evaluation.metrics import DEPTH, ClassScore, Confusion, Share
from refnet.evaluation.published import Published, is_validation, verdict

SEVERAL = 3  # classes that must be taken for their neighbours before that is no chance


@dataclass(frozen=True, eq=False)
class Evaluation:
    """One model on one data set.

    Attributes
    ----------
    model, recipe
        Names of the two.
    data, truth
        The pictures, and the right class of each.
    answers
        What the model said.
    classes
        How many outputs it has.
    meaning
        What the numbers of its answers are, as in ``refnet.Prediction``.
    published
        What its publisher says of it, if that is known.
    pictures_per_second
        Of the pictures that were run now; NaN where none was.
    notes
        How many pictures the publisher's own software would have read otherwise, and in what.

    Examples
    --------
    >>> import refnet
    >>> from refnet.evaluation import evaluate
    >>> data = DataSet("cats", ("refnet/data/chelsea.png",), ("n02123159",), ("n02123159",), "names of files")
    >>> found = evaluate(refnet.load("lite0"), data)
    >>> found.top1, found.top5, round(found.ece, 3)
    (Share(right=1, of=1), Share(right=1, of=1), 0.586)
    """

    model: str
    recipe: str
    data: DataSet
    truth: Truth
    answers: Answers
    classes: int
    meaning: str = "probability"
    published: Published | None = None
    pictures_per_second: float = math.nan
    notes: tuple[str, ...] = ()

    @cached_property
    def top1(self) -> Share:
        """How many pictures got the right answer, of those that got one."""
        return metrics.top(self.truth.classes, self.answers)

    @cached_property
    def top5(self) -> Share | None:
        """For how many the right class is among the five most probable ones; None where that says nothing."""
        if self.classes <= DEPTH or self.answers.depth < DEPTH:
            return None
        return metrics.top(self.truth.classes, self.answers, DEPTH)

    @cached_property
    def right(self) -> npt.NDArray[np.bool_]:
        """bool[N]: whether the answer is right."""
        return metrics.right_at(self.truth.classes, self.answers)

    @cached_property
    def by_class(self) -> list[ClassScore]:
        """Every class of which there are pictures, first those that are bad beyond doubt."""
        return metrics.by_class(self.truth.classes, self.answers, self.classes)

    @cached_property
    def confusions(self) -> list[Confusion]:
        """Pairs of classes that are taken for each other, those that cost most first."""
        return metrics.confusions(self.truth.classes, self.answers)

    def mistakes(self, most: int) -> list[int]:
        """Places of the wrong answers that are surest, surest first."""
        return metrics.most_confident_mistakes(self.truth.classes, self.answers, most)

    @cached_property
    def calibration(self) -> tuple[Bin, ...]:
        """Answers by how sure they are; empty where their numbers are no probabilities."""
        known = self.answers.answered
        sure = self.answers.values[known, 0]
        if self.meaning == "log_probability":
            sure = np.array([math.exp(value) for value in sure])
        elif self.meaning not in ("probability", "score"):
            return ()
        if not known.any() or not ((sure >= 0) & (sure <= 1.001)).all():  # NaN is neither
            return ()
        return reliability(np.minimum(sure, 1), self.right[known])

    @cached_property
    def ece(self) -> float:
        """Expected calibration error; NaN where there is no calibration."""
        return expected_error(self.calibration)

    @cached_property
    def hint(self) -> str:
        """What looks like classes that are counted otherwise on one side; nothing where it does not."""
        known = self.answers.answered
        if self.top1.right or len(set(self.truth.classes[known].tolist())) < SEVERAL:
            return ""
        apart = (self.answers.best - self.truth.classes)[known]
        for by, where in ((-1, "before"), (1, "after")):
            if 2 * (beside := int((apart == by).sum())) > self.top1.of:
                return (
                    f"no answer is right, but {beside:,} of {self.top1.of:,} are the class just {where} the right one: "
                    "do both sides count classes from the same number?"
                )
        return ""

    @cached_property
    def is_validation(self) -> bool:
        """Whether the pictures are as many of each class as in ImageNet's validation set."""
        return is_validation(self.truth.classes, self.truth.labels)

    @cached_property
    def against_published(self) -> tuple[str, ...]:
        """A sentence for each figure of the publisher's, and what is otherwise than there."""
        if self.published is None or not self.top1.of:
            return ()
        whole = self.is_validation and not self.answers.failed
        said = [verdict("top-1", self.top1, self.published.top1, whole)]
        if self.top5 is not None and self.published.top5 is not None:
            said.append(verdict("top-5", self.top5, self.published.top5, whole))
        if self.published.otherwise:
            said.append(f"the publisher measured otherwise: here {' and '.join(self.published.otherwise)}")
        return tuple(said)

    def name(self, index: int) -> str:
        """What a class is called: the first of its synonyms, or its number.

        With its wnid where ImageNet gives two classes the same name.
        """
        labels = self.truth.labels
        if index == NOBODY or labels is None:
            return "" if index == NOBODY else f"class {index}"
        label = labels[index]
        return f"{label.name} ({label.wnid})" if label.name in self._shared_names else label.name

    @cached_property
    def _shared_names(self) -> set[str]:
        labels = self.truth.labels
        if labels is None or labels.wnids == labels.texts:
            return set()
        seen: set[str] = set()
        return {label.name for label in labels if label.name in seen or seen.add(label.name)}  # type: ignore[func-returns-value]

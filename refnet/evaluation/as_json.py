"""An evaluation as JSON: all of it, with names beside the numbers."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

from refnet.evaluation.agreement import Agreement
from refnet.evaluation.evaluation import Evaluation
from refnet.evaluation.metrics import Share

MISTAKES, CONFUSIONS = 100, 100  # of each at most so many


def to_json(found: Sequence[Evaluation], agreements: Sequence[Agreement] = ()) -> dict[str, Any]:
    """Say all that was found, one or several models on one data set.

    Examples
    --------
    >>> import refnet
    >>> from refnet.evaluation import DataSet, evaluate
    >>> data = DataSet("cats", ("refnet/data/chelsea.png",), ("n02123159",), ("n02123159",), "names of files")
    >>> to_json([evaluate(refnet.load("lite0"), data)])["models"][0]["top5"]["right"]
    1
    """
    data = found[0].data
    return {
        "data": data.name,
        "pictures": len(data),
        "classes": len(data.classes),
        "classes_said_by": data.said_by,
        "notes": list(data.notes),
        "models": [_model(each) for each in found],
        "agreement": [_agreement(each, found[0]) for each in agreements],
    }


def share(found: Share | None) -> dict[str, Any] | None:
    """A share with its interval; None of nothing."""
    if found is None or not found.of:
        return None
    return {"right": found.right, "of": found.of, "share": found.share, "interval": list(found.interval)}


def _model(found: Evaluation) -> dict[str, Any]:
    says = found.published
    return {
        "model": found.model,
        "recipe": found.recipe,
        "matched": found.truth.told,
        "top1": share(found.top1),
        "top5": share(found.top5),
        "ece": _number(found.ece),
        "calibration": [
            {
                "above": each.low,
                "up_to": each.high,
                "count": each.count,
                "confidence": _number(each.confidence),
                "accuracy": _number(each.accuracy),
            }
            for each in found.calibration
        ],
        "published": says
        and {
            "release": says.release,
            "top1": says.top1,
            "top5": says.top5,
            "measured": says.measured,
            "otherwise": list(says.otherwise),
            "on_the_validation_set": found.is_validation,
            "verdict": list(found.against_published),
        },
        "notes": list(found.notes),
        "pictures_per_second": _number(found.pictures_per_second),
        "by_class": [
            {
                **_class(found, each.index),
                "top1": share(each.top1),
                "top5": share(each.top5),
                "precision": share(each.precision),
                "taken_for": {**_class(found, each.taken_for), "times": each.times} if each.times else None,
            }
            for each in found.by_class
        ],
        "confusions": [
            {
                "truth": _class(found, each.truth),
                "answer": _class(found, each.answer),
                "times": each.times,
                "back": each.back,
                "share_of_pictures": each.costs,
            }
            for each in found.confusions[:CONFUSIONS]
        ],
        "mistakes": [
            {
                "file": found.data.files[place],
                "truth": _class(found, int(found.truth.classes[place])),
                "answer": _class(found, int(found.answers.best[place])),
                found.meaning: _number(float(found.answers.values[place, 0])),
            }
            for place in found.mistakes(MISTAKES)
        ],
        "failed": [
            {"file": found.data.files[place], "error": why} for place, why in sorted(found.answers.failed.items())
        ],
    }


def _class(found: Evaluation, index: int) -> dict[str, Any]:
    labels = found.truth.labels
    if labels is None or index >= len(labels):
        return {"index": index}
    return {"index": index, "wnid": labels[index].wnid, "label": labels[index].text}


def _agreement(each: Agreement, ours: Evaluation) -> dict[str, Any]:
    return {
        "first": each.first,
        "second": each.second,
        "same": share(each.same),
        "only_first_right": each.only_first,
        "only_second_right": each.only_second,
        "largest_distance_of_same": _number(each.apart),
        "differences": [
            {
                "file": one.file,
                "first": _class(ours, one.ours),
                "first_value": _number(one.our_value),
                "second": _class(ours, one.theirs),
                "second_value": _number(one.their_value),
            }
            for one in each.differences
        ],
        "not_in_first": list(each.not_in_first),
        "not_in_second": list(each.not_in_second),
    }


def _number(value: float) -> float | None:
    """JSON has no NaN."""
    return value if math.isfinite(value) else None

"""How often two say the same: two models, and a model and a file."""

from dataclasses import replace

import numpy as np
import pytest

from refnet.errors import InputError
from refnet.evaluation import Answers, DataSet, Evaluation, between, evaluate, read_data_set, with_answers
from refnet.evaluation.answer_file import OtherAnswers
from refnet.evaluation.matching import Truth
from refnet.weights.labels import Labels

FILES = ("a.png", "b.png", "c.png", "d.png", "e.png")


def made(model, best, labels="wxyz", truth=(0, 1, 2, 3, 0)):
    """An evaluation with these classes as answers; None is a picture that failed."""
    classes = tuple("wxyz"[place] for place in (0, 1, 2, 3, 0))
    data = DataSet("letters", FILES, classes, tuple("wxyz"), "letters.csv")
    each = ["damaged" if index is None else [(index, 0.5 + index / 16)] for index in best]
    names = Labels(tuple(labels), tuple(labels)) if labels else None
    return Evaluation(
        model, "tf", data, Truth(np.array(truth, np.int32), "", names), Answers.of(each, 1), len(labels or "wxyz")
    )


def test_two_models():
    found = between(made("one", [0, 1, 2, 0, None]), made("two", [0, 1, 3, 3, 0]))
    assert (found.first, found.second) == ("one", "two")
    assert found.same == (2, 4)
    assert (found.only_first, found.only_second) == (1, 1)
    assert [one[:2] + one[3:4] for one in found.differences] == [("c.png", 2, 3), ("d.png", 0, 3)]
    assert found.differences[0].our_value == 0.5 + 2 / 16
    assert found.apart == 0
    assert (found.not_in_first, found.not_in_second) == (("e.png",), ())


def test_classes_are_the_same_by_their_ids():
    """The second model has a background before them, and one class that the first lacks."""
    one = made("one", [0, 1, 2, 3, None])
    two = made("two", [1, 2, 3, 5, 0], labels="_wxyzq", truth=(1, 2, 3, 4, 1))
    found = between(one, two)
    assert found.same == (3, 4)
    assert found.only_first == 1
    assert [one.file for one in found.differences] == ["d.png"]
    assert between(made("one", [0] * 5, None), made("two", [0] * 5, None)).same == (5, 5)


def test_other_pictures_have_no_agreement():
    one = made("one", [0] * 5)
    other = replace(one, data=replace(one.data, files=tuple("vwxyz")))
    with pytest.raises(InputError, match="letters and letters are not the same pictures"):
        between(one, other)


def test_a_file(network, pictures):
    data = read_data_set(pictures)
    ours = evaluate(network, data)
    of = {
        file.rpartition("/")[2]: [(str(best), 0.25)] for file, best in zip(data.files, ours.answers.best, strict=True)
    }
    assert with_answers(ours, network, OtherAnswers("theirs.csv", of)).same == (12, 12)
    changed = (int(ours.answers.best[4]) + 1) % 10
    names = [file.rpartition("/")[2] for file in data.files]
    of[names[4]], of[names[5]] = [(str(changed), 0.75)], "failed there"
    del of[names[6]]
    of["more.png"] = [("3", 0.5)]
    found = with_answers(ours, network, OtherAnswers("theirs.csv", of))
    assert found.same == (9, 10)
    (difference,) = found.differences
    assert difference == (data.files[4], ours.answers.best[4], ours.answers.values[4, 0], changed, 0.75)
    assert found.not_in_first == ("more.png",)
    assert found.not_in_second == (data.files[5], data.files[6])
    kept = [place for place in range(12) if place not in (4, 5, 6)]
    assert found.apart == max(abs(ours.answers.values[place, 0] - 0.25) for place in kept)

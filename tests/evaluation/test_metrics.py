"""What is counted, beside SciPy's interval and counts by plain loops."""

import math
from collections import Counter

import numpy as np
import pytest
import scipy.stats

from refnet.evaluation import metrics
from refnet.evaluation.answers import Answers
from refnet.evaluation.metrics import Share, by_class, confusions, most_confident_mistakes, top, wilson


@pytest.mark.parametrize("of", [1, 2, 5, 50, 200, 50_000])
def test_the_interval_is_scipys(of):
    for right in sorted({0, 1, of // 3, of // 2, of - 1, of}):
        theirs = scipy.stats.binomtest(right, of).proportion_ci(0.95, method="wilson")
        assert wilson(right, of) == pytest.approx((theirs.low, theirs.high), abs=1e-12)
        assert 0 <= Share(right, of).interval[0] <= right / of <= Share(right, of).interval[1] <= 1


def test_nothing_counted_says_nothing():
    assert math.isnan(Share(0, 0).share)
    assert Share(0, 0).interval == (0, 1)


def test_what_an_interval_holds():
    assert Share(37_600, 50_000).holds(0.751)
    assert not Share(37_600, 50_000).holds(0.758)


@pytest.fixture(scope="module")
def drawn():
    """Truth and answers of 300 pictures of 7 classes, six answers deep; some pictures failed."""
    rng = np.random.default_rng(3)
    truth = rng.integers(0, 7, 300).astype(np.int32)
    truth[truth == 5] = 4  # a class without a picture
    each = []
    for place in range(300):
        order = rng.permutation(7)[:6]
        values = np.sort(rng.dirichlet(np.ones(7)))[::-1]
        each.append("damaged" if place % 29 == 3 else [(int(c), float(v)) for c, v in zip(order, values, strict=False)])
    return truth, Answers.of(each, 6), each


def answered(truth, each):
    """The right class of each picture that has an answer, and all that was answered."""
    pairs = zip(truth, each, strict=True)
    return [(int(real), [index for index, _ in one]) for real, one in pairs if not isinstance(one, str)]


def test_top_1_and_top_5(drawn):
    truth, answers, each = drawn
    known = answered(truth, each)
    assert top(truth, answers) == (sum(real == found[0] for real, found in known), len(known))
    assert top(truth, answers, 5) == (sum(real in found[:5] for real, found in known), len(known))
    assert answers.depth == 6
    assert sorted(answers.failed) == [place for place in range(300) if place % 29 == 3]


def test_every_class(drawn):
    truth, answers, each = drawn
    scores = {score.index: score for score in by_class(truth, answers, 7)}
    assert sorted(scores) == [0, 1, 2, 3, 4, 6]
    known = [
        (int(real), [c for c, _ in one]) for real, one in zip(truth, each, strict=True) if not isinstance(one, str)
    ]
    for index, score in scores.items():
        own = [found for real, found in known if real == index]
        assert score.top1 == (sum(found[0] == index for found in own), len(own))
        assert score.top5 == (sum(index in found[:5] for found in own), len(own))
        assert score.answers == sum(found[0] == index for _, found in known)
        assert score.precision == (score.top1.right, score.answers)
        wrong = Counter(found[0] for found in own if found[0] != index)
        assert score.times == max(wrong.values())
        assert score.taken_for == min(c for c, times in wrong.items() if times == score.times)


def test_bad_beyond_doubt_comes_first():
    truth = np.array([0] * 1 + [1] * 20 + [2] * 4, np.int32)
    answers = Answers.of([[(2, 0.5)]] * 21 + [[(2, 0.5)]] * 4, 1)
    assert [score.index for score in by_class(truth, answers, 3)] == [1, 0, 2]
    assert by_class(truth, answers, 3)[0].top5 is None  # one answer deep


def test_confusions_go_both_ways(drawn):
    truth, answers, each = drawn
    counts = Counter((real, found[0]) for real, found in answered(truth, each) if real != found[0])
    found = confusions(truth, answers)
    assert sum(pair.both for pair in found) == sum(counts.values())
    assert len({frozenset(pair[:2]) for pair in found}) == len(found)
    for pair in found:
        assert (pair.times, pair.back) == (counts[pair.truth, pair.answer], counts[pair.answer, pair.truth])
        assert pair.times >= pair.back
        assert pair.costs == pair.both / int(answers.answered.sum())
    assert [pair.both for pair in found] == sorted((pair.both for pair in found), reverse=True)


def test_the_surest_mistakes_come_first(drawn):
    truth, answers, _ = drawn
    places = most_confident_mistakes(truth, answers, 10)
    wrong = [p for p in range(300) if answers.answered[p] and answers.best[p] != truth[p]]
    assert [answers.values[p, 0] for p in places] == sorted((answers.values[p, 0] for p in wrong), reverse=True)[:10]
    assert set(places) <= set(wrong)


def test_mistakes_of_answers_without_numbers():
    answers = Answers.of([[(1, math.nan)], [(1, 0.5)], [(1, math.nan)]], 1)
    assert most_confident_mistakes(np.array([0, 0, 0], np.int32), answers, 5) == [1, 0, 2]


def test_nothing_answered():
    truth, answers = np.array([0, 1], np.int32), Answers.of(["damaged", "damaged"], 5)
    assert top(truth, answers) == (0, 0)
    assert by_class(truth, answers, 2) == confusions(truth, answers) == most_confident_mistakes(truth, answers, 5) == []
    assert answers.depth == 0
    assert metrics.DEPTH == 5

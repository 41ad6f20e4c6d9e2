"""The chart: where a mark is, what lies on which axis, and that odd numbers do not spoil it."""

import re

import numpy as np
import pytest

from refnet.comparison.judgement.distance import measure_distance
from refnet.comparison.judgement.verdict import judge
from refnet.comparison.report.chart import BOTTOM, HEIGHT, TOP, chart, legend
from refnet.comparison.tensor_result import Deviation, TensorResult

TRUTH = np.ones((1, 4))


def row(name, outcome, error):
    actual = TRUTH * (1 + error)
    against = Deviation(measure_distance(actual, TRUTH), judge(actual, TRUTH.astype(np.float32), TRUTH))
    return TensorResult(name, name, outcome, by_itself=against, end_to_end=against)


def test_marks_stand_by_their_error():
    svg = chart([row("stem", "exact", 0), row("block1a.add", "rounded", 1e-7), row("block1b.add", "wrong", 1e-1)])
    heights = [float(y) for y in re.findall(r'<circle [^>]*cy="([0-9.]+)"', svg)]
    (diamond,) = re.findall(r'class="mark wrong" d="M[0-9.]+ ([0-9.]+)', svg)
    assert heights[0] == HEIGHT - BOTTOM
    assert TOP < float(diamond) < heights[1] < heights[0]
    assert re.findall("<title>(.*?):", svg) == ["stem", "block1a.add", "block1b.add"]
    assert re.findall(r'href="#(\w+)"', svg) == ["t1", "t2", "t3"]


def test_infinite_errors_are_at_the_top():
    svg = chart([row("stem", "rounded", 1e-7), row("head", "wrong", np.inf)])
    assert "nan" not in svg
    assert "inf" not in svg.replace("∞", "")
    (diamond,) = re.findall(r'class="mark wrong" d="M[0-9.]+ ([0-9.]+)', svg)
    assert float(diamond) < TOP


def test_stages_are_named_once():
    names = ["stem", "block1a.depthwise", "block1b.add", "block2a.project", "head"]
    svg = chart([row(name, "rounded", 1e-7) for name in names])
    assert re.findall(r'text-anchor="middle">(.*?)<', svg) == ["stem", "block1", "block2", "head"]


@pytest.mark.parametrize("rows", [[], [TensorResult("stem", "stem", "wrong")]])
def test_nothing_to_draw(rows):
    assert chart(rows) == ""


def test_names_are_text():
    assert "<b>" not in chart([row("<b>", "rounded", 1e-7)])


def test_only_marks_that_are_there_are_explained():
    words = re.findall("</svg>(.*?)<", legend([row("stem", "exact", 0), row("head", "wrong", 1e-1)]))
    assert words == ["exact", "wrong", "noise floor", "end to end"]

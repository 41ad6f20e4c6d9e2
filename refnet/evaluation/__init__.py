"""Evaluation: networks on pictures of known classes: how often they are right, how sure, and what they mix up."""

from refnet.evaluation.agreement import Agreement, Difference, between, with_answers
from refnet.evaluation.answer_file import OtherAnswers, from_answers, read_answers
from refnet.evaluation.answers import Answers
from refnet.evaluation.calibration import Bin
from refnet.evaluation.data_set import DataSet
from refnet.evaluation.evaluation import Evaluation
from refnet.evaluation.folders import read_data_set
from refnet.evaluation.matching import Truth, find_truth
from refnet.evaluation.metrics import ClassScore, Confusion, Share, wilson
from refnet.evaluation.published import Published
from refnet.evaluation.run import evaluate

__all__ = [
    "Agreement",
    "Answers",
    "Bin",
    "ClassScore",
    "Confusion",
    "DataSet",
    "Difference",
    "Evaluation",
    "OtherAnswers",
    "Published",
    "Share",
    "Truth",
    "between",
    "evaluate",
    "find_truth",
    "from_answers",
    "read_answers",
    "read_data_set",
    "wilson",
    "with_answers",
]

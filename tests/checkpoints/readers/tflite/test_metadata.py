"""What is noted beside a graph of TensorFlow Lite."""

import pytest
from helpers.tflite_metadata import CALIBRATION, NORMALIZATION, THRESHOLDING, metadata

from refnet.checkpoints.readers.tflite.metadata import Metadata, parse
from refnet.errors import CheckpointError


@pytest.mark.parametrize(("numbers", "found"), [([127.0], (127.0,) * 3), ([1.0, 2.0, 3.0], (1.0, 2.0, 3.0))])
def test_normalisation(numbers, found):
    assert parse(metadata((NORMALIZATION, {0: numbers, 1: [128.0]}))) == Metadata(found, (128.0,) * 3)


def test_nothing_much():
    assert parse(metadata()) == Metadata()
    assert parse(metadata((THRESHOLDING, {}))) == Metadata()


def test_files_behind_the_graph():
    assert parse(metadata(files=("labels.txt", "labels.txt", "other.txt"))).files == ("labels.txt", "other.txt")


def test_what_is_done_to_scores():
    assert parse(metadata((CALIBRATION, {}))).steps == ("score calibration",)


@pytest.mark.parametrize(
    ("data", "why"),
    [
        (b"\0" * 16, "not of the kind M001"),
        (metadata((NORMALIZATION, {0: [1.0, 2.0], 1: [1.0]})), "with 2 numbers; want one or three"),
        (metadata(*[(NORMALIZATION, {0: [1.0], 1: [1.0]})] * 2), "more than once"),
        (metadata(graphs=2), "of 2 graphs, not one"),
    ],
)
def test_refused(data, why):
    with pytest.raises(CheckpointError, match=why):
        parse(data)

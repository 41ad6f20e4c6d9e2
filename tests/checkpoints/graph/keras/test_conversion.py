"""Keras's whole models through ``convert``: the weight file answers, the certificate says what was told."""

import json

import numpy as np
import pytest
from helpers.keras_programs import candidates
from helpers.places import DATA

from refnet.checkpoints import certificate
from refnet.checkpoints.conversion import convert
from refnet.checkpoints.graph import match
from refnet.checkpoints.stated import Stated
from refnet.errors import CheckpointError
from refnet.network import Network
from refnet.weights import reader

FOLDER = DATA / "keras_programs"


@pytest.fixture(autouse=True)
def narrow(monkeypatch):
    """Small networks are among the published ones."""
    monkeypatch.setattr(match, "every_variant", candidates)


def converted(file, tmp_path, **stated):
    path = convert(FOLDER / file, Stated(**stated), out=tmp_path / "mine.h5")
    facts = json.loads(certificate.beside(path).read_text())["conversion"]
    assert certificate.prove(path, reader.read(path)) is None
    return reader.read(path), facts


@pytest.mark.parametrize("file", ["tutorial.h5", "operations.h5", "max.keras", "hub.keras", "package.h5"])
def test_the_weight_file_answers(file, tmp_path):
    weights, facts = converted(file, tmp_path)
    with np.load(FOLDER / "expected.npz") as expected:
        x, wanted = expected["pixels"].astype(np.float32), expected[file]
    if file != "package.h5":  # whose pixels are normalised before
        for name, numbers in weights.recipe.normalise:
            x = {"multiply": np.multiply, "subtract": np.subtract, "divide": np.divide}[name](x, np.float32(numbers))
    answer = Network(weights, dtype="float64", threads=1).answer(x)
    assert np.abs(answer - wanted).max() < 2e-6  # Keras's float64 pixels are not rounded to float32
    assert weights.provenance.publisher == "keras"
    assert facts["sources"]["stem/kernel"].endswith("stem_conv/kernel")
    assert facts["normalisation"] == ("the publisher's" if file == "package.h5" else "the file's")


def test_what_is_told(tmp_path):
    assert converted("hub.keras", tmp_path)[1]["told"] == [
        "its preprocessor resizes pictures by bilinear, in its own way; here the recipe says how"
    ]
    (told,) = converted("package.h5", tmp_path)[1]["told"]
    assert told == "the program does not change pixels: they are taken to be normalised by recipe keras"


def test_features_alone(tmp_path):
    weights, facts = converted("tutorial.h5", tmp_path, head="none")
    assert (weights.architecture.classes, len(weights.architecture.top.layers)) == (0, 0)
    assert "left out as asked" in facts["told"][0]


@pytest.mark.parametrize(
    ("stated", "message"),
    [
        ({"output": "none"}, "you state --output none, but it is softmax here"),
        ({"model": "b1"}, "the network is small, not b1"),
        ({"publisher": "timm"}, "--publisher timm, but it is keras here"),
        ({"padding": "symmetric"}, "--padding symmetric, but it is same here"),
    ],
)
def test_what_the_file_contradicts(stated, message, tmp_path):
    with pytest.raises(CheckpointError, match=message):
        converted("tutorial.h5", tmp_path, **stated)
